"""What is printed, logged and warned of: whole, in order, where it was said, without secrets and without running the
target's code."""

# ruff: noqa: RUF001  the product marks hidden values with these quotes

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capture.events.kinds import OutputFlag
from capture.events.written import written_bytes
from capture.settings import CaptureSettings
from tests.capture.agent.recordings import DOOR, PATIENCE_S, Recording, script
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.targets import Launcher, Target

Make = Callable[..., Recording]

_HEADED = OutputFlag.LOG | OutputFlag.WARNING
_UNTOLD = OutputFlag.CONTINUES | OutputFlag.ESCAPED | OutputFlag.REDACTED


def said(one: Recording) -> list[tuple[int, int, str]]:
    """(flags that say where to, line, text with its heading) of what was written whole, in the order of the threads."""
    found: list[tuple[int, int, str]] = []
    begun = ""
    for event in one.read().all_events():
        if event.kind != "output":
            continue
        text = begun + event.text
        if event.flags & OutputFlag.CONTINUES:
            begun = text
            continue
        begun = ""
        found.append((event.flags & ~_UNTOLD, event.object, text))
    return found


def written(one: Recording, stream: int = 0) -> bytes:
    """The bytes that went to stdout (0) or stderr (1), wherever that was redirected to."""
    return b"".join(
        written_bytes(event.text, is_escaped=bool(event.flags & OutputFlag.ESCAPED))
        for event in one.read().all_events()
        if event.kind == "output" and not event.flags & _HEADED and event.flags & OutputFlag.STDERR == stream
    )


def configure(one: Recording, **settings: Any) -> None:
    assert "problem" not in one.channel.request("configure", CaptureSettings.checked(**settings).live_orders())


def ended(started: Target) -> bytes:
    """All that a program has written, once it has ended well."""
    assert started.wait(PATIENCE_S) == 0, started.output()
    return started.output_path.read_bytes()


EVERY_WAY = r"""
import io, os, sys
out = sys.stdout
def flush(): out.flush()
print("plain", 1, None, [2], sep="|")
print("größe ✓ \N{SNAKE}", flush=True)
sys.stdout.write("no line end"); flush()
sys.stdout.writelines(["a\n", "b\n"]); flush()
out.buffer.write(b"bytes \xff\xfe \\ and \xe2\x82\n"); out.buffer.flush()
out.buffer.write(bytearray(b"array\n")); out.buffer.write(memoryview(b"xview\n")[1:]); out.buffer.flush()
os.write(1, b"by number \x00 \xe9\n")
os.write(1, memoryview(b"by number, too\n"))
raw = open(1, "wb", buffering=0, closefd=False); raw.write(b"unbuffered\n")
own = open(1, "w", closefd=False); own.write("a file of one's own\n"); own.flush()
print("x" * 100_000 + "é" * 5_000); flush()
class Text(str): pass
print(Text("a subclass")); flush()
print("\udce9", file=out) if out.errors == "surrogateescape" else None
sys.stdout.reconfigure(line_buffering=True)
print("after")
sys.stdout = io.TextIOWrapper(out.detach(), encoding="utf-8", line_buffering=True)
print("of a wrapper of one's own")
"""


