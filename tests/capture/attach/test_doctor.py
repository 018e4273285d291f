"""Each rule, without its situation: facts in, a sentence and a remedy out. And a few real processes."""

import os
import sys

import msgspec
import pytest

from capture.attach.doctor import Diagnosis, diagnose, examine
from capture.target.host_facts import Host
from capture.target.python_build import PythonBuild
from capture.target.room import Room
from capture.target.seccomp import UNKNOWN, Confinement
from capture.target.targets import Target
from tests.interpreters import Interpreter
from tests.targets import Launcher

ME = 1000
PYTHON_313 = PythonBuild("3.13.0", 0x030D00F0, False)
TARGET = Target(
    pid=4711,
    create_time=1.0,
    name="python",
    command=("python", "app.py"),
    state="S",
    uids=(ME, ME, ME, ME),
    gid=ME,
    tracer_pid=0,
    capabilities=0,
    has_shadow_stack=False,
    ignores_segv=False,
    is_dumpable=True,
    executable="/usr/bin/python3.13",
    python=PYTHON_313,
    libpython="/usr/lib/libpython3.13.so.1.0",
    machine="x86_64",
    is_static=False,
    is_musl=False,
    same_mount_namespace=True,
    same_pid_namespace=True,
)
HOST = Host(
    uid=ME,
    can_ptrace=False,
    capabilities=0,
    yama_scope=0,
    machine="x86_64",
    own_pids=frozenset({1, 2}),
    descendants=frozenset({4712}),
)
ROOT = HOST._replace(uid=0, can_ptrace=True, capabilities=0xFFFFFFFF)


def judged(host: Host = HOST, **facts: object) -> Diagnosis:
    return diagnose(msgspec.structs.replace(TARGET, **facts), host)


def test_a_process_with_nothing_in_the_way_can_be_recorded() -> None:
    diagnosis = judged()
    assert (diagnosis.ok, diagnosis.tier, diagnosis.blocking, diagnosis.refusal()) == (True, "python", None, "")
    assert diagnosis.python == "3.13.0"


