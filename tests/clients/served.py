"""A server of our own for the length of a test, and a small runner that counts.

ESPALIER_BINARY and ESPALIER_MODEL say what is served; both are set by `make test`.
"""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def binary():
    return os.environ.get("ESPALIER_BINARY") or str(ROOT / "target" / "release" / "espalier")


def model():
    return os.environ.get("ESPALIER_MODEL") or str(ROOT / ".espalier/models/SmolLM2-135M-Instruct.Q4_1.gguf")


class Server:
    """`espalier serve` on a free port. `log()` is what it printed so far."""

    def __init__(self, *arguments, model_path=None, port=None, wait=60):
        self.port = port or free_port()
        self.output = tempfile.NamedTemporaryFile("w+", prefix="espalier-", suffix=".log", delete=False)
        command = [binary(), "serve", "--model", model_path or model(), "--port", str(self.port), *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT)
        self.url = f"http://127.0.0.1:{self.port}"
        try:
            self.wait_until_healthy(wait)
        except BaseException:
            self.end()
            raise

    def wait_until_healthy(self, wait):
        until = time.monotonic() + wait
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with status {self.process.returncode}:\n{self.log()}")
            try:
                if self.get("/health", timeout=2)[0] == 200:
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"no /health within {wait} s:\n{self.log()}")

    def log(self):
        return pathlib.Path(self.output.name).read_text(errors="replace")

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path, timeout=60):
        """(status, headers, body)"""
        with contextlib.closing(self.connect(timeout)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def post(self, path, body, timeout=120, headers=None):
        """(status, headers, parsed JSON); a `body` of bytes goes out as it is."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        with contextlib.closing(self.connect(timeout)) as connection:
            connection.request("POST", path, data, {"content-type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.headers, json.loads(answer.read())

    def chat(self, body, **more):
        full = {"model": self.model_id(), "messages": [{"role": "user", "content": "Hello"}], **body}
        return self.post("/v1/chat/completions", full, **more)

    def model_id(self):
        return json.loads(self.get("/v1/models")[2])["data"][0]["id"]

    def end(self, wait=30):
        """SIGTERM, then SIGKILL if it stays. Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=wait)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=10)
        self.output.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.output.name)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Skipped(Exception):
    pass


def run_checks(checks, *arguments):
    """Runs functions as tests, prints a line for each and the sum; returns the exit status."""
    passed = failed = skipped = 0
    for check in checks:
        began = time.monotonic()
        name = check.__name__.replace("_", " ")
        try:
            check(*arguments)
        except Skipped as reason:
            skipped += 1
            print(f"SKIPPED {name}: {reason}")
        except Exception:
            failed += 1
            print(f"FAILED  {name} ({time.monotonic() - began:.1f} s)")
            print("          " + traceback.format_exc().replace("\n", "\n          "))
        else:
            passed += 1
            print(f"ok      {name} ({time.monotonic() - began:.1f} s)")
        sys.stdout.flush()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def checks_of(module):
    """A module's test functions in the order of the file."""
    found = [value for name, value in vars(module).items() if name.startswith("test_")]
    return sorted(found, key=lambda check: check.__code__.co_firstlineno)
