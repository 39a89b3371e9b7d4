"""What serving costs: constrained against free decoding, our answers per second against llama-server's, first answer, memory.

    python3 benches/serve.py [--llama-server FILE] [--pairs N] [--rounds N] [--threads N] [--record FILE.md] [--only ratio,peer,start]

Needs the built binary, the default model and an idle machine. llama-server is the peer; how it is built:
benches/llama-server.md. Servers run one at a time; the order of the runs alternates, so that a machine that gets slower or
faster does it to both. A figure is the median over the pairs or rounds.
"""

import argparse
import contextlib
import datetime
import functools
import json
import os
import pathlib
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "clients"))

from served import Server, free_port, model  # noqa: E402

CUSTOMER = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 30},
        "email": {"type": "string", "minLength": 3, "maxLength": 40},
        "age": {"type": "integer", "minimum": 18, "maximum": 99},
        "plan": {"enum": ["free", "basic", "premium"]},
        "active": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 3},
    },
    "required": ["name", "email", "age", "plan", "active", "tags"],
    "additionalProperties": False,
}
# Constrained answers go home within max_tokens, so they end a few tokens before it; so many customers are demanded that
# they do not end much earlier.
CUSTOMERS = {"type": "array", "items": CUSTOMER, "minItems": 5}
ASK = [{"role": "user", "content": "Make up a customer of an online shop, as JSON with name, email, age, plan, active, tags."}]
# SmolLM2's end tokens. Banned in both, so that free decoding does not stop early.
NO_END = {"0": -100, "2": -100}


class Peer(Server):
    """llama-server with the flags that stand in the record."""

    def __init__(self, program, threads):
        self.port = free_port()
        self.output = tempfile.NamedTemporaryFile("w+", prefix="llama-server-", suffix=".log", delete=False)
        self.command = [program, "-m", model(), "-t", str(threads), "-c", "8192", "-np", "4", "--port", str(self.port)]
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT)
        self.url = f"http://127.0.0.1:{self.port}"
        try:
            self.wait_until_healthy(120)
        except BaseException:
            self.end()
            raise


