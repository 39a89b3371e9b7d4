"""What the gateway costs beside LiteLLM's proxy and Portkey's gateway, in front of an upstream that answers at once.

    python3 benches/gateway.py [--litellm FILE] [--portkey FILE] [--rounds N] [--seconds N] [--rate N] [--record FILE.md]

`--litellm` is the program of Python's `litellm[proxy]`, `--portkey` is `build/start-server.js` of npm's `@portkey-ai/gateway`;
a peer that is not given is left out. Needs nginx (the upstream), wrk (closed loop, 16 connections), rustc (for the open-loop
load in benches/gateway/) and the built binary; a machine that does nothing else. All servers share its cores with the load
and the upstream and run one at a time; the order of the rounds alternates. Only Espalier checks the answers, against the
schema that each request carries; the peers pass it on.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "clients"))

from serve import CUSTOMER as SCHEMA  # noqa: E402
from served import binary, free_port  # noqa: E402

ANSWER = json.dumps(
    {"name": "Ada Lovelace", "email": "ada@example.org", "age": 36, "plan": "premium", "active": True, "tags": ["maths", "poetry"]}
)
USAGE = {"prompt_tokens": 40, "completion_tokens": 33, "total_tokens": 73}
HEAD = {"id": "chatcmpl-1", "created": 1700000000, "model": "gpt-4o-mini"}
FORMS = ("plain", "stream")
CONNECTIONS = 16


def completion():
    message = {"role": "assistant", "content": ANSWER, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return json.dumps({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE})


def stream():
    """The answer in pieces of four characters, as events."""

    def event(choices, **more):
        return "data: " + json.dumps({**HEAD, "object": "chat.completion.chunk", "choices": choices, **more}) + "\n\n"

    def delta(delta, reason=None):
        return event([{"index": 0, "delta": delta, "finish_reason": reason}])

    pieces = (ANSWER[at : at + 4] for at in range(0, len(ANSWER), 4))
    text = "".join(delta({"content": piece}) for piece in pieces)
    first, last = delta({"role": "assistant", "content": ""}), delta({}, "stop")
    return first + text + last + event([], usage=USAGE) + "data: [DONE]\n\n"


def request(form):
    body = {
        "model": form,
        "messages": [{"role": "user", "content": "Make up a customer of an online shop, as JSON."}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "customer", "schema": SCHEMA, "strict": True}},
    }
    return json.dumps({**body, "stream": True} if form == "stream" else body)


def nginx_config(folder, port):
    """nginx takes no parameter beyond 4 kB, so a longer text is put together from variables."""

    def place(form, kind, text):
        pieces = [text[at : at + 2000].replace("\\", "\\\\").replace("'", "\\'") for at in range(0, len(text), 2000)]
        names = [f"${form}{number}" for number in range(len(pieces))]
        sets = "".join(f"set {name} '{piece}';\n" for name, piece in zip(names, pieces))
        return f"location /{form}/ {{ default_type {kind};\n{sets}return 200 {''.join(names)}; }}\n"

    return f"""worker_processes 1; daemon off; error_log {folder}/error.log; pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; client_body_buffer_size 1m;
client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
server {{ listen 127.0.0.1:{port};
{place("plain", "application/json", completion())}{place("stream", "text/event-stream", stream())}}} }}
"""


class Gateway:
    """A server in front of the upstream, for as long as it is measured."""

    def __init__(self, name, command, port, headers, environment=None):
        self.name, self.port, self.headers = name, port, headers
        self.output = tempfile.NamedTemporaryFile("w+", prefix=f"{name}-", suffix=".log")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )

    def url(self, form):
        return f"http://127.0.0.1:{self.port}/{form}/chat/completions" if self.name == "upstream" else self.chat()

    def chat(self):
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"

    def ask(self, form):
        headers = dict(header.split(": ", 1) for header in self.headers(form))
        ask = urllib.request.Request(self.url(form), request(form).encode(), {"content-type": "application/json", **headers})
        with urllib.request.urlopen(ask, timeout=10) as answer:
            return answer.read().decode()

    def wait(self, seconds=90):
        """Waits until it answers; gives the forms in which it does. Ours and the upstream answer in all."""
        until = time.monotonic() + seconds
        while True:
            try:
                assert "finish_reason" in self.ask("plain"), "plain"
                forms = [form for form in FORMS if self.answers(form)]
                assert forms == list(FORMS) or self.name in ("litellm", "portkey"), forms
                return forms
            except (OSError, AssertionError) as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{self.name} does not answer: {error}\n{pathlib.Path(self.output.name).read_text()[-2000:]}")
                time.sleep(0.3)

    def answers(self, form):
        try:
            return "finish_reason" in self.ask(form)
        except OSError:
            return False

    def peak(self):
        """Peak memory in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def espalier(folder, upstream):
    port = free_port()
    deployments = "".join(
        f'[[deployments]]\nname = "{form}"\nid = "{form}"\nprovider = "openai"\nmodel = "gpt-4o-mini"\n'
        f'api_key_env = "BENCH_KEY"\nbase_url = "http://127.0.0.1:{upstream}/{form}"\n'
        for form in FORMS
    )
    (folder / "espalier.toml").write_text(deployments)
    command = [binary(), "serve", "--config", str(folder / "espalier.toml"), "--port", str(port)]
    return Gateway("espalier", command, port, lambda form: [], {"BENCH_KEY": "none"})


