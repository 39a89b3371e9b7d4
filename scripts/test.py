"""`make test` and `make check`: every part with its time limit, then one line that sums them up.

`python3 scripts/test.py --list` names the parts; `python3 scripts/test.py PART ...` runs some of them.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import machine
import models
from steps import BEGAN, ROOT, STATE, Stop, binary, clock, must, run, say
from time import monotonic

# The versions that the tests were written against.
# Descriptions of the providers' protocols, and what reads them.
SPEC_PACKAGES = ["botocore==1.44.8", "google-api-python-client==2.202.0", "pyyaml==6.0.4"]
PYTHON_CLIENT = ["openai==3.54.0", "pydantic==2.14.3", "jsonschema[format]==4.26.0", "lark==1.3.1", *SPEC_PACKAGES]
# The vendors' own clients, and a gateway that is somebody else's.
VENDOR_CLIENTS = ["openai==3.57.0", "anthropic==2.14.0", "google-genai==3.6.1"]
LITELLM = ["litellm[proxy]==1.108.7"]
NODE_CLIENT = ["openai@7.57.0", "zod@4.6.7"]
# The Node client wants Node 22; Debian 12 has 18. npm carries the program itself.
NODE = "22.23.3"
CLIENTS = ROOT / "tests" / "clients"
ANSWERS = STATE / "judge" / "answers.jsonl"


class Count:
    def __init__(self, passed=0, failed=0, skipped=0, notes=()):
        self.passed, self.failed, self.skipped, self.notes = passed, failed, skipped, list(notes)

    def add(self, other):
        self.passed, self.failed = self.passed + other.passed, self.failed + other.failed
        self.skipped, self.notes = self.skipped + other.skipped, self.notes + other.notes


def whole(status, output):
    """One check, passed or failed as a whole."""
    return Count(passed=1) if status == 0 else Count(failed=1)


def cargo_tests(status, output):
    """Sums cargo's own result lines; a test that lacks a file prints a line with SKIPPED and passes."""
    count = Count()
    for passed, failed, ignored in re.findall(r"test result: \S+ (\d+) passed; (\d+) failed; (\d+) ignored", output):
        count.add(Count(int(passed), int(failed), int(ignored)))
    skipped = sorted({line.strip() for line in output.splitlines() if "SKIPPED" in line})
    names = sorted(set(re.findall(r"^test (\S+) \.\.\. FAILED$", output, re.MULTILINE)))
    count.add(Count(skipped=len(skipped), notes=skipped + [f"FAILED {name}: {reason(name, output)}" for name in names]))
    if status != 0 and count.failed == 0:
        count.failed = 1
    return count


def reason(test, output):
    """The first words of what a Rust test said when it failed."""
    said = re.search(rf"^thread '{re.escape(test)}'[^\n]* panicked at (\S+)\n\s*([^\n]*)", output, re.MULTILINE)
    return f"{said[1]} {said[2]}"[:300] if said else "it said nothing"


def own_line(status, output):
    """The last line `N passed, N failed[, N skipped]` that our own runners print."""
    found = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.MULTILINE)
    if not found:
        return Count(failed=1, notes=["no result line"])
    passed, failed, skipped = (int(n or 0) for n in found[-1])
    notes = [line.strip()[:300] for line in output.splitlines() if re.match(r"\s*FAILED\b", line)]
    return Count(passed, max(failed, int(status != 0)), skipped, notes)


def cargo(title, arguments, limit, read=whole, env=None, **more):
    return part_run(title, ["cargo", *arguments], limit, read, env=env, **more)


def part_run(title, command, limit, read, **more):
    status, output = run(title, command, limit, **more)
    count = read(status, output)
    if status != 0:
        print("\n".join("        " + line for line in output.splitlines()[-60:]), flush=True)
    return count


def fmt():
    return cargo("Format", ["fmt", "--all", "--check"], 120)


def build():
    hint = "" if binary().exists() else "llama.cpp is compiled once: about 8 minutes on two cores"
    return cargo("Build", ["build", "--release", "--bin", "espalier"], 1500, hint=hint)


def engine():
    """The pure engine builds without server, network and llama.cpp."""
    arguments = ["clippy", "--release", "--no-default-features", "--lib", "--", "-D", "warnings"]
    return cargo("Engine alone", arguments, 600)


def clippy():
    return cargo("Clippy", ["clippy", "--release", "--all-targets", "--", "-D", "warnings"], 900)


def docs():
    return cargo("Documentation", ["doc", "--release", "--no-deps"], 600, env={"RUSTDOCFLAGS": "-D warnings"})