def peak_mib(pid):
    """Highest resident memory of a process so far."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1024


def at_once(works):
    """Runs functions side by side; the first failure is ours."""
    failures = []

    def guarded(work):
        try:
            work()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def load(server, concurrency, bodies):
    """Sends all bodies, `concurrency` at a time; returns (seconds, answers)."""
    waiting, answers, lock = list(enumerate(bodies)), [], threading.Lock()
    name = server.model_id()

    def work():
        while True:
            with lock:
                if not waiting:
                    return
                number, body = waiting.pop(0)
            status, _, answer = server.post("/v1/chat/completions", {"model": name, **body}, timeout=600)
            if status != 200:
                raise RuntimeError(f"status {status}: {answer}")
            with lock:
                answers.append((number, answer))

    began = time.monotonic()
    at_once([work] * concurrency)
    return time.monotonic() - began, [answer for _, answer in sorted(answers, key=lambda pair: pair[0])]


def schema_format(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def stream(server, body, ticks, done):
    """Notes the moment of each chunk with text; then how many tokens these were."""
    with contextlib.closing(server.connect(600)) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"status {answer.status}: {answer.read()}")
        for line in answer:
            now = time.monotonic()
            if line.startswith(b"data: {"):
                event = json.loads(line[len(b"data: "):])
                if event.get("usage"):
                    done.append(event["usage"]["completion_tokens"])
                elif event["choices"][0]["delta"].get("content"):
                    ticks.append(now)


def rate(server, bodies):
    """Tokens per second of answers that run at the same time, from when all have begun until the first one ends: so that
    none is measured with fewer beside it. Returns (rate, tokens of each)."""
    more = {"model": server.model_id(), "stream": True, "stream_options": {"include_usage": True}}
    answers = [([], []) for _ in bodies]
    at_once([functools.partial(stream, server, {**body, **more}, *answer) for body, answer in zip(bodies, answers)])
    begin, end = max(ticks[0] for ticks, _ in answers), min(ticks[-1] for ticks, _ in answers)
    # A chunk has one token or, where a character takes several, a few.
    tokens = sum(sum(begin < tick <= end for tick in ticks) * done[0] / len(ticks) for ticks, done in answers)
    return tokens / (end - begin), [done[0] for _, done in answers]


def ratio(given):
    """Tokens per second under a schema and free, without fast-forwarding, up to the same number of tokens."""
    tokens = 256
    common = {"messages": ASK, "max_tokens": tokens, "temperature": 1.0, "logit_bias": NO_END}
    kinds = {"free": common, "constrained": {**common, "response_format": schema_format(CUSTOMERS)}}
    rates = {concurrency: {kind: [] for kind in kinds} for concurrency in (1, 4)}
    with Server("--threads", str(given.threads), "--no-fast-forward") as server:
        for kind in kinds:
            load(server, 4, [{**kinds[kind], "seed": 1}] * 4)
        for number in range(given.pairs):
            for concurrency in rates:
                order = list(kinds) if number % 2 == 0 else list(reversed(kinds))
                for kind in order:
                    bodies = [{**kinds[kind], "seed": 100 * number + n} for n in range(concurrency)]
                    speed, counts = rate(server, bodies)
                    least = tokens if kind == "free" else tokens * 0.6
                    if not all(least <= count <= tokens for count in counts):
                        raise RuntimeError(f"{kind} answers of {counts} tokens, {tokens} each wanted")
                    rates[concurrency][kind].append(speed)
        peak = peak_mib(server.process.pid)
    rows = []
    for concurrency, found in rates.items():
        pairs = [c / f for c, f in zip(found["constrained"], found["free"])]
        rows.append({"concurrency": concurrency, "free": statistics.median(found["free"]),
                     "constrained": statistics.median(found["constrained"]), "ratio": statistics.median(pairs),
                     "lowest": min(pairs), "highest": max(pairs)})
        print(f"  {concurrency} at a time: free {rows[-1]['free']:.1f} tok/s, constrained {rows[-1]['constrained']:.1f} tok/s, "
              f"ratio {rows[-1]['ratio']:.3f} ({min(pairs):.3f} to {max(pairs):.3f})", flush=True)
    return {"rows": rows, "peak_mib": peak}


def peer(given):
    """Answers per second on the same schema, ours with fast-forwarding, theirs as it is."""
    makers = {"espalier": lambda: Server("--threads", str(given.threads))}
    if given.llama_server:
        makers["llama-server"] = lambda: Peer(given.llama_server, given.threads)
    found = {name: {1: [], 4: []} for name in makers}
    notes = {name: {"tokens": [], "finished": 0, "answers": 0, "forced": 0, "peak_mib": 0.0} for name in makers}
    for number in range(given.rounds):
        for name in list(makers) if number % 2 == 0 else list(reversed(makers)):
            with makers[name]() as server:
                load(server, 4, [body_of_customer(seed) for seed in range(4)])
                for concurrency in found[name]:
                    bodies = [body_of_customer(1000 * number + n) for n in range(6 * concurrency)]
                    seconds, answers = load(server, concurrency, bodies)
                    found[name][concurrency].append(len(answers) / seconds)
                    note(notes[name], answers)
                notes[name]["peak_mib"] = max(notes[name]["peak_mib"], peak_mib(server.process.pid))
    rows = []
    for name, rates in found.items():
        row = {"server": name, **{f"at_{c}": statistics.median(values) for c, values in rates.items()},
               "range": {c: (min(values), max(values)) for c, values in rates.items()}, **notes[name]}
        row["tokens"] = statistics.mean(row["tokens"])
        rows.append(row)
        print(f"  {name}: {row['at_1']:.2f} answers/s alone, {row['at_4']:.2f} at 4, {row['tokens']:.0f} tokens an answer, "
              f"{row['finished']} of {row['answers']} finished, peak {row['peak_mib']:.0f} MiB", flush=True)
    return {"rows": rows}


def body_of_customer(seed):
    return {"messages": ASK, "max_tokens": 400, "temperature": 1.0, "seed": seed, "response_format": schema_format(CUSTOMER)}


def note(notes, answers):
    for answer in answers:
        choice = answer["choices"][0]
        notes["answers"] += 1
        notes["tokens"].append(answer["usage"]["completion_tokens"])
        if choice["finish_reason"] == "stop":
            value = json.loads(choice["message"]["content"])
            if list(value) != list(CUSTOMER["properties"]):
                raise RuntimeError(f"an answer with other fields: {value}")
            notes["finished"] += 1


def start(given):
    """From the command to the first constrained answer on a built tree."""
    times, peaks = [], []
    for _ in range(max(3, given.rounds // 2)):
        port = free_port()
        began = time.monotonic()
        process = subprocess.Popen(["make", "serve", f"PORT={port}"], cwd=ROOT, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            times.append(first_answer(process, port) - began)
            peaks.append(max(peak_mib(pid) for pid in children(process.pid)))
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=60)
    print(f"  make serve to the first answer: {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f}), "
          f"peak memory {max(peaks):.0f} MiB", flush=True)
    return {"seconds": times, "peak_mib": max(peaks)}


def first_answer(process, port):
    """The moment when the first constrained answer was read."""
    view = Server.__new__(Server)
    view.port = port
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError("make serve ended by itself")
        with contextlib.suppress(OSError):
            status, _, answer = view.post("/v1/chat/completions", {"model": view.model_id(), **body_of_customer(1)})
            if status == 200:
                json.loads(answer["choices"][0]["message"]["content"])
                return time.monotonic()
        time.sleep(0.02)
    raise RuntimeError("no answer within two minutes")


def children(group):
    """All processes of a group."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == group:
                found.append(int(entry.name))
    return found


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1)) / (1 << 20)
    return f"{cpu.group(1) if cpu else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"