def litellm(folder, upstream, program):
    port = free_port()
    model = "  - model_name: {0}\n    litellm_params: {{model: openai/gpt-4o-mini, api_base: 'http://127.0.0.1:{1}/{0}', api_key: none}}\n"
    (folder / "litellm.yaml").write_text("model_list:\n" + "".join(model.format(form, upstream) for form in FORMS))
    environment = {
        "LITELLM_MASTER_KEY": "sk-bench",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    command = [program, "--config", str(folder / "litellm.yaml"), "--port", str(port), "--host", "127.0.0.1"]
    return Gateway("litellm", command, port, lambda form: ["authorization: Bearer sk-bench"], environment)


def portkey(upstream, program):
    port = free_port()
    headers = lambda form: [  # noqa: E731
        "authorization: Bearer none",
        "x-portkey-provider: openai",
        f"x-portkey-custom-host: http://127.0.0.1:{upstream}/{form}",
    ]
    return Gateway("portkey", ["node", program, f"--port={port}", "--headless"], port, headers)


def saturate(gateway, form, folder, seconds):
    """Answers per second and latencies in ms, closed loop."""
    script = folder / "load.lua"
    quoted = json.dumps(request(form)).replace("\\/", "/")
    lines = [f"wrk.body = {quoted}", 'wrk.method = "POST"', 'wrk.headers["content-type"] = "application/json"']
    for header in gateway.headers(form):
        name, value = header.split(": ", 1)
        lines.append(f'wrk.headers["{name}"] = "{value}"')
    script.write_text("\n".join(lines))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--timeout", "20", "--latency", "-s", str(script), gateway.url(form)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # Answers that failed are not counted; ours must not fail.
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed = int(refused[1]) if refused else 0
    if "Socket errors" in text or (failed and gateway.name == "espalier"):
        raise SystemExit(f"{gateway.name}, {form}: not all answers are good\n{text}")
    good = 1 - failed / int(re.search(r"(\d+) requests in", text)[1])
    scale = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    time_of = lambda share: (lambda found: float(found[1]) * scale[found[2]])(  # noqa: E731
        re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", text)
    )
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    return {"rate": rate * good, "failed": 100 * (1 - good), "p50": time_of(50), "p99": time_of(99)}


def steady(gateway, form, folder, load, rate, seconds):
    """Latencies in us under an open loop."""
    body = folder / "body.json"
    body.write_text(request(form))
    command = [str(load), gateway.url(form), str(body), str(rate), str(seconds), str(CONNECTIONS), *gateway.headers(form)]
    figures = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if figures["failed"]:
        raise SystemExit(f"{gateway.name}, {form}: {figures['failed']} of {rate * seconds} requests failed")
    return figures


def measure(options, folder):
    load = folder / "load"
    subprocess.run(["rustc", "--edition", "2024", "-O", "-o", str(load), str(ROOT / "benches/gateway/main.rs")], check=True)
    port = free_port()
    (folder / "nginx.conf").write_text(nginx_config(folder, port))
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    upstream = Gateway("upstream", [nginx, "-c", str(folder / "nginx.conf")], port, lambda form: [])
    makers = [lambda: espalier(folder, port)]
    if options.litellm:
        makers.append(lambda: litellm(folder, port, options.litellm))
    if options.portkey:
        makers.append(lambda: portkey(port, options.portkey))
    results, peaks = {}, {}
    note = lambda key, figures: results.setdefault(key, []).append(figures)  # noqa: E731
    try:
        upstream.wait()
        for number in range(options.rounds):
            for make in makers if number % 2 == 0 else reversed(makers):
                gateway = make()
                try:
                    for form in gateway.wait():
                        saturate(gateway, form, folder, 1)  # warms up
                        note((gateway.name, form, "closed"), saturate(gateway, form, folder, options.seconds))
                        if gateway.name == "espalier":
                            note(("upstream", form, "open"), steady(upstream, form, folder, load, options.rate, options.seconds))
                            note((gateway.name, form, "open"), steady(gateway, form, folder, load, options.rate, options.seconds))
                    peaks[gateway.name] = max(peaks.get(gateway.name, 0), gateway.peak())
                finally:
                    gateway.end()
                print(f"round {number + 1}: {gateway.name} done", file=sys.stderr, flush=True)
    finally:
        upstream.end()
    return results, peaks


def middle(results, key, figure):
    values = [figures[figure] for figures in results.get(key, [])]
    return statistics.median(values) if values else None


def report(options, results, peaks):
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    lines = [
        f"# Gateway, {datetime.date.today()}",
        "",
        f"Machine: {cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}. Commit: {commit}. "
        f"{options.rounds} rounds of {options.seconds} s; medians, lowest and highest beside.",
        "",
        f"Command: `python3 benches/gateway.py --rounds {options.rounds} --seconds {options.seconds} --rate {options.rate}"
        + (" --litellm .../bin/litellm" if options.litellm else "")
        + (" --portkey .../build/start-server.js`" if options.portkey else "`"),
        "",
        "Every request carries a schema of six bounded fields; the upstream (nginx on the same cores) answers at once with a value that",
        f"satisfies it, whole or as {stream().count('data: ')} events. Espalier guards and checks every answer; the peers check none.",
        "",
        f"## At saturation, {CONNECTIONS} connections, closed loop (wrk)",
        "",
        "| server | form | good answers/s | failed, % | p50, ms | p99, ms | times fewer than ours | peak, MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in ("espalier", "portkey", "litellm"):
        for form in FORMS:
            runs = [figures["rate"] for figures in results.get((name, form, "closed"), [])]
            if not runs and (name, "plain", "closed") in results:
                lines.append(f"| {name} | {form} | answers with an error | | | | | |")
            if runs:
                key = (name, form, "closed")
                times = middle(results, ("espalier", form, "closed"), "rate") / statistics.median(runs)
                lines.append(
                    f"| {name} | {form} | {statistics.median(runs):,.0f} ({min(runs):,.0f} to {max(runs):,.0f}) "
                    f"| {middle(results, key, 'failed'):.1f} | {middle(results, key, 'p50'):.2f} | {middle(results, key, 'p99'):.2f} | {times:.1f} | {peaks[name]} |"
                )
    lines += [
        "",
        f"## {options.rate} requests/s, open loop, {CONNECTIONS} connections: time added to the upstream's own, us",
        "",
        "| form | added p50 | added p99 | with Espalier p50, p99 | upstream alone p50, p99 |",
        "|---|---|---|---|---|",
    ]
    for form in FORMS:
        ours, alone = results[("espalier", form, "open")], results[("upstream", form, "open")]
        added = {share: [a[share] - b[share] for a, b in zip(ours, alone)] for share in ("p50", "p99")}
        cell = lambda values: f"{statistics.median(values):.0f} ({min(values)} to {max(values)})"  # noqa: E731
        both = lambda name: ", ".join(f"{middle(results, (name, form, 'open'), share):.0f}" for share in ("p50", "p99"))  # noqa: E731
        lines.append(f"| {form} | {cell(added['p50'])} | {cell(added['p99'])} | {both('espalier')} | {both('upstream')} |")
    lines += ["", "The peers cannot hold this rate here: see above."]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm")
    parser.add_argument("--portkey")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--record", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-bench-") as folder:
        text = report(options, *measure(options, pathlib.Path(folder)))
    print(text)
    if options.record:
        with contextlib.suppress(FileExistsError):
            options.record.parent.mkdir(parents=True)
        options.record.write_text(text)


if __name__ == "__main__":
    main()
