"""`make measure`: the long measurements. Results go to benches/record/, dated.

Variables: LLAMA_SERVER (the peer's program), TOKENIZER and CASES (for the mask benchmark), ROUNDS.
"""

import datetime
import os
import sys

import machine
import models
import test
from steps import ROOT, Stop, binary, must, say

RECORD = ROOT / "benches" / "record"
SHARED = ROOT.parent / "shared" / "data"


def serving(today):
    command = [sys.executable, ROOT / "benches" / "serve.py", "--rounds", os.environ.get("ROUNDS") or "6",
               "--record", RECORD / f"{today}-serve.md"]
    peer = os.environ.get("LLAMA_SERVER")
    if peer:
        command += ["--llama-server", peer]
    else:
        say("LLAMA_SERVER is not set: measured without the peer (benches/llama-server.md says how to build it)")
    env = {"ESPALIER_BINARY": str(binary()), "ESPALIER_MODEL": str(models.fetch("smollm2")), "PYTHONUNBUFFERED": "1"}
    must("Serving", command, 3600, show=True, env=env)


def masks(today):
    tokenizer = os.environ.get("TOKENIZER") or str(SHARED / "tokenizers" / "llama-3.1.tokenizer.json.gz")
    cases = os.environ.get("CASES") or str(SHARED / "maskbench" / "maskbench-open.jsonl.gz")
    if not (ROOT / "benches" / "mask" / "main.rs").exists():
        say("SKIPPED the mask benchmark: benches/mask is not there")
    elif not (os.path.exists(tokenizer) and os.path.exists(cases)):
        say(f"SKIPPED the mask benchmark: {tokenizer} or {cases} is not there; set TOKENIZER and CASES")
    else:
        names = [os.path.basename(path).split(".tokenizer")[0].split(".jsonl")[0] for path in (tokenizer, cases)]
        report = RECORD / f"{today}-mask-{names[0]}-{names[1]}.json"
        must("Masks", ["cargo", "bench", "--bench", "mask", "--", "--tokenizer", tokenizer, "--cases", cases,
                       "--report", report], 4 * 3600, show=True)


def scaling():
    """Mask time against the size of the vocabulary and the length of the document; printed, to be put into a record."""
    files = [models.fetch("smollm2"), *sorted((SHARED / "tokenizers").glob("*.gz")), models.fetch("gemma3")]
    must("Scaling", ["cargo", "bench", "--bench", "scaling", "--", *files], 3600, show=True)


def repair():
    """Minimality against brute force, and damaged documents; printed, to be put into a record."""
    env = {"ESPALIER_MEASURE": "1", "ESPALIER_SHARED": str(SHARED.parent)}
    must("Repair", ["cargo", "test", "--release", "--no-default-features", "--test", "guard", "--", "--nocapture"], 2 * 3600,
         show=True, env=env)


def random_cases():
    """The engine against its oracles on cases that are new each time, more of them than `make test` takes."""
    must("Random cases", ["cargo", "test", "--release", "--no-default-features", "--lib", "--", "equals"], 3600, show=True,
         env={"PROPTEST_CASES": "5000"})


def judged(today):
    """All the answers that two validators judge; `make test` has a sample of them."""
    python = test.python()
    answers = RECORD.parent.parent / ".espalier" / "judge" / "answers.jsonl"
    answers.parent.mkdir(parents=True, exist_ok=True)
    must("Judged answers", [python, test.CLIENTS / "judge" / "run.py", "--out", answers, "--cut-share", "0.05"], 2 * 3600, show=True,
         env=test.for_clients())
    must("Answers with hardly any room", [python, test.CLIENTS / "judge" / "run.py", "--out", answers.with_name("tight.jsonl"),
         "--schemas", "200", "--seeds", "1", "--room", "1.2", "--cut-share", "0"], 3600, show=True, env=test.for_clients())
    must("The same answers, judged in Rust", ["cargo", "test", "--release", "--test", "judge"], 900, show=True,
         env={"ESPALIER_JUDGE_ANSWERS": str(answers)})


def grammars():
    """500 answers under 25 grammars, read by parsers that are not ours."""
    must("Answers under grammars", [test.python(), test.CLIENTS / "grammars" / "run.py"], 3600, show=True, env=test.for_clients())


def main():
    machine.install("test")
    must("Building", ["cargo", "build", "--release", "--bin", "espalier"], 3600)
    RECORD.mkdir(parents=True, exist_ok=True)
    today = datetime.date.today().isoformat()
    serving(today)
    judged(today)
    grammars()
    masks(today)
    scaling()
    repair()
    random_cases()


if __name__ == "__main__":
    try:
        main()
    except Stop as reason:
        sys.exit(f"Cannot go on: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
