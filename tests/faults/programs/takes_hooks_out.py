"""Calls a function all the time, and does to the hooks of whoever monitors it what the first argument says, one after another.

It goes on until the file of the second argument is there. The third is a log: CLOCK_MONOTONIC and what was done then.
"""

import os
import sys
import threading
import time


def f(n):
    return n + 1


def generate():
    yield f(1)


PUT_BACK = "whose hooks they are came by in the midst"


def turns(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(50):
            list(generate())
        time.sleep(0.005)


def nothing(*_):
    return None


def take(monitoring, tool):
    """Whose place it is may come by between the two calls and put its hooks back; not for ever."""
    while monitoring.get_tool(tool) != "taker":
        monitoring.free_tool_id(tool)
        try:
            monitoring.use_tool_id(tool, "taker")
        except ValueError:
            continue


def act(how, tool, events):
    monitoring = sys.monitoring
    if how == "freed":
        monitoring.free_tool_id(tool)
    elif how == "silenced":
        monitoring.set_events(tool, 0)
    elif how == "returns replaced":
        monitoring.register_callback(tool, events.PY_RETURN, nothing)
    elif how == "unwinds replaced":
        monitoring.register_callback(tool, events.PY_UNWIND, None)
    elif how == "replaced and kept":
        return [
            monitoring.register_callback(tool, event, nothing)
            for event in (events.PY_START, events.PY_RETURN, events.PY_YIELD, events.PY_RESUME)
        ]
    elif how == "returns lent":
        before = monitoring.register_callback(tool, events.PY_RETURN, None)
        turns(0.02)
        if monitoring.register_callback(tool, events.PY_RETURN, before) is not None:
            return PUT_BACK
    elif how == "silenced shortly":
        before = monitoring.get_events(tool)
        monitoring.set_events(tool, 0)
        turns(0.02)
        was_put_back = monitoring.get_events(tool) != 0
        monitoring.set_events(tool, before)
        if was_put_back:
            return PUT_BACK
    elif how == "place lent":
        name, set_events = monitoring.get_tool(tool), monitoring.get_events(tool)
        every = [event for event in (1 << n for n in range(20)) if event & set_events]
        kept = [(event, monitoring.register_callback(tool, event, None)) for event in every]
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
        turns(0.02)
        try:
            monitoring.use_tool_id(tool, name)
        except ValueError:
            return PUT_BACK
        for event, callback in kept:
            monitoring.register_callback(tool, event, callback)
        monitoring.set_events(tool, set_events)
    elif how == "another tool":
        other = next(i for i in range(6) if monitoring.get_tool(i) is None)
        monitoring.use_tool_id(other, "other")
        monitoring.register_callback(other, events.PY_START, nothing)
        monitoring.set_events(other, events.PY_START)
        turns(0.02)
        monitoring.set_events(other, 0)
        monitoring.free_tool_id(other)
    elif how == "taken":
        take(monitoring, tool)
        monitoring.register_callback(tool, events.PY_START, nothing)
        monitoring.set_events(tool, events.PY_START)
    elif how == "restarted":
        for _ in range(200):
            monitoring.restart_events()
            f(1)
    return None


def main(acts, stop, log):
    print("ready", flush=True)
    tool = None
    while tool is None:
        turns(0.1)
        tool = next((i for i in range(6) if sys.monitoring.get_tool(i) == "scope"), None)
    other = threading.Thread(target=turns, args=(0.7 * len(acts) + 1,))
    other.start()
    kept = []
    with open(log, "w") as file:
        for how in acts:
            turns(0.7)
            file.write(f"{time.clock_gettime_ns(time.CLOCK_MONOTONIC)} {how}\n")
            kept.append(act(how, tool, sys.monitoring.events))
            if kept[-1] is PUT_BACK:
                file.write(f"{time.clock_gettime_ns(time.CLOCK_MONOTONIC)} {how}: put back\n")
    other.join()
    print("acted", flush=True)
    while not os.path.exists(stop):
        turns(0.2)
    turns(0.3)
    taken = [sys.monitoring.get_tool(i) for i in range(6)]
    print("ended", len(kept), [name for name in taken if name], flush=True)


main(sys.argv[1].split(","), sys.argv[2], sys.argv[3])
