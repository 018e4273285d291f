"""A flight recorder on a server under load: bounded memory and disk, no drift in latency, the past at the end.

`SCOPE_SOAK_MINUTES=2` for less than half an hour. It prints what it has measured.
"""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from capture.drain.fuse import session_bytes
from capture.session.notes import read_notes
from capture.session.session import Session
from capture.session.verify import verify
from dags.frame.reader import FrameReader
from tests.conftest import in_soak_only
from tests.interpreters import found
from tests.leftovers import wait_for
from tests.scope_command import COMMAND, scope
from tests.targets import Launcher

pytestmark = pytest.mark.soak
MINUTES = float(os.environ.get("SCOPE_SOAK_MINUTES", "30"))
MIB = 1 << 20
KEPT_S = 30
MOST_MIB = 256
LOOK_S = 1.0
SERVER = """
import http.server

def price(item, count):
    return item * count

class Orders:
    def __init__(self):
        self.total = 0

    def put(self, count):
        for item in range(50):
            self.total += price(item, count)
        if count < 0:
            raise ValueError(f"order of {count}")

class Handler(http.server.BaseHTTPRequestHandler):
    orders = Orders()
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement, and nothing is under load

    def do_GET(self):
        self.orders.put(int(self.path[1:]))
        body = b"ok"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("PORT", server.server_port, flush=True)
server.serve_forever()
"""


def ask(connection: http.client.HTTPConnection, count: int) -> float:
    """How long the server took to answer, in ms."""
    began = time.perf_counter()
    connection.request("GET", f"/{count}")
    connection.getresponse().read()
    return (time.perf_counter() - began) * 1000


@in_soak_only
def test_a_server_under_load_is_kept_in_bounded_room(target: Launcher, tmp_path: Path) -> None:
    session = tmp_path / "s.scope"
    (tmp_path / "server.py").write_text(SERVER)
    server = target([found()[-1].path, tmp_path / "server.py"], ready="PORT")
    port = int(server.wait_for_line("PORT").split()[1])
    flags = ["--flight", f"{KEPT_S}s", "--trigger", "exception", "--max-size", MOST_MIB, "--state", "__main__.*"]
    command = [*COMMAND, "attach", server.pid, "--no-window", "-o", session, *flags]
    recorder = subprocess.Popen([str(word) for word in command], stderr=subprocess.DEVNULL)
    try:
        assert wait_for((session / "manifest.json").exists, 60)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        processes = {"target": psutil.Process(server.pid), "recorder": psutil.Process(recorder.pid)}
        [processes["sealer"]] = processes["recorder"].children()
        latencies = list[float]()
        looks: list[dict[str, float]] = []
        began = due = time.monotonic()
        while (now := time.monotonic()) < began + MINUTES * 60:
            latencies.append(ask(connection, len(latencies) % 7))
            if now >= due:
                due = now + LOOK_S
                sizes = {name: process.memory_info().rss / MIB for name, process in processes.items()}
                looks.append({**sizes, "disk": session_bytes(session) / MIB})
        with pytest.raises(http.client.HTTPException):
            ask(connection, -1)
        connection.close()
        kept = tmp_path / "s-1.scope"
        assert wait_for(lambda: is_whole(kept / "manifest.json"), 60)
        scope("stop", session)
        recorder.wait(120)
    finally:
        recorder.kill()
        recorder.wait()
    report(latencies, looks)
    assert_bounded(latencies, looks)
    assert_opens_at_the_exception(kept)
    assert not session.exists()


def is_whole(manifest: Path) -> bool:
    return manifest.exists() and b'"state":"complete"' in manifest.read_bytes()


def report(latencies: list[float], looks: list[dict[str, float]]) -> None:
    parts = [latencies[len(latencies) * at // 4 : len(latencies) * (at + 1) // 4] for at in range(4)]
    medians = ", ".join(f"{statistics.median(part):.3f}" for part in parts)
    print(f"\n{len(latencies)} requests, median ms by quarter: {medians}", file=sys.stderr)
    for name in looks[0]:
        seen = [look[name] for look in looks]
        half = len(seen) // 2
        told = f"most {max(seen):.1f} MiB, first half {max(seen[:half]):.1f}, at last {seen[-1]:.1f}"
        print(f"{name}: {told}", file=sys.stderr)


def assert_bounded(latencies: list[float], looks: list[dict[str, float]]) -> None:
    half = len(looks) // 2
    for name in ("target", "recorder", "sealer"):
        assert max(look[name] for look in looks[half:]) < 1.15 * max(look[name] for look in looks[:half]) + 8, name
    assert max(look["disk"] for look in looks) < MOST_MIB
    first, last = latencies[len(latencies) // 4 : len(latencies) // 2], latencies[-len(latencies) // 4 :]
    assert statistics.median(last) < 1.5 * statistics.median(first)


def assert_opens_at_the_exception(kept: Path) -> None:
    with Session.open(kept) as session:
        assert verify(session).problems == []
        [note] = read_notes(session)
        assert note.text.startswith("ValueError: order of -1")
        past_s = (note.time_ns - session.start_ns) / 1e9
        assert KEPT_S <= past_s < 1.5 * KEPT_S or MINUTES * 60 < KEPT_S
        frame = FrameReader(session).at(note.time_ns)
    assert any(track.exception is not None and track.exception.type == "ValueError" for track in frame.tracks)