def commit():
    told = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def write_record(path, given, results):
    lines = [
        f"# Serving, {datetime.date.today().isoformat()}", "",
        f"Machine: {machine()}. Commit: {commit()}. Model: {pathlib.Path(model()).name}. "
        f"Threads: {given.threads}. {given.pairs} pairs, {given.rounds} rounds; medians over them, lowest and highest beside.", "",
        f"Command: `python3 benches/serve.py --pairs {given.pairs} --rounds {given.rounds} --threads {given.threads}"
        + (" --llama-server build/bin/llama-server" if given.llama_server else "") + "`", "",
    ]
    if "ratio" in results:
        lines += ["## Constrained against free decoding, fast-forwarding off, up to 256 tokens each, temperature 1", "",
                  "From when all answers of a run have begun until the first one ends.", "",
                  "| at a time | free, tok/s | constrained, tok/s | ratio of pairs |", "|---|---|---|---|"]
        lines += [f"| {row['concurrency']} | {row['free']:.1f} | {row['constrained']:.1f} | "
                  f"{row['ratio']:.3f} ({row['lowest']:.3f} to {row['highest']:.3f}) |" for row in results["ratio"]["rows"]]
        lines += ["", f"Peak memory: {results['ratio']['peak_mib']:.0f} MiB.", ""]
    if "peer" in results:
        lines += ["## Answers per second, a customer of six bounded fields", "",
                  "Ours: fast-forwarding on, compact whitespace. llama-server: as built by benches/llama-server.md, `-c 8192 "
                  "-np 4`, KV type f16; its grammar allows whitespace between tokens and has no request field to forbid it.", "",
                  "| server | alone | at 4 | tokens an answer | finished | peak, MiB |", "|---|---|---|---|---|---|"]
        for row in results["peer"]["rows"]:
            spans = {c: f"{low:.2f} to {high:.2f}" for c, (low, high) in row["range"].items()}
            lines.append(f"| {row['server']} | {row['at_1']:.2f} ({spans[1]}) | {row['at_4']:.2f} ({spans[4]}) | "
                         f"{row['tokens']:.0f} | {row['finished']} of {row['answers']} | {row['peak_mib']:.0f} |")
        lines.append("")
    if "start" in results:
        seconds = results["start"]["seconds"]
        lines += ["## From `make serve` on a built tree to the first constrained answer", "",
                  f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), the answer's own time "
                  f"included; peak memory {results['start']['peak_mib']:.0f} MiB.", ""]
    path.write_text("\n".join(lines))
    print(f"written: {path}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--llama-server")
    arguments.add_argument("--pairs", type=int, default=10, help="of constrained and free decoding")
    arguments.add_argument("--rounds", type=int, default=6, help="of the other parts")
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    arguments.add_argument("--record", type=pathlib.Path)
    arguments.add_argument("--only", default="ratio,peer,start")
    given = arguments.parse_args()
    parts = {"ratio": ratio, "peer": peer, "start": start}
    results = {}
    for name in given.only.split(","):
        print(parts[name].__doc__.splitlines()[0], flush=True)
        results[name] = parts[name](given)
    if given.record:
        write_record(given.record, given, results)


if __name__ == "__main__":
    main()
