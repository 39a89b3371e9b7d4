"""Serves the model, runs main.mjs with the given Node against it: `run.py NODE FOLDER_WITH_THE_CLIENT`."""

import os
import pathlib
import shutil
import subprocess
import sys

from served import Server


def main(node, folder):
    # Node looks for packages beside the file that imports them.
    script = pathlib.Path(folder) / "main.mjs"
    shutil.copyfile(pathlib.Path(__file__).with_name("main.mjs"), script)
    with Server() as server:
        env = dict(os.environ, ESPALIER_URL=server.url, ESPALIER_MODEL_ID=server.model_id())
        status = subprocess.run([node, str(script)], env=env, check=False, timeout=500).returncode
        if status:
            print("The server's last lines:\n" + "\n".join(server.log().splitlines()[-20:]))
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
