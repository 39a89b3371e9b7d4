"""What the machine needs before anything is built: finds what is missing and installs it with apt-get.

`python3 scripts/machine.py serve|test` alone does just that.
"""

import glob
import os
import pathlib
import re
import shutil
import subprocess
import sys

from steps import Stop, must, run, say

RUST = (1, 95)


def quiet(*command):
    """The exit status is 0."""
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def has_libclang():
    """bindgen needs the library and clang's own headers."""
    places = [os.environ.get("LIBCLANG_PATH", "")] + glob.glob("/usr/lib/llvm-*/lib") + glob.glob("/usr/lib/*-linux-gnu")
    library = any(glob.glob(f"{place}/libclang*.so*") for place in places if place)
    headers = glob.glob("/usr/lib/llvm-*/lib/clang/*/include/stddef.h") + glob.glob("/usr/lib/clang/*/include/stddef.h")
    return library and bool(headers)


def has_pip_or_venv():
    return quiet(sys.executable, "-m", "pip", "--version") or has_venv()


def has_venv():
    return quiet(sys.executable, "-c", "import venv, ensurepip")


# What is looked for, how, and which Debian or Ubuntu packages bring it.
NEEDS = {
    "cmake": (lambda: shutil.which("cmake"), ["cmake"]),
    "a C++ compiler": (lambda: shutil.which("c++") or shutil.which("g++"), ["g++"]),
    "libclang": (has_libclang, ["libclang-dev"]),
    "curl": (lambda: shutil.which("curl"), ["curl"]),
    "pip": (has_pip_or_venv, ["python3-venv"]),
    "Python's venv": (has_venv, ["python3-venv"]),
    "Node": (lambda: shutil.which("node") or shutil.which("nodejs"), ["nodejs"]),
    "npm": (lambda: shutil.which("npm"), ["npm"]),
    "Lua's compiler": (lambda: shutil.which("luac5.4") or shutil.which("luac"), ["lua5.4"]),
}
FOR = {
    "build": ["cmake", "a C++ compiler", "libclang"],
    "serve": ["cmake", "a C++ compiler", "libclang", "curl", "pip"],
    "test": ["cmake", "a C++ compiler", "libclang", "curl", "Python's venv", "Node", "npm", "Lua's compiler"],
}


def find_rust():
    """Puts cargo on the PATH of what we start, or says how to get it."""
    cargo_bin = pathlib.Path(os.environ.get("CARGO_HOME") or pathlib.Path.home() / ".cargo") / "bin"
    if not shutil.which("cargo") and (cargo_bin / "cargo").exists():
        os.environ["PATH"] = f"{cargo_bin}{os.pathsep}{os.environ['PATH']}"
    if not shutil.which("cargo"):
        raise Stop("Rust is missing: there is no `cargo`. Install it from https://rustup.rs and run this again.")
    told = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)\.(\d+)", told)
    if not version or tuple(map(int, version.groups())) < RUST:
        raise Stop(f"Rust {RUST[0]}.{RUST[1]} or newer is needed, found: {told.strip() or 'none'}. `rustup update` helps.")


def find_rust_parts():
    """rustfmt and clippy, which only the tests need."""
    for name, probe in (("rustfmt", "fmt"), ("clippy", "clippy")):
        if quiet("cargo", probe, "--version"):
            continue
        if not shutil.which("rustup"):
            raise Stop(f"`cargo {probe}` is missing and there is no rustup to add it with: install {name}.")
        must(f"Adding {name}", ["rustup", "component", "add", name], 300)


def install(purpose):
    """Installs what `purpose` (build, serve, test) needs and the machine lacks. Quick when nothing is missing."""
    find_rust()
    missing = [need for need in FOR[purpose] if not NEEDS[need][0]()]
    if missing:
        packages = sorted({package for need in missing for package in NEEDS[need][1]})
        apt(missing, packages)
        left = [need for need in missing if not NEEDS[need][0]()]
        if left:
            raise Stop(f"still missing after the installation: {', '.join(left)}")
    if purpose == "test":
        find_rust_parts()


def apt(missing, packages):
    words = f"missing: {', '.join(missing)} (Debian and Ubuntu packages: {' '.join(packages)})"
    if not shutil.which("apt-get"):
        raise Stop(f"{words}. There is no apt-get here: install them with this system's own tool and run this again.")
    if os.geteuid() == 0:
        prefix = []
    elif shutil.which("sudo"):
        prefix = ["sudo", "env", "DEBIAN_FRONTEND=noninteractive"]
        say("sudo may ask for your password")
        if subprocess.run(["sudo", "-v"], check=False).returncode != 0:
            raise Stop(f"{words}. sudo was refused: ask an administrator to run `apt-get install {' '.join(packages)}`.")
    else:
        raise Stop(f"{words}. Neither root nor sudo here: have someone run `apt-get install {' '.join(packages)}`.")
    say(words)
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    options = ["-q", "-y", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300"]
    # A stale index is tried first on an old machine, but a fresh one has none at all: always update, and go on without.
    run("Reading the package lists", prefix + ["apt-get", *options, "update"], 300, env=env, own_group=False)
    command = prefix + ["apt-get", *options, "--no-install-recommends", "install", *packages]
    must(f"Installing {' '.join(packages)}", command, 900, env=env, own_group=False)


if __name__ == "__main__":
    try:
        install(sys.argv[1] if len(sys.argv) > 1 else "serve")
    except Stop as reason:
        sys.exit(f"Cannot go on: {reason}")
