"""Everything in the window is reached, seen to be reached, and selected with the keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from capture.session.session import Session
from tests.scope_command import query, scope_json

PROGRAM = """
import threading, time

def leaf(n):
    return n + 1

def work(n):
    for _ in range(200):
        leaf(n)
        time.sleep(0.001)

workers = [threading.Thread(target=work, args=(n,), name=f"worker-{n}") for n in range(3)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
"""


def test_tab_reaches_everything_shows_where_it_is_and_traps_nobody(play: Any, recorded: Path) -> None:
    seen = play("tab", "open", recorded, "--at", "50%", env={"SCOPE_3D": "off"})
    forward = seen["forward"]
    assert forward[0] == "Timeline"
    assert {"Timeline", "Inspector", "QTabBar", "Building of threads and functions"} <= set(forward)
    assert 5 <= len(forward) < 40
    assert len(set(forward)) == len(forward), "a widget is reached twice before the round is over"
    assert seen["back"] == [forward[0], *reversed(forward[1:])]
    assert all(seen["visible"])


def test_tab_goes_around_in_every_dialog_and_escape_leads_back(play: Any, recorded: Path) -> None:
    keys = ["Ctrl+Shift+A", "Ctrl+Shift+R", "Ctrl+E", "G", "Shift+B", "/", "Ctrl+K"]
    seen = play("tab in dialogs", "open", recorded, given={"keys": keys}, env={"SCOPE_3D": "off"})
    assert seen["back"] == dict.fromkeys(keys, True)
    for key, walked in seen["walked"].items():
        assert walked[-1] != "and on for ever", key
    assert {"Search processes", "Processes", "Cancel"} <= set(seen["walked"]["Ctrl+Shift+A"])
    assert {"File", "Export", "Cancel"} <= set(seen["walked"]["Ctrl+E"])


def test_a_lane_a_thread_a_link_and_a_room_are_selected_without_a_mouse(play: Any, recorded: Path) -> None:
    sql = "SELECT start_ns FROM calls JOIN sites USING (site_id) WHERE function = 'leaf'"
    amid = query(recorded, sql)[300]["start_ns"]  # half of the session may lie before the program's first line
    seen = play("select", "open", recorded, "--at", f"{amid}ns", env={"SCOPE_3D": "off"})
    assert seen["mouse"] == {}
    with Session.open(recorded) as session:
        threads = [row.track_id for row in session.tracks() if row.kind == "thread"]
        [process] = [row.track_id for row in session.tracks() if row.kind == "process"]
    assert (seen["first_lane"], seen["second_lane"], seen["lane_again"]) == (threads[0], threads[1], threads[0])
    kind, track_id, _ = seen["thread"]
    assert kind == "track"
    assert track_id in threads
    assert seen["lane_of_thread"] == track_id
    assert seen["folded"] == [process]
    frame = scope_json("frame", recorded, "--at", f"{seen['cursor']}ns", "--json")
    [stack] = [track["stack"] for track in frame["tracks"] if track["track_id"] == track_id]
    assert seen["entry"] in {call["entered_ns"] for call in stack}
    assert seen["back"] == seen["cursor"]
    assert seen["nothing"] is None
    assert seen["room"][0] == "site"
    assert seen["left_the_building"]


def test_lanes_are_chosen_by_name_one_by_one_and_by_how_busy_they_are(play: Any, recorded: Path) -> None:
    seen = play("lanes", "open", recorded, "--at", "50%", env={"SCOPE_3D": "off"})
    assert seen["mouse"] == {}
    workers = [f"worker-{n}" for n in range(3)]
    assert seen["all"] == seen["again"] == ["MainThread", *workers]
    assert (seen["named"], seen["left_out"], seen["back_at_lanes"]) == (["worker-1"], 3, True)
    assert seen["higher"] == round(seen["high"] * 1.5)
    assert seen["as_high"] == seen["high"]
    assert (len(seen["hidden"]), seen["told"]) == (3, "1 thread is hidden. Shift+H shows all of them.")
    assert seen["main"] == seen["ranked"][0] == "MainThread"
    counted = query(recorded, "SELECT name, count(*) n FROM calls JOIN tracks USING (track_id) GROUP BY name")
    calls = {row["name"]: row["n"] for row in counted}
    ranked = [calls[name] for name in seen["ranked"][1:]]
    assert ranked == sorted(ranked, reverse=True)