BLOCKED = [
    ({"pid": 2}, HOST, "not ourselves", "is Scope itself", "another process"),
    ({"uids": (0, 0, 0, 0)}, HOST, "owner", "belongs to root", "sudo -u root"),
    ({"uids": (ME, 0, 0, 0)}, HOST, "owner", "belongs to root", "sudo -u root"),
    ({"state": "T"}, HOST, "running", "is stopped", "kill -CONT 4711"),
    ({"tracer_pid": 9}, HOST._replace(tracer_name="gdb"), "no other debugger", "gdb (process 9)", "detach"),
    ({"is_dumpable": False}, HOST, "privileges", "hides its memory", "sys_ptrace"),
    ({"capabilities": 0x2000}, HOST, "privileges", "0x2000", "sys_ptrace"),
    ({}, HOST._replace(yama_scope=1), "ptrace scope", "only by its parents", "scope-gui run"),
    ({}, HOST._replace(yama_scope=2), "ptrace scope", "only an administrator", "sudo scope-gui attach 4711"),
    ({}, ROOT._replace(yama_scope=3), "ptrace scope", "lets nobody", "scope-gui run"),
    ({"same_mount_namespace": False}, HOST._replace(hidden="/dev/shm"), "files", "/dev/shm", "docker exec"),
    ({"clock_ahead_s": 9}, HOST, "clock", "9 s ahead of Scope's", "nsenter --time --target 4711"),
    ({"clock_ahead_s": -9}, HOST, "clock", "9 s behind Scope's", "nsenter"),
    ({"python": None}, HOST, "Python", "not a CPython program", "--mode observe"),
    ({"python": PythonBuild("3.9.18", 0x030912F0, False)}, HOST, "Python version", "3.10 and later", "--mode observe"),
    (
        {"python": PythonBuild("3.16.0", 0x031000F0, False)},
        HOST,
        "Python version",
        "does not know yet",
        "--mode observe",
    ),
    ({"python": PythonBuild("3.13.0", 0x030D00F0, True)}, HOST, "GIL", "free-threaded", "--mode observe"),
    ({"machine": "i386"}, HOST, "processor", "i386 program on a x86_64", "--mode observe"),
    ({"is_static": True}, HOST, "C library", "static program", "--mode observe"),
    ({"is_musl": True}, HOST, "C library", "musl", "--mode observe"),
    (
        {"remote_debug_disabled_by": "the option -X y"},
        HOST,
        "remote debugging",
        "by the option -X y",
        "Start it without",
    ),
    ({"ignores_segv": True}, HOST, "entry", "SIGSEGV", "scope-gui run"),
    ({"has_shadow_stack": True}, HOST, "entry", "shadow stack", "scope-gui run"),
    ({"pool": "/dev/shm/scope-0/1/pool.bin"}, HOST, "not recorded", "being recorded already", "scope-gui stop"),
    ({}, HOST._replace(unreadable="/root/scope"), "agent", "cannot read /root/scope", "Install Scope"),
    ({}, HOST._replace(hidden="/opt/scope"), "files", "with another root folder", "chroot"),
    (
        {},
        HOST._replace(confinement=Confinement(2, "socket")),
        "system calls",
        "forbids the system call socket",
        "Allow",
    ),
    ({}, HOST._replace(confinement=Confinement(2, UNKNOWN)), "system calls", "only an administrator may read", "sudo"),
    ({"room": Room(files=3)}, HOST, "room", "only 3 more files", "--nofile"),
    ({"room": Room(file_bytes=1 << 20)}, HOST, "room", "SIGXFSZ", "--fsize"),
    ({"room": Room(address_bytes=16 << 20)}, HOST, "room", "16777216 bytes of address space", "--as"),
    ({"room": Room(data_bytes=16 << 20)}, HOST, "room", "RLIMIT_DATA", "--data"),
    ({"room": Room(locked_bytes=0)}, HOST, "room", "memory locked", "--memlock"),
    ({"room": Room(group_bytes=9 << 20)}, HOST, "room", "9437184 bytes of memory left", "memory.max"),
    ({"room": Room(threads=1)}, HOST, "room", "only 1 more threads", "pids.max"),
    ({"lost_file": "/lib/libc.so.6"}, HOST, "libraries", "replaced on the disk", "Restart"),
    ({"lost_file": "/lib/libpython3.so", "python": None}, HOST, "libraries", "/lib/libpython3.so", "Restart"),
    ({"is_closed": True, "python": None}, HOST, "Python", "keeps its functions to itself", "--mode observe"),
    ({"shares_memory_with": 99}, HOST, "own memory", "in the memory of the process 99", "to its parent"),
    ({"is_stuck": True}, HOST, "interruptible", "waits inside the kernel", "when that wait is over"),
    ({"same_user_namespace": False}, ROOT, "user namespace", "does not know Scope's user", "nsenter"),
]


@pytest.mark.parametrize(("facts", "host", "rule", "sentence", "remedy"), BLOCKED, ids=lambda value: str(value)[:30])
def test_each_obstacle_is_named_with_its_remedy_and_the_observe_tier_is_offered(
    facts: dict[str, object], host: Host, rule: str, sentence: str, remedy: str
) -> None:
    diagnosis = judged(host, **facts)
    blocking = diagnosis.blocking
    assert blocking is not None
    assert (diagnosis.ok, diagnosis.tier, blocking.name) == (False, "observe", rule)
    assert sentence in blocking.message
    assert blocking.message.endswith(".")
    assert blocking.remedy is not None and remedy in blocking.remedy
    assert diagnosis.refusal() == f"{blocking.message} {blocking.remedy}"
    assert [r.name for r in diagnosis.rules if not r.ok] == [rule], "one cause, one blocked rule"


ALLOWED = [
    ({"uids": (0, 0, 0, 0)}, ROOT),
    ({"uids": (5, 5, 5, 5)}, ROOT),
    ({"is_dumpable": False}, ROOT),
    ({"capabilities": 0x2000}, HOST._replace(capabilities=0x3000)),
    ({}, ROOT._replace(yama_scope=2)),
    ({"pid": 4712}, HOST._replace(yama_scope=1)),
    ({"same_mount_namespace": False}, HOST),
    ({"same_pid_namespace": False}, HOST),
    ({"python": PythonBuild("3.15.0a1", 0x030F00A1, False)}, HOST),
    ({}, HOST._replace(confinement=Confinement(2, ""))),
    ({"room": Room(files=16, file_bytes=1 << 30, address_bytes=1 << 30, data_bytes=1 << 28, threads=9)}, HOST),
    ({"room": Room(address_bytes=1 << 30)}, HOST._replace(pool_bytes=64 << 20)),
    ({"same_user_namespace": False, "capabilities": 0xFF}, HOST),
    ({"machine": None, "is_static": None, "is_musl": None}, HOST),
]


