"""What only shows on a running process: signals, ports, files, clients that go away, hostile bodies."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from served import Server, binary, checks_of, free_port, model, run_checks

LONG = {"messages": [{"role": "user", "content": "Tell a long story."}], "max_tokens": 1500, "temperature": 1.0}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "minimum": 0, "maximum": 130}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def as_format(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def start_and_fail(*arguments, limit=60):
    """Runs `espalier serve` that must not come up; returns its status and what it printed."""
    done = subprocess.run([binary(), "serve", *arguments], capture_output=True, text=True, timeout=limit, check=False,
                          stdin=subprocess.DEVNULL)
    text = done.stdout + done.stderr
    assert done.returncode > 0, f"status {done.returncode}: {text}"
    assert "panicked" not in text and "RUST_BACKTRACE" not in text, text
    return done.returncode, text


def assert_error(answer, status, code=None, words=()):
    got, headers, body = answer
    assert got == status, f"status {got}, not {status}: {body}"
    assert headers["content-type"].startswith("application/json"), headers
    error = body["error"]
    assert set(error) >= {"message", "type", "param", "code"} and error["message"], body
    assert code is None or error["code"] == code, body
    for word in words:
        assert word in error["message"], f"{word!r} is not in: {error['message']}"
    return error


def assert_answers(server):
    """The server is well: it gives a constrained answer."""
    status, _, body = server.chat({"response_format": as_format(PERSON), "max_tokens": 200})
    assert status == 200 and set(json.loads(body["choices"][0]["message"]["content"])) >= {"name", "age"}, body


def send_stream(server, body):
    connection = server.connect()
    connection.request("POST", "/v1/chat/completions", json.dumps({"model": server.model_id(), "stream": True, **body}),
                       {"content-type": "application/json"})
    return connection


def open_stream(server, body):
    """A stream whose answer has begun."""
    connection = send_stream(server, body)
    return connection, connection.getresponse()


def running(server):
    """Sequences that are running, as /metrics tells."""
    text = server.get("/metrics")[2].decode()
    found = [float(value) for name, value in re.findall(r"^(\w*running\w*)(?:\{[^}]*\})? ([\d.e+-]+)$", text, re.MULTILINE)]
    assert found, f"no metric of running sequences:\n{text}"
    return sum(found)


def test_a_port_in_use_is_told_plainly(server):
    status, text = start_and_fail("--model", model(), "--port", str(server.port))
    assert status == 1 and str(server.port) in text and "in use" in text.lower(), text


def test_a_missing_model_is_told_plainly(server):
    _, text = start_and_fail("--model", "/nowhere/model.gguf", "--port", str(free_port()))
    assert "/nowhere/model.gguf" in text, text


def test_a_corrupt_model_is_told_plainly(server):
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(model()).read_bytes()
        for name, content in {"noise": os.urandom(1 << 20), "empty": b"", "cut": whole[: len(whole) // 3]}.items():
            path = pathlib.Path(folder) / f"{name}.gguf"
            path.write_bytes(content)
            _, text = start_and_fail("--model", str(path), "--port", str(free_port()))
            assert path.name in text, f"{name}: {text}"


def test_a_broken_configuration_is_told_plainly(server):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write("no_such_value = 1\n")
        file.flush()
        _, text = start_and_fail("--config", file.name, "--port", str(free_port()))
        assert "no_such_value" in text, text


def test_malformed_bodies(server):
    for body in (b"", b"{", b"{\"model\": ", b"[]", b"null", b"\xff\xfe", b"{} {}", b"{\"messages\": NaN}"):
        assert_error(server.post("/v1/chat/completions", body), 400)


def test_wrong_types_are_named(server):
    for field, value in {"messages": "hello", "max_tokens": "ten", "temperature": [], "stop": 5, "n": 1.5, "stream": 3,
                         "logit_bias": [1], "response_format": "json", "seed": "x"}.items():
        error = assert_error(server.chat({field: value}), 400)
        assert field in (error["param"] or "") + error["message"], f"{field}: {error}"


def test_other_paths_and_methods(server):
    assert_error(server.post("/v1/no-such-path", {}), 404)
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/v1/chat/completions")
        answer = connection.getresponse()
        assert_error((answer.status, answer.headers, json.loads(answer.read())), 405)
    assert_error(server.post("/v1/chat/completions", b"{}", headers={"content-type": "text/plain"}), 415)


def test_a_body_that_is_too_large(server):
    body = b'{"model": "x", "messages": [{"role": "user", "content": "' + b"a" * (40 << 20) + b'"}]}'
    try:
        answer = server.post("/v1/chat/completions", body)
    except (BrokenPipeError, ConnectionResetError):
        return  # It may hang up while we still send.
    assert_error(answer, 413)


def test_a_schema_of_10_mb(server):
    wide = {"type": "object", "properties": {f"property{n:06}": {"type": "string"} for n in range(250_000)}}
    assert 8 << 20 < len(json.dumps(wide)) < 12 << 20
    began = time.monotonic()
    answer = server.chat({"response_format": as_format(wide), "max_tokens": 4}, timeout=60)
    assert answer[0] in (200, 400), answer
    if answer[0] == 400:
        assert_error(answer, 400)
    assert time.monotonic() - began < 30
    choices = {"enum": ["word" * 5 + str(n) for n in range(400_000)]}
    answer = server.chat({"response_format": as_format(choices), "max_tokens": 4}, timeout=60)
    assert answer[0] in (200, 400), answer
    assert_answers(server)


def nested_schemas(depth):
    """Texts, since Python's own JSON writer does not go that deep."""
    yield '{"items":' * depth + "{}" + "}" * depth
    yield '{"properties":{"a":' * depth + "{}" + "}}" * depth
    yield '{"anyOf":[' * depth + "{}" + "]}" * depth
    yield '{"const":' + "[" * depth + "]" * depth + "}"
    yield "[" * depth


