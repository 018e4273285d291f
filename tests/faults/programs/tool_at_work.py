"""Works for ever with another tool watching it. Usage: tool_at_work.py TOOL ANSWER_FILE

When ANSWER_FILE.ask appears it writes how much it has worked, and whether the tool saw all of it, as JSON.
"""

# The tool is imported by whom it is for.
# ruff: noqa: PLC0415

import json
import os
import socket
import sys
import threading
import time

tool, answer = sys.argv[1:]
counts = {"main": 0, "worker": 0}
longest_pause_s = 0.0

if tool == "gevent":
    from gevent import monkey

    monkey.patch_all()


def work(n):
    return n + 1


def fail():
    raise ValueError("planned")


def late():
    return "called only at the end"


def in_worker():
    while True:
        try:
            fail()
        except ValueError:
            counts["worker"] = work(counts["worker"])
        time.sleep(0.001)


def start_coverage():
    import coverage

    measured = coverage.Coverage(data_file=None, include=[__file__])
    measured.start()

    def verdict():
        late()
        measured.stop()
        lines = set(measured.get_data().lines(__file__) or ())
        missing = {function.__code__.co_firstlineno + 1 for function in (work, late)} - lines
        return f"lines {sorted(missing)} were not seen" if missing else ""

    return verdict


def start_cprofile():
    import cProfile

    profile = cProfile.Profile()
    calls_before = counts["main"]
    profile.enable()

    def verdict():
        profile.disable()
        wanted = counts["main"] - calls_before
        seen = sum(entry.callcount for entry in profile.getstats() if entry.code is work.__code__)
        return "" if seen >= wanted else f"{seen} calls of {wanted} were seen"

    return verdict


def start_debugpy():
    import debugpy

    address = debugpy.listen(("127.0.0.1", 0), in_process_debug_adapter=True)

    def verdict():
        body = json.dumps({"seq": 1, "type": "request", "command": "initialize", "arguments": {"adapterID": "x"}})
        with socket.create_connection(address, timeout=10) as line:
            line.sendall(f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            heard = b""
            while b'"success"' not in heard and (more := line.recv(4096)):
                heard += more
        return "" if b'"success"' in heard else f"the debugger answered {heard!r}"

    return verdict


def start_gevent():
    return lambda: "" if longest_pause_s < 5 else f"everything stood for {longest_pause_s:.1f} s"


verdict = {"coverage": start_coverage, "cProfile": start_cprofile, "debugpy": start_debugpy, "gevent": start_gevent}[
    tool
]()
threading.Thread(target=in_worker, daemon=True).start()
print("ready", flush=True)
seen = time.monotonic()
while True:
    for _ in range(20):
        counts["main"] = work(counts["main"])
    time.sleep(0.001)
    longest_pause_s, seen = max(longest_pause_s, time.monotonic() - seen), time.monotonic()
    if os.path.exists(answer + ".ask"):  # noqa: PTH110
        os.unlink(answer + ".ask")  # noqa: PTH108
        told = {"counts": dict(counts), "verdict": verdict(), "profile": sys.getprofile() is not None}
        told["modules"] = sorted(name for name in sys.modules if "_scope" in name)
        with open(answer + ".new", "w") as file:  # noqa: PTH123
            json.dump(told, file)
        os.rename(answer + ".new", answer)  # noqa: PTH104