@pytest.mark.parametrize(("facts", "host"), ALLOWED, ids=lambda value: str(value)[:40])
def test_what_is_no_obstacle_is_not_called_one(facts: dict[str, object], host: Host) -> None:
    diagnosis = judged(host, **facts)
    assert diagnosis.ok, diagnosis.refusal()


def test_a_process_that_has_ended_can_not_even_be_observed() -> None:
    diagnosis = judged(state="Z")
    assert (diagnosis.ok, diagnosis.tier) == (False, None)
    assert "ended" in diagnosis.refusal()


def test_a_process_whose_main_thread_has_ended_is_not_said_to_have_ended_itself() -> None:
    diagnosis = judged(state="Z", threads=3)
    assert (diagnosis.ok, diagnosis.tier) == (False, None)
    assert "main thread" in diagnosis.refusal()


def test_the_pool_that_was_asked_for_must_fit() -> None:
    room = Room(address_bytes=100 << 20)
    assert judged(HOST._replace(pool_bytes=16 << 20), room=room).ok
    assert not judged(HOST._replace(pool_bytes=96 << 20), room=room).ok


def test_what_could_not_be_looked_at_is_not_judged() -> None:
    diagnosis = judged(uids=(0, 0, 0, 0), python=None, machine=None)
    assert [rule.name for rule in diagnosis.rules if not rule.ok] == ["owner"]


def test_the_text_marks_what_is_in_the_way_and_says_what_remains() -> None:
    text = judged(state="T").text()
    assert "NO  running" in text
    assert "-> Continue it" in text
    assert text.endswith("Scope can only watch it from outside.")
    assert judged().text().endswith("Scope can record it.")
    assert "recording costs: " in judged().text()
    assert "recording costs: " not in text


def test_the_diagnosis_survives_json() -> None:
    diagnosis = judged(state="T")
    assert msgspec.json.decode(msgspec.json.encode(diagnosis), type=Diagnosis) == diagnosis


def test_a_running_interpreter_of_every_version_can_be_recorded(interpreter: Interpreter, target: Launcher) -> None:
    code = "import time; print('ready', flush=True); time.sleep(60)"
    diagnosis = examine(target([interpreter.path, "-c", code], ready="ready").pid)
    assert diagnosis.ok, diagnosis.text()


def test_a_process_that_does_not_exist_has_one_rule() -> None:
    diagnosis = examine(2**22 + 1)
    assert (diagnosis.ok, diagnosis.tier, len(diagnosis.rules)) == (False, None, 1)
    assert "There is no process" in diagnosis.refusal()


def test_scope_does_not_attach_to_itself() -> None:
    blocking = examine(os.getpid()).blocking
    assert blocking is not None and blocking.name == "not ourselves"


def test_a_shell_can_only_be_observed(target: Launcher) -> None:
    diagnosis = examine(target(["/bin/sh", "-c", "echo ready; exec sleep 60"], ready="ready").pid)
    assert diagnosis.tier == "observe"
    assert "not a CPython program" in diagnosis.refusal()


def test_a_wish_to_be_left_alone_is_honoured_on_every_version(interpreter: Interpreter, target: Launcher) -> None:
    command = [
        str(interpreter.path),
        "-X",
        "disable-remote-debug",
        "-c",
        "import time; print('ready', flush=True); time.sleep(60)",
    ]
    diagnosis = examine(target(command, ready="ready").pid)
    assert diagnosis.tier == "observe"
    assert "remote debugging disabled" in diagnosis.refusal()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_user_who_cannot_read_the_agent_is_told_so(target: Launcher) -> None:
    code = "import os, time; os.setgid(65534); os.setuid(65534); print('ready', flush=True); time.sleep(60)"
    diagnosis = examine(target([sys.executable, "-c", code], ready="ready").pid)
    readable = all(rule.ok for rule in diagnosis.rules if rule.name == "agent")
    assert diagnosis.ok == readable
