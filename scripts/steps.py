"""Long work with a sign of life: runs commands with a time limit, a log file and a line every half minute."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STATE = ROOT / ".espalier"
LOGS = STATE / "log"
BEGAN = time.monotonic()


def interrupted(*_):
    raise KeyboardInterrupt


# Whoever ends us with SIGTERM gets what Ctrl-C gets: nothing that we started is left running.
signal.signal(signal.SIGTERM, interrupted)


class Stop(Exception):
    """Something is missing or failed; the message says what, in words for whoever typed the command."""


def clock(seconds):
    """`75` -> `1:15`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def say(text):
    print(f"[{clock(time.monotonic() - BEGAN):>5}] {text}", flush=True)


def target_dir():
    """Where cargo builds: what CARGO_TARGET_DIR says, or target/."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


def binary():
    return target_dir() / "release" / "espalier"


def end(process, own_group):
    """Ends a process that we started, and everything it started if that is a group of its own."""
    if not own_group:
        with contextlib.suppress(PermissionError):
            process.terminate()
            process.wait(timeout=10)
        return
    for sign, grace in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            continue
        if sign == signal.SIGKILL or not group_alive(process.pid):
            return


def group_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def run(title, command, limit, show=False, env=None, cwd=ROOT, hint="", own_group=True):
    """Runs a command to its end and returns (exit status, its output).

    All output goes to a log file named after the title; `show` prints it too as it comes. A command that is silent is
    reported alive every 30 seconds. After `limit` seconds it is ended, with everything it started, and the status is
    124. Without `own_group` the command stays in our terminal's session (sudo remembers passwords by session).
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / ("".join(c if c.isalnum() else "-" for c in title.lower()) + ".log")
    say(f"{title}" + (f" ({hint})" if hint else ""))
    started = time.monotonic()
    lines, last = [], [started]
    full_env = dict(os.environ, **(env or {}))
    process = subprocess.Popen(
        [str(part) for part in command], cwd=cwd, env=full_env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=own_group, text=True, errors="replace",
    )

    def read():
        with open(log, "w") as out:
            for line in process.stdout:
                out.write(line)
                out.flush()
                lines.append(line)
                last[0] = time.monotonic()
                if show:
                    sys.stdout.write("        " + line)
                    sys.stdout.flush()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    status, told = None, started
    try:
        while status is None:
            try:
                status = process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                now = time.monotonic()
                if now - started > limit:
                    say(f"{title}: still not done after {clock(limit)}, ending it")
                    end(process, own_group)
                    status = 124
                elif now - max(told, last[0] if show else told) >= 30:
                    told = now
                    tail = next((line.strip() for line in reversed(lines[-5:]) if line.strip()), "")
                    say(f"{title}: {clock(now - started)} so far" + (f", at: {tail[:90]}" if tail else ""))
    finally:
        if process.poll() is None:
            end(process, own_group)
    reader.join(timeout=5)
    return status, "".join(lines)


def must(title, command, limit, **more):
    """Like `run`, but a failure stops everything and shows the end of the output."""
    status, output = run(title, command, limit, **more)
    if status != 0:
        tail = "\n".join("        " + line for line in output.splitlines()[-25:])
        raise Stop(f"{title} failed with status {status}; its last lines:\n{tail}\n        (all of it in {LOGS})")
    return output
