"""What the list of processes says and in which order: pure, on made-up processes."""

from __future__ import annotations

import pytest

from capture.attach.doctor import Diagnosis, Tier
from capture.attach.rules import Rule
from capture.target.processes import ListedProcess
from scope_gui.dialogs.process_lines import ProcessLine, age_text, cell_text, chosen_lines, process_lines, verdict_text

NOW_S = 10_000.0


def row(pid: int, command: str, python: str = "", *, age_s: float = 60.0, cpu_s: float = 0.0) -> ListedProcess:
    name = command.split(maxsplit=1)[0].rpartition("/")[2]
    return ListedProcess(pid, 1, NOW_S - age_s, 0, name, command, python, cpu_s, 20 << 20)


ROWS = [
    row(10, "/usr/bin/bash"),
    row(11, "/opt/py/bin/python3.12 -m http.server 8000", "3.12", age_s=500),
    row(12, "gunicorn app:api", "3.11", age_s=5),
    row(13, "/opt/py/bin/python3.11 -P -m scope_gui attach 12", "3.11", age_s=1),
]


def lines() -> list[ProcessLine]:
    return process_lines(ROWS, NOW_S)


def diagnosis(tier: Tier | None, *, blocked_by: str | None = None) -> Diagnosis:
    rules = (Rule(blocked_by, False, "It does not hold.", "Do something."),) if blocked_by else ()
    return Diagnosis(1, blocked_by is None, tier, rules, "3.12.1")


def pids(shown: list[ProcessLine]) -> list[int]:
    return [line.row.pid for line in shown]


def test_python_comes_first_the_newest_on_top_and_scope_itself_last_of_it() -> None:
    assert pids(chosen_lines(lines(), "")) == [12, 11, 13, 10]


def test_every_typed_word_must_be_there_wherever_it_is() -> None:
    assert pids(chosen_lines(lines(), "3.12 SERVER")) == [11]
    assert pids(chosen_lines(lines(), "python")) == [12, 11, 13]
    assert pids(chosen_lines(lines(), "10 bash")) == [10]
    assert chosen_lines(lines(), "http nowhere") == []


def test_a_typed_pid_means_that_process_first_wherever_else_the_digits_are() -> None:
    assert pids(chosen_lines(lines(), "12")) == [12, 11, 13]


def test_any_column_orders_the_list_both_ways() -> None:
    assert pids(chosen_lines(lines(), "", "pid")) == [10, 11, 12, 13]
    assert pids(chosen_lines(lines(), "", "age", down=True)) == [11, 10, 12, 13]
    assert pids(chosen_lines(lines(), "", "command"))[-1] == 12


def test_cpu_is_what_was_used_since_the_last_look_and_unknown_at_first() -> None:
    used = [row(10, "/usr/bin/bash", cpu_s=2.5)]
    [first] = process_lines(used, NOW_S)
    assert (first.cpu_percent, cell_text(first, "cpu")) == (None, "")
    [later] = process_lines(used, NOW_S, {(10, used[0].create_time): 2.0}, 2.0)
    assert later.cpu_percent == pytest.approx(25)
    [reused] = process_lines(used, NOW_S, {(10, used[0].create_time - 9): 2.0}, 2.0)
    assert reused.cpu_percent is None


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, "…"),
        (diagnosis("python"), "✓ ready"),
        (diagnosis("observe", blocked_by="ptrace scope"), "✗ kernel forbids it"),
        (diagnosis("observe", blocked_by="Python"), "observe only"),
        (diagnosis(None, blocked_by="exists"), "✗ gone"),
    ],
)
def test_a_python_program_says_whether_it_can_be_attached_to(found: Diagnosis | None, text: str) -> None:
    assert verdict_text(lines()[1], found) == text


def test_what_is_no_python_says_so_without_being_looked_at() -> None:
    assert verdict_text(lines()[0], None) == "observe only"


def test_a_command_line_cannot_look_like_another_one() -> None:
    [line] = process_lines([row(20, "python /srv/a\u202eyp.exe\nFAKE \x1b[31m\u3164")], NOW_S)
    mark, end = "\N{REPLACEMENT CHARACTER}", "\N{RETURN SYMBOL}"
    assert cell_text(line, "command") == f"python /srv/a{mark}yp.exe{end}FAKE {mark}[31m{mark}"


def test_cells_are_what_people_read() -> None:
    server = lines()[1]
    shown = [cell_text(server, column) for column in ("python", "command", "memory", "age")]
    assert shown == ["3.12", "python3.12 -m http.server 8000", "20 MiB", "8 min"]
    assert cell_text(server, "python", diagnosis("python")) == "3.12.1"
    assert [age_text(s) for s in (0.2, 59.9, 3600, 200_000)] == ["0 s", "59 s", "1 h", "2 d"]
