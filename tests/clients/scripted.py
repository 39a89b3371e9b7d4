"""A provider on a free port of this machine that answers by script, for clients and gateways written by others."""

import http.server
import json
import pathlib
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Scripted:
    """`script(path, body)` gives (status, content type, bytes) for each request. `seen` are the requests: (path, body)."""

    def __init__(self, script):
        self.script, self.seen = script, []
        handler = type("Handler", (Handler,), {"scripted": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or b"null")
        self.scripted.seen.append((self.path, body))
        status, kind, text = self.scripted.script(self.path, body)
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def playing(folder, name, status=200):
    """A script that plays an answer of tests/wire, whole or as a stream, as the request wants it."""

    def script(path, body):
        streams = "tream" in path or (body or {}).get("stream") is True
        file = ROOT / "tests" / "wire" / folder / f"{name}.{'sse' if streams else 'json'}"
        return status, "text/event-stream" if streams else "application/json", file.read_bytes()

    return script