def fast():
    return cargo("House and unit tests", ["test", "--release", "--lib", "--test", "house"], 900, cargo_tests,
                 env=for_rust())


def rust():
    arguments = ["test", "--release", "--no-fail-fast", "--", "--show-output"]
    return cargo("All Rust tests", arguments, 2700, cargo_tests, env=for_rust())


def for_rust():
    """What the Rust tests are told: the same random cases each time (`make measure` draws new ones), and the models.

    A test whose model is not there says so and skips."""
    found = {"ESPALIER_MODEL": "smollm2", "ESPALIER_MODEL_GEMMA": "gemma3"}
    paths = {name: models.FOLDER / models.MODELS[model]["file"] for name, model in found.items()}
    return {"PROPTEST_RNG_SEED": "1", **{name: str(path) for name, path in paths.items() if path.exists()}}


def fetch():
    models.fetch("smollm2")
    try:
        models.fetch("gemma3")
    except Stop as reason:
        return Count(skipped=1, notes=[f"SKIPPED the tests on Gemma's vocabulary: {reason}"])
    return Count()


def python():
    """A virtual environment with the official client; made once, made anew when the versions change."""
    return environment("venv", PYTHON_CLIENT) / "python"


def environment(name, packages):
    """Where the programs of a virtual environment with these packages are."""
    if sys.version_info < (3, 10):
        raise Stop(f"the packages need Python 3.10 or newer, found {sys.version.split()[0]}")
    home = STATE / name
    mark, wanted = home / "versions", f"{sys.version}\n" + "\n".join(packages)
    if not (mark.exists() and mark.read_text() == wanted):
        must("Python environment", [sys.executable, "-m", "venv", "--clear", home], 120)
        must(f"Python packages for {name}", [home / "bin" / "pip", "install", "--quiet", *packages], 600, hint="once")
        mark.write_text(wanted)
    return home / "bin"


def node():
    """Node and the official client in a folder of our own."""
    home = STATE / "node"
    mark, wanted = home / "versions", "\n".join([NODE, *NODE_CLIENT])
    if not (mark.exists() and mark.read_text() == wanted):
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        (home / "package.json").write_text('{"private": true}\n')
        packages = [*NODE_CLIENT, *([] if own_node_is_new() else [node_package()])]
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-progress", "--ignore-scripts", *packages]
        must("Node client", command, 600, cwd=home, hint="once")
        mark.write_text(wanted)
    return shutil.which("node") if own_node_is_new() else home / "node_modules" / node_package().split("@")[0] / "bin" / "node"


def own_node_is_new():
    try:
        told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    version = re.match(r"v(\d+)\.", told)
    return bool(version) and int(version.group(1)) >= 22


def node_package():
    kinds = {"x86_64": "x64", "aarch64": "arm64"}
    kind = kinds.get(os.uname().machine)
    if not kind:
        raise Stop(f"the official Node client needs Node 22 or newer; install it (this machine: {os.uname().machine})")
    return f"node-linux-{kind}@{NODE}"


def for_clients():
    return {
        "ESPALIER_BINARY": str(binary()),
        "ESPALIER_MODEL": str(models.fetch("smollm2")),
        "PYTHONPATH": str(CLIENTS),
        "PYTHONUNBUFFERED": "1",
    }


def client_python():
    return part_run("Official Python client", [python(), CLIENTS / "python" / "run.py"], 900, own_line, show=True,
                    env=for_clients())


def client_node():
    program = node()
    env = dict(for_clients(), NODE_PATH=str(STATE / "node" / "node_modules"))
    command = [python(), CLIENTS / "node" / "run.py", program, STATE / "node"]
    return part_run("Official Node client", command, 600, own_line, show=True, env=env)


def process():
    return part_run("Bad input and signals", [python(), CLIENTS / "process" / "run.py"], 600, own_line, show=True,
                    env=for_clients())


def commands():
    return part_run("Commands against Python's jsonschema", [python(), CLIENTS / "commands" / "run.py"], 600, own_line,
                    show=True, env=for_clients())


def sql():
    """SQL against SQLite. A tenth of the queries; ESPALIER_SQL_SHARE=1 takes all."""
    return part_run("SQL judged by SQLite", [python(), CLIENTS / "sql" / "run.py"], 900, own_line, show=True,
                    env=for_clients())


