"""`make serve`: a served model from nothing. Installs, builds, fetches the model, then becomes the server."""

import os
import socket
import sys

import machine
import models
from steps import Stop, binary, must, say


def port_is_free(host, port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def main():
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8080"
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise Stop(f"PORT={port} is not a port number")
    # Told before ten minutes of building, not after.
    if not port_is_free(host, int(port)):
        raise Stop(f"port {port} is in use; choose another one: `make serve PORT=8081`")
    machine.install("serve")
    hint = "the first time about 10 minutes on two cores, most of it llama.cpp" if not binary().exists() else ""
    must("Building", ["cargo", "build", "--release", "--bin", "espalier"], 3600, hint=hint)
    model = os.environ.get("MODEL") or models.fetch("smollm2")
    say("Starting the server; Ctrl-C ends it")
    arguments = [str(binary()), "serve", "--model", str(model), "--host", host, "--port", port]
    os.execv(arguments[0], arguments)


if __name__ == "__main__":
    try:
        main()
    except Stop as reason:
        sys.exit(f"Cannot go on: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
