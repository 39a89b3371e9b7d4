"""Real gateways as providers: LiteLLM's proxy and a second Espalier between ours and a scripted model.

`run.py [--litellm FILE]`: the program of Python's `litellm[proxy]`; without it the checks that need it are skipped, and say so.
Needs a built binary (ESPALIER_BINARY), no model.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from scripted import Scripted
from served import Skipped, binary, checks_of, free_port, run_checks

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
ANN = '{"name":"Ann","age":3}'
USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
HEAD = {"id": "chatcmpl-1", "created": 1, "model": "m"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": PERSON}}


def model(answer, reason="stop"):
    """A model behind OpenAI's protocol that says this, or calls the tool with it if there is one."""

    def script(path, body):
        calls = bool(body.get("tools"))
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": answer}}
        end = "tool_calls" if calls else reason
        if not body.get("stream"):
            said = {"content": None, "tool_calls": [call]} if calls else {"content": answer}
            choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": end}
            whole = {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}
            return 200, "application/json", json.dumps(whole).encode()

        def event(choices, **more):
            return "data: " + json.dumps({**HEAD, "object": "chat.completion.chunk", "choices": choices, **more}) + "\n\n"

        def delta(delta, reason=None):
            return event([{"index": 0, "delta": delta, "finish_reason": reason}])

        pieces = [answer[at : at + 5] for at in range(0, len(answer), 5)]
        said = [{"tool_calls": [call]}] if calls else [{"content": piece} for piece in pieces]
        text = "".join(delta(part) for part in [{"role": "assistant", "content": None if calls else ""}, *said])
        return 200, "text/event-stream", (text + delta({}, end) + event([], usage=USAGE) + "data: [DONE]\n\n").encode()

    return script


def limited(path, body):
    error = {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}
    return 429, "application/json", json.dumps({"error": error}).encode()


class Process:
    """A server of somebody's, until it answers and for as long as it is needed."""

    def __init__(self, command, port, environment=None, ready="/health", wait=120):
        self.url, self.output = f"http://127.0.0.1:{port}", tempfile.NamedTemporaryFile("w+", suffix=".log")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
        until = time.monotonic() + wait
        while not self.answers(ready):
            if self.process.poll() is not None or time.monotonic() > until:
                log = pathlib.Path(self.output.name).read_text(errors="replace")
                self.__exit__()
                raise RuntimeError(f"{command[0]} does not answer:\n{log[-3000:]}")
            time.sleep(0.1)

    def answers(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def chat(self, **more):
        """(status, body) of an answer, parsed, or its text if it is streamed."""
        body = {"model": "smart", "messages": [{"role": "user", "content": "Hi"}], **more}
        ask = urllib.request.Request(
            f"{self.url}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(ask, timeout=60) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        return status, text if text.startswith("data:") else json.loads(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def espalier(folder, provider, url, name="smart", **more):
    """A server with one deployment, and no way round it."""
    extra = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
    port, file = free_port(), pathlib.Path(folder) / f"{provider}.toml"
    file.write_text(
        f'[[deployments]]\nname = "{name}"\nprovider = "{provider}"\nmodel = "smart"\nbase_url = "{url}"\n'
        f'api_key_env = "TEST_KEY"\n{extra}[routing]\nretries = 0\nreasks = 0\n'
    )
    return Process([binary(), "serve", "--config", str(file), "--port", str(port)], port, {"TEST_KEY": "sk-loopback"})


def litellm(folder, url):
    if not LITELLM:
        raise Skipped("LiteLLM's proxy is not there (--litellm)")
    port, file = free_port(), pathlib.Path(folder) / "litellm.yaml"
    file.write_text(
        f"model_list:\n  - model_name: smart\n    litellm_params: {{model: openai/m, api_base: '{url}/v1', api_key: none}}\n"
        "router_settings: {num_retries: 0, disable_cooldowns: true}\n"
    )
    environment = {
        "LITELLM_MASTER_KEY": "sk-loopback",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    command = [LITELLM, "--config", str(file), "--port", str(port), "--host", "127.0.0.1"]
    return Process(command, port, environment, ready="/health/liveliness")


@contextlib.contextmanager
def behind(kind, script):
    """(our server, the scripted model) with a gateway of this kind between them."""
    with tempfile.TemporaryDirectory() as folder, Scripted(script) as upstream:
        if kind == "litellm":
            middle = litellm(folder, upstream.url)
        else:
            middle = espalier(folder, "openai_compatible", f"{upstream.url}/v1")
        with middle, espalier(folder, kind, f"{middle.url}/v1") as ours:
            yield ours, upstream


def format_of(schema):
    return {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": schema}}


def events(text):
    """Parsed chunks, and whether the stream came to its end."""
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(event) for event in data if event != "[DONE]"], data[-1:] == ["[DONE]"]


def answers(kind):
    with behind(kind, model(ANN)) as (ours, upstream):
        status, body = ours.chat(response_format=format_of(PERSON))
        assert status == 200, body
        message, receipt = body["choices"][0]["message"], body["espalier"]
        assert (message["content"], receipt["verdict"], receipt["cross_check"]) == (ANN, "satisfied", "agreed"), body
        tokens = receipt["attempts"][0]["tokens"]
        assert (tokens["prompt_tokens"], tokens["completion_tokens"]) == (9, 5), receipt
        status, text = ours.chat(response_format=format_of(PERSON), stream=True)
        chunks, done = events(text)
        said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
        assert (status, said, done) == (200, ANN, True), text
        assert len(upstream.seen) == 2, upstream.seen


def broken(kind):
    """An answer that breaks the schema is none, whatever stands between."""
    with behind(kind, model('{"name":"Ann"}')) as (ours, _):
        status, body = ours.chat(response_format=format_of(PERSON))
        assert status == 422, body
        assert body["espalier"]["verdict"] == "failed", body


def calls(kind):
    with behind(kind, model(ANN)) as (ours, _):
        for stream in (False, True):
            status, body = ours.chat(tools=[TOOL], stream=stream)
            assert status == 200, body
            if stream:
                chunks, done = events(body)
                deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
                pieces = [call for delta in deltas for call in delta.get("tool_calls") or []]
                assert done and pieces[0]["function"]["name"] == "look", body
                assert json.loads("".join(piece["function"]["arguments"] for piece in pieces)) == json.loads(ANN), body
            else:
                call = body["choices"][0]["message"]["tool_calls"][0]["function"]
                assert (call["name"], json.loads(call["arguments"])) == ("look", json.loads(ANN)), body


def limits(kind):
    with behind(kind, limited) as (ours, _):
        status, body = ours.chat()
        assert status == 429, body


def cuts(kind):
    with behind(kind, model('{"name":"An', "length")) as (ours, _):
        status, body = ours.chat(response_format=format_of(PERSON))
        assert (status, body["choices"][0]["finish_reason"]) == (200, "length"), body
        assert body["espalier"]["verdict"] == "truncated", body


def test_answers_through_litellm():
    answers("litellm")


def test_broken_answers_through_litellm():
    broken("litellm")


def test_calls_through_litellm():
    calls("litellm")


def test_rate_limits_through_litellm():
    limits("litellm")


def test_cut_answers_through_litellm():
    cuts("litellm")


def test_answers_through_a_second_espalier():
    answers("espalier")


def test_broken_answers_through_a_second_espalier():
    broken("espalier")


def test_rate_limits_through_a_second_espalier():
    limits("espalier")


def test_cut_answers_through_a_second_espalier():
    cuts("espalier")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--litellm")
    LITELLM = parser.parse_args().litellm
    sys.exit(run_checks(checks_of(sys.modules[__name__])))