def test_output_equals_what_reaches_the_descriptor(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording()
    started = one.launch(target, interpreter, script(tmp_path, EVERY_WAY), env={"PYTHONUNBUFFERED": ""})
    assert ended(started) == written(one)


def test_output_without_buffers_and_to_stderr_is_the_same(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import os, sys\nprint('one')\nsys.stdout.buffer.write(b'two\\n')\nsys.stderr.write('three \\udce9\\n')\n"
        "sys.stderr.buffer.write(b'four\\n')\nos.write(2, b'five\\n')\nprint('six', file=sys.__stderr__)\n",
    )
    one = recording()
    started = one.launch(target, interpreter, program, env={"PYTHONUNBUFFERED": "1"})
    assert ended(started) == b"one\ntwo\nthree \\udce9\nfour\nfive\nsix\n"
    assert (written(one), written(one, 1)) == (b"one\ntwo\n", b"three \\udce9\nfour\nfive\nsix\n")


def test_what_is_said_has_its_line_its_level_and_its_logger(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        """import contextlib, io, logging, sys, warnings
class Silent(str):
    def __str__(self): raise SystemExit("code of the program ran")
    __repr__ = __str__
class Order: pass
log = logging.getLogger("orders.db")
def work():
    print("hello", end="")
    log.warning("%s of %d at %.1f", "seven", 9, 2.5)
    log.error("%(who)s did", {"who": "she"})
    log.info("below the level")
    log.critical("an %s", Order())
    log.log(35, "of no name")
    try: 1 / 0
    except ZeroDivisionError as error: log.error(error)
    log.error("%d", "no number")
    warnings.warn("old", DeprecationWarning)
    with contextlib.redirect_stdout(io.StringIO()):
        print("caught")
    with warnings.catch_warnings(record=True):
        warnings.warn("seen by a test")
    with contextlib.redirect_stdout(open(sys.argv[1], "w")) as file:
        print("to a file", end="")
        file.close()
logging.lastResort = logging.NullHandler()
warnings.simplefilter("always")
warnings._showwarnmsg_impl = lambda message: None
work()
""",
    )
    one = recording()
    started = one.launch(target, interpreter, program, tmp_path / "file")
    ended(started)
    log, warning, redirected = OutputFlag.LOG, OutputFlag.WARNING, OutputFlag.REDIRECTED
    assert said(one) == [
        (0, 8, "hello"),
        (log, 9, "WARNING: orders.db\0seven of 9 at 2.5"),
        (log, 10, "ERROR: orders.db\0she did"),
        (log, 12, "CRITICAL: orders.db\0an <__main__.Order>"),
        (log, 13, "Level 35: orders.db\0of no name"),
        (log, 15, "ERROR: orders.db\0division by zero"),
        (log, 16, "ERROR: orders.db\0%d % ('no number',)"),
        (warning, 17, "DeprecationWarning\0old"),
        (redirected, 19, "caught"),
        (redirected, 19, "\n"),
        (warning, 21, "UserWarning\0seen by a test"),
        (redirected, 23, "to a file"),
    ]


def test_secrets_stay_in_the_target_also_in_several_writes(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        """import logging, os, sys
print("token:", "s3cr3t-one", 5)
print("postgres://bob:s3cr3t-two@db/x")
sys.stdout.write("iban="); sys.stdout.write("s3cr3t-three and more\\n")
os.write(1, b"password=s3cr3t-four\\n")
logging.getLogger().error("api_key=%s", "s3cr3t-five")
for line in ("-----BEGIN PRIVATE KEY-----", "s3cr3tsix", "-----END PRIVATE KEY-----", "harmless"):
    print(line)
sys.stdout.write("x" * 4000 + " secret=" + "s3cr3t-seven" * 500 + "\\n")
print("harmless, too")
""",
    )
    one = recording(mode="performance", redact=["iban"])
    ended(one.launch(target, interpreter, program))
    text = written(one).decode()
    assert "s3cr3t" not in text
    assert b"s3cr3t" not in (one.pool_dir / "pool.bin").read_bytes()
    assert text == (
        "token: ‹redacted›‹redacted›‹redacted›\npostgres://bob:‹redacted›@db/x\niban=‹redacted› and more\n"
        "password=‹redacted›\n‹redacted›\n‹redacted›\n-----END PRIVATE KEY-----\nharmless\n"
        + "x" * 4000
        + " secret=‹redacted›\nharmless, too\n"
    )


def test_output_is_recorded_after_an_attach_until_it_is_turned_off(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        DOOR
        + """
import logging, time
from sys import stdout
write, log, n = stdout.write, logging.getLogger("old"), 0
print("ready", flush=True)
while True:
    write(f"line {n}\\n"); log.warning("record %d", n); n += 1; time.sleep(0.002)
""",
    )
    one = recording(mode="performance")
    started = target([interpreter.path, program], ready="ready", env=one.environment())
    one.attach(started)

    def all_seen() -> bool:
        texts = [text for _, _, text in said(one)]
        return len(texts) > 20 and any(text.startswith("WARNING: old\0record ") for text in texts)

    assert wait_for(all_seen, PATIENCE_S)
    configure(one, mode="performance", output="off")
    before = len(said(one))
    printed = started.output().count("\n")
    assert wait_for(lambda: started.output().count("\n") > printed + 50, PATIENCE_S)
    assert len(said(one)) == before
    configure(one, mode="performance")
    assert wait_for(lambda: len(said(one)) > before + 20, PATIENCE_S)
    one.stop()


def test_a_million_lines_leave_books_that_agree(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    lines = 100_000
    program = script(
        tmp_path, f"import os, sys\nsys.stdout = open(os.devnull, 'w')\nfor i in range({lines}): print(i)\n"
    )
    one = recording(mode="performance", chunk_count=4)
    ended(one.launch(target, interpreter, program))
    pool = one.read()
    recorded = sum(event.kind == "output" for event in pool.all_events())
    assert 0 < recorded < 2 * lines
    assert sum(pool.produced.values()) >= 2 * lines
    assert sum(pool.produced.values()) == len(pool.all_events()) + sum(pool.dropped.values())


def test_a_forked_child_prints_unrecorded_and_without_a_trace(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        """import os
print("parent", flush=True)
pid = os.fork()
if not pid:
    for i in range(100): print("child", flush=True)
    os._exit(0)
os.waitpid(pid, 0)
print("parent again", flush=True)
""",
    )
    one = recording()
    assert ended(one.launch(target, interpreter, program)).count(b"child") == 100
    assert written(one) == b"parent\nparent again\n"


@pytest.mark.sampled
def test_output_may_be_turned_on_and_off_while_threads_print(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        DOOR
        + """
import io, threading, time
count = [0] * 6
def hammer(n):
    while True:
        print("thread", n, file=sys.stderr); sys.stdout.buffer.write(b"x"); os.write(nothing, b"")
        count[n] += 1
sys.stderr = sys.stdout = open(os.devnull, "w")
nothing = os.open(os.devnull, os.O_WRONLY)
for n in range(6): threading.Thread(target=hammer, args=(n,), daemon=True).start()
sys.__stdout__.write("ready\\n"); sys.__stdout__.flush()
while True: time.sleep(1)
""",
    )
    one = recording(mode="minimal")
    started = target([interpreter.path, program], ready="ready", env=one.environment())
    one.attach(started)
    for turn in range(4_000 if os.environ.get("SCOPE_SOAK") else 60):
        configure(one, mode="minimal", output=("off", "on")[turn % 2])
    one.stop()
    assert started.alive
    assert started.output() == "ready\n"


def test_bytes_of_a_class_of_the_program_s_own_run_none_of_its_code(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    """A class may hand out its bytes by itself from 3.12 on: it is asked as often as without a recording."""
    if interpreter.version < (3, 12):
        pytest.skip("classes hand out no bytes before 3.12")
    program = script(
        tmp_path,
        "import os, sys\nasked = []\nclass Data:\n    def __buffer__(self, flags):\n        asked.append(flags)\n"
        "        return memoryview(b'data\\n')\n"
        "sys.stdout.buffer.write(Data()); sys.stdout.buffer.flush(); os.write(1, Data())\nprint(len(asked))\n",
    )
    alone = subprocess.run([interpreter.path, program], capture_output=True, check=True)
    one = recording()
    assert ended(one.launch(target, interpreter, program, env={"PYTHONUNBUFFERED": ""})) == alone.stdout