def judge():
    """Answers of the model to real schemas, judged by two validators that are not ours: a sample, two seeds each.

    All ten seeds are in `make measure`."""
    ANSWERS.parent.mkdir(parents=True, exist_ok=True)
    ANSWERS.unlink(missing_ok=True)
    command = [python(), CLIENTS / "judge" / "run.py", "--out", ANSWERS, "--seeds", "2", "--max-tokens", "256",
               "--cut-share", "0.05"]
    count = part_run("Answers judged by Python's jsonschema", command, 1500, own_line, show=True, env=for_clients())
    env = {"ESPALIER_JUDGE_ANSWERS": str(ANSWERS)}
    count.add(cargo("The same answers judged by Rust's jsonschema", ["test", "--release", "--test", "judge"], 900,
                    cargo_tests, env=env))
    return count


def grammars():
    """Answers of the model under grammars, read by parsers that are not ours: a sample. All 500 are in `make measure`."""
    command = [python(), CLIENTS / "grammars" / "run.py", "--seeds", "3"]
    return part_run("Answers read by other parsers", command, 900, own_line, show=True, env=for_clients())


def specs():
    """Requests to providers, held against the providers' own descriptions."""
    shared = pathlib.Path(os.environ.get("ESPALIER_SHARED") or ROOT.parent / "shared") / "data" / "specs"
    if not shared.is_dir():
        return Count(skipped=1, notes=["SKIPPED: the descriptions are not there (set ESPALIER_SHARED)"])
    sent = STATE / "sent.jsonl"
    count = cargo("Requests to providers", ["test", "--release", "--test", "it", "cloud::specs"], 1500, cargo_tests,
                  env={"ESPALIER_SENT": str(sent)})
    count.add(part_run("The same requests against the descriptions", [python(), CLIENTS / "specs" / "run.py", sent, shared],
                       300, own_line, show=True))
    return count


def dialects():
    """The vendors' own clients against the answers that our tests play."""
    try:
        program = environment("venv-vendors", VENDOR_CLIENTS) / "python"
    except Stop as reason:
        return Count(skipped=1, notes=[f"SKIPPED the vendors' own clients: {reason}"])
    return part_run("Vendors' clients against our scripted providers", [program, CLIENTS / "dialects" / "run.py"], 600, own_line,
                    show=True, env={"PYTHONPATH": str(CLIENTS), "PYTHONUNBUFFERED": "1"})


def upstreams():
    """LiteLLM's proxy and a second server of our own as providers."""
    more, notes = [], []
    try:
        more = ["--litellm", environment("venv-litellm", LITELLM) / "litellm"]
    except Stop as reason:
        notes.append(f"SKIPPED LiteLLM's proxy as a provider: {reason}")
    env = {"ESPALIER_BINARY": str(binary()), "PYTHONPATH": str(CLIENTS), "PYTHONUNBUFFERED": "1"}
    count = part_run("Gateways as providers", [sys.executable, CLIENTS / "upstreams" / "run.py", *more], 900, own_line, show=True,
                     env=env)
    count.add(Count(notes=notes))
    return count


PARTS = {
    "fmt": fmt, "build": build, "models": fetch, "clippy": clippy, "engine": engine, "docs": docs, "fast": fast,
    "rust": rust, "python": client_python, "node": client_node, "commands": commands, "sql": sql,
    "process": process, "judge": judge, "grammars": grammars, "specs": specs, "dialects": dialects, "upstreams": upstreams,
}
CHECK = ["fmt", "clippy", "engine", "docs", "fast"]
# `rust` contains `fast`. The binary is built on its own, as `make serve` builds it, and not with the tests' features.
ALL = ["fmt", "build", "models", "clippy", "engine", "docs", "rust", "commands", "sql", "python", "node", "process", "judge",
       "grammars", "specs", "dialects", "upstreams"]


def main(arguments):
    if arguments == ["--list"]:
        print("\n".join(PARTS))
        return 0
    names = {"all": ALL, "check": CHECK}.get(arguments[0] if arguments else "all", arguments)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise Stop(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    machine.install("build" if names == CHECK else "test")
    machine.find_rust_parts()
    total, lines = Count(), []
    for number, name in enumerate(names, 1):
        began = monotonic()
        try:
            count = PARTS[name]()
        except Stop as reason:
            say(f"{name} cannot go on: {reason}")
            count = Count(failed=1)
        total.add(count)
        line = f"{name}: {count.passed} passed, {count.failed} failed, {count.skipped} skipped in {clock(monotonic() - began)}"
        lines.append(line)
        say(f"part {number} of {len(names)}, {line}")
        if name == "build" and count.failed:
            say("nothing else can run without the build")
            break
    print()
    for line in lines + total.notes:
        print("  " + line)
    print(f"  {total.skipped} skipped, {clock(monotonic() - BEGAN)} in all")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Stop as reason:
        print("0 passed, 1 failed")
        sys.exit(f"Cannot go on: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
