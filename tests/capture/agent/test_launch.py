"""`run` starts a program as python itself does: exit status, output, tracebacks, `sys`, child processes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.capture.agent.recordings import AGENT, PATIENCE_S, Recording, script
from tests.interpreters import Interpreter
from tests.targets import Launcher

Make = Callable[..., Recording]

LAUNCHER = AGENT / "_scope_launch.py"
PROGRAMS = {
    "ends well": "print('done')",
    "fails": "def f(): raise ValueError('why')\ntry: {}['x']\nexcept KeyError: f()",
    "is not python": "x = = 1",
    "exits with a number": "import sys; sys.exit(7)",
    "exits with text": "import sys; sys.exit('gone wrong')",
    "exits at once": "import os; os._exit(9)",
    "is interrupted": "import signal, os, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)",
    "is terminated": "import signal, os, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)",
    "has a hook": "import sys\nsys.excepthook = lambda t, e, tb: print('hook', t, e, tb.tb_frame.f_code.co_name)\n1/0",
    "has exit handlers": "import atexit, threading, time\natexit.register(print, 'handler')\n"
                         "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\nprint('main')",
    "looks at itself": "import sys, __main__, inspect\n"
                       "print(__name__, sys.argv, sys.path[0], __file__, __spec__, __package__)\n"
                       "print(type(__loader__).__name__)\n"
                       "print(sys.modules['__main__'].__dict__ is globals(), sorted(vars(__main__)))\n"
                       "print([f.function for f in inspect.stack()][:1], sys.flags.optimize)",
    "pickles": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))))",
    "starts processes": "import multiprocessing as m\ndef f(x): return x * x\nif __name__ == '__main__':\n"
                        "    for how in ('spawn', 'fork'):\n"
                        "        with m.get_context(how).Pool(2) as p: print(how, p.map(f, [1, 2, 3]))",
    "runs a subprocess": "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(5)'], "
                         "capture_output=True, preexec_fn=lambda: None).stdout)",
}  # fmt: skip


def told(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "", text)


@pytest.mark.minors("3.11", "3.14")  # tests/identity has programs like these on the others
@pytest.mark.parametrize("what", list(PROGRAMS))
def test_a_program_behaves_as_under_plain_python(
    what: str, interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(tmp_path, PROGRAMS[what] + "\n")
    plain = target([interpreter.path, "program.py", "--option", "ü"], cwd=tmp_path)
    status = plain.wait(PATIENCE_S)
    one = recording()
    recorded = one.launch(target, interpreter, program.name, "--option", "ü", cwd=tmp_path)
    assert recorded.wait(PATIENCE_S) == status
    assert told(recorded.output()) == told(plain.output())
    if what != "is not python":
        assert any(event.kind == "call" for event in one.read().all_events())


@pytest.mark.sampled
def test_modules_code_and_folders_run_as_under_plain_python(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    look = (
        "import sys\nprint(__name__, sys.argv, sys.path[0], globals().get('__file__'), __package__)\n"
        "print(__spec__ and __spec__.name)\n"
    )
    (tmp_path / "pack").mkdir()
    script(tmp_path, "", "pack/__init__.py")
    script(tmp_path, look, "pack/__main__.py")
    script(tmp_path, look + "raise SystemExit(4)\n", "single.py")
    for words in (
        ["-m", "pack", "a"],
        ["-m", "single"],
        ["-m", "nowhere"],
        ["-c", look, "-x"],
        ["pack", "b"],
        ["absent.py"],
        ["-m", "timeit", "-n", "1", "-r", "1", "-q"],
    ):
        plain = target([interpreter.path, *words], cwd=tmp_path)
        one = recording()
        if words == ["absent.py"]:
            recorded = target([interpreter.path, LAUNCHER, one.config, "--", *words], cwd=tmp_path)
        else:
            recorded = one.launch(target, interpreter, *words, cwd=tmp_path)
        assert recorded.wait(PATIENCE_S) == plain.wait(PATIENCE_S), words
        if "timeit" not in words:
            assert told(recorded.output()) == told(plain.output()), words


def test_a_program_runs_even_when_nobody_records_it(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording()
    one.channel.close()
    started = target([interpreter.path, LAUNCHER, one.config, "--", script(tmp_path, "print('ran')\n")])
    assert started.wait(PATIENCE_S) == 0
    assert "scope: not recording:" in started.output()
    assert "ran" in started.output()