def test_a_schema_nested_100000_deep(server):
    for schema in nested_schemas(100_000):
        body = (f'{{"model": "{server.model_id()}", "messages": [{{"role": "user", "content": "a"}}], "max_tokens": 4,'
                f'"response_format": {{"type": "json_schema", "json_schema": {{"name": "a", "schema": {schema}}}}}}}')
        began = time.monotonic()
        assert_error(server.post("/v1/chat/completions", body.encode()), 400)
        assert time.monotonic() - began < 10
    assert_answers(server)


def test_references_without_content(server):
    for schema in ({"$ref": "#"}, {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
                   {"allOf": [{"$ref": "#"}]}, {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, {"$ref": "#/no/such/place"}):
        answer = server.chat({"response_format": as_format(schema), "max_tokens": 4}, timeout=30)
        assert answer[0] in (200, 400), answer
    assert_answers(server)


def test_a_prompt_beyond_the_context(server):
    for content in ("word " * 20_000, "x" * (4 << 20)):
        error = assert_error(server.chat({"messages": [{"role": "user", "content": content}]}), 400)
        assert error["code"] == "context_length_exceeded", error
    assert_answers(server)


def test_half_a_request_blocks_nobody(server):
    with socket.create_connection(("127.0.0.1", server.port)) as half:
        half.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{")
        assert_answers(server)


def test_clients_that_go_away_free_their_sequences(server):
    for _ in range(3):
        streams = [open_stream(server, LONG) for _ in range(4)]
        waiting = [send_stream(server, LONG) for _ in range(2)]
        for connection, answer in streams:
            assert answer.readline().startswith(b"data: ")
            answer.close()
            connection.close()
        for connection in waiting:
            connection.close()
    began = time.monotonic()
    assert_answers(server)
    assert time.monotonic() - began < 20, "the abandoned answers are still being written"
    until = time.monotonic() + 10
    while running(server) > 0 and time.monotonic() < until:
        time.sleep(0.1)
    assert running(server) == 0


def test_a_client_that_goes_away_without_a_stream(server):
    connection = server.connect()
    connection.request("POST", "/v1/chat/completions", json.dumps({"model": server.model_id(), **LONG}),
                       {"content-type": "application/json"})
    time.sleep(0.5)
    connection.close()
    until = time.monotonic() + 10
    while running(server) > 0 and time.monotonic() < until:
        time.sleep(0.1)
    assert running(server) == 0


def test_more_requests_than_sequences(server):
    results = []
    threads = [threading.Thread(target=lambda: results.append(server.chat({"response_format": as_format(PERSON),
                                                                           "max_tokens": 200})))
               for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert [status for status, _, _ in results] == [200] * 12, results


def test_sigterm_without_work_ends_at_once(_):
    with Server() as server:
        began = time.monotonic()
        assert server.end() == 0 and time.monotonic() - began < 5


def test_sigterm_under_load(_):
    """Running answers finish or end with an error event, one that still waited is refused; the status is 0."""
    with Server() as server:
        ends = []

        def follow():
            connection, answer = open_stream(server, LONG)
            with contextlib.closing(connection):
                ready.release()
                ends.append((answer.status, answer.read().decode()))

        ready = threading.Semaphore(0)
        threads = [threading.Thread(target=follow) for _ in range(5)]
        for thread in threads:
            thread.start()
        for _ in threads[:4]:
            ready.acquire(timeout=30)
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        status = server.process.wait(timeout=90)
        assert status == 0, f"status {status}\n{server.log()}"
        for thread in threads:
            thread.join(timeout=30)
        assert len(ends) == 5, f"{len(ends)} of 5 answers came to an end"
        for status, text in ends:
            if status != 200:
                # It waited for a sequence until the grace was over: nothing had begun, so this is a plain HTTP error.
                assert status == 503 and json.loads(text)["error"]["message"], (status, text)
                continue
            events = [line for line in text.split("\n\n") if line.startswith("data: ")]
            last = events[-1][len("data: "):]
            if last == "[DONE]":
                last = events[-2][len("data: "):]
            last = json.loads(last)
            assert "error" in last or last["choices"][0]["finish_reason"], events[-3:]
        assert sum(status == 200 for status, _ in ends) >= 4, "of five answers four were running"
        with contextlib.suppress(OSError):
            server.get("/health", timeout=2)
            raise AssertionError("it still answers")


def test_sigterm_without_grace(_):
    """However deep in a forward pass the model's threads are, the process ends in good order."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write("[server]\nshutdown_grace_seconds = 0\n")
        config.flush()
        for _ in range(6):
            with Server("--config", config.name) as server:
                streams = [open_stream(server, LONG) for _ in range(4)]
                server.process.send_signal(signal.SIGTERM)
                status = server.process.wait(timeout=60)
                assert status == 0, f"status {status}\n{server.log()}"
                for connection, answer in streams:
                    with contextlib.closing(connection):
                        last = [line for line in answer.read().decode().split("\n\n") if line.startswith("data: ")][-1]
                        assert last == "data: [DONE]" or "error" in json.loads(last[len("data: "):]), last


def main():
    with Server() as server:
        status = run_checks(checks_of(sys.modules[__name__]), server)
        if status:
            print("The server's last lines:\n" + "\n".join(server.log().splitlines()[-20:]))
    return status


if __name__ == "__main__":
    sys.exit(main())
