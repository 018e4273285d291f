"""The programs of the identity tests, one row each: what is run, what it needs, and what of its output is chance.

Words of an argv: `{here}` is the folder of our own programs, `{faults}` that of the programs that once were harmed,
`{work}` that in which it runs, `{port}` a free port, `{scratch}` a folder whose files are not compared. What is chance
is replaced by a pattern before outputs are compared, and nothing else is: a row without `chance` must give the same
bytes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class Conversation(Protocol):
    """What a row can do with its program while it runs."""

    port: int

    def page(self, path: str, until: Callable[[str], bool] = bool) -> str:
        """The body of a page once the server answers with one that will do."""

    def listener(self) -> int:
        """Process id of the oldest process that listens on the port."""

    def pid_file(self) -> int:
        """Process id that the program has written to {scratch}/pid."""

    def file(self, name: str, text: str) -> None:
        """Writes a file in the working folder."""

    def wait_for_file(self, pattern: str, count: int = 1) -> None:
        """Returns when that many files of the working folder match."""


@dataclass(frozen=True)
class Program:
    name: str
    argv: tuple[str, ...]
    packages: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """Of `run` and `attach`."""
    stdin: str = ""
    files: dict[str, str] = field(default_factory=dict)
    talk: Callable[[Conversation], None] | None = None
    chance: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    """Globs of written files whose content is chance; that they exist is compared."""
    in_any_order: bool = False
    oldest: tuple[int, int] = (3, 10)
    sample: bool = False
    """Whether `make test` runs it; `make soak` runs all on every interpreter."""


NUMBERS = ((r"\d+(\.\d+)?", "N"),)
CLOCK = ((r"\[?\d\d?/\w+/\d{4}[ :]\d\d:\d\d:\d\d( [+-]\d{4})?\]?", "TIME"),)
ADDRESSES = ((r"0x[0-9a-f]+", "ADDRESS"),)
TASKS = ((r"(?m)^threads \d$", "threads of the kernel's, Scope's among them"),)
TIMES = ((r"\d+\.\d+", "N"),)

MODULE = '''"""A module.

>>> double(2)
4
>>> double("a")
'aa'
"""
def double(x):
    return x * 2
'''
TESTS = """import unittest
class Some(unittest.TestCase):
    def test_passes(self): self.assertEqual(1 + 1, 2)
    def test_fails(self): self.assertEqual(1 + 1, 3)
    @unittest.skip("on purpose")
    def test_skipped(self): pass
    def test_raises(self): raise KeyError("raised")
    def test_many(self):
        for n in range(3000):
            with self.subTest(n=n): self.assertEqual(n * 2 // 2, n)
"""
PYTESTS = """import pytest
@pytest.mark.parametrize("n", range(40))
def test_number(n): assert n * 2 // 2 == n
def test_fails(tmp_path): assert [1, 2, 3] == [1, 2, 4]
def test_warns(): import warnings; warnings.warn("old")
"""
SHADOW = "import capture, sys\nprint(capture.WHOSE, sorted(name for name in sys.modules if 'scope' in name))\n"
PDB = "break double\ncontinue\nwhere\nprint(x)\nnext\nreturn\ncontinue\nquit\n"
WSGI = """def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("page " + environ["PATH_INFO"]).encode()]
"""
DJANGO = {
    "manage.py": 'import os, sys\nos.environ["DJANGO_SETTINGS_MODULE"] = "settings"\n'
    "from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n",
    "settings.py": 'SECRET_KEY = "x"\nDEBUG = True\nALLOWED_HOSTS = ["*"]\nROOT_URLCONF = "urls"\nUSE_TZ = True\n',
    "urls.py": "from django.http import HttpResponse\nfrom django.urls import path\nWORD = 'first'\n"
    "urlpatterns = [path('', lambda request: HttpResponse(WORD))]\n",
}


def asks_http_server(program: Conversation) -> None:
    program.page("/")
    assert program.page("/module.py") == MODULE
    for _ in range(5):
        program.page("/missing")
    os.kill(program.listener(), signal.SIGINT)


def changes_django(program: Conversation) -> None:
    """The autoreloader starts the server again. It misses a change before its first look, so the change is repeated."""

    def changed(body: str) -> bool:
        if body == "first":
            program.file("urls.py", DJANGO["urls.py"].replace("first", "second"))
        return body == "second"

    program.page("/", changed)
    os.kill(program.listener(), signal.SIGINT)


def asks_gunicorn(program: Conversation) -> None:
    for number in range(20):
        program.page(f"/{number}", f"page /{number}".__eq__)
    os.kill(program.pid_file(), signal.SIGTERM)


def ends_celery(program: Conversation) -> None:
    program.wait_for_file("result-*.txt", 6)
    os.kill(program.pid_file(), signal.SIGTERM)


def _own(name: str, *words: str, **options: object) -> Program:
    title = " ".join([name, *words]).replace("_", " ")
    return Program(title, (f"{{here}}/{name}.py", *words), **options)  # type: ignore[arg-type]


def _fault(name: str, *words: str, **options: object) -> Program:
    """One that waits for a file `go` in its folder, if it waits at all."""
    title = " ".join([name, *words]).replace("_", " ").replace(" .", "").replace(" {work}", "")
    return Program(title, (f"{{faults}}/{name}.py", *words), **{"files": {"go": ""}, **options})  # type: ignore[arg-type]


def _module(*argv: str, title: str = "", **options: object) -> Program:
    return Program(title or argv[0], ("-m", *argv), **{"files": {"module.py": MODULE}, **options})  # type: ignore[arg-type]


PROGRAMS: tuple[Program, ...] = (
    # what a program may do
    _own("looks_at_itself", "one", "-x", sample=True),
    _own("forks_a_daemon", sample=True),
    _own("prefork_server", sample=True),
    _own("forks_and_exits", chance=((r'File "[^"]+"', "FILE"),), sample=True),
    _own("works_with_a_pool"),
    _own("runs_threads", sample=True),
    _own("waits_for_signals", sample=True),
    _own("ends_badly", chance=ADDRESSES, sample=True),
    _own("exits_with", "3"),
    _own("exits_with", "text"),
    _own("exits_with", "at-once"),
    _own("exits_with", "killed"),
    _own("runs_tasks", sample=True),
    _own("runs_tasks", "debug", chance=((r"(?m)^Executing <.* took .*\n", ""), *NUMBERS)),
    _own("makes_classes", sample=True),
    _own("plays_with_frames", sample=True),
    _own("runs_an_archive"),
    _own("execs_itself"),
    _own("mixes_with_c"),
    _own("forbids_by_audit"),
    # what once was harmed or told wrong
    # the warnings of parent and child about their databases
    _fault("child_ends_normally", ".", "main", chance=ADDRESSES, in_any_order=True),
    _fault("child_ends_normally", "{work}", "daemon", chance=ADDRESSES, in_any_order=True),
    _fault("forks", ".", "multiprocessing", files={"go": "", "end": ""}, chance=TASKS),
    _fault("forks", ".", "preexec", files={"go": "", "end": ""}, chance=TASKS),
    _fault("takes_every_number", ".", "closerange", ignored=("own*.txt",)),
    _fault("takes_every_number", ".", "dup2", ignored=("own*.txt",)),
    _fault("few_descriptors", ".", "limit", ignored=("own*.txt",)),
    _fault("few_descriptors", ".", "stdio", ignored=("own*.txt",)),
    _fault("nearly_collects", "."),
    _fault("replaces_everything", "."),
    _fault("expression_evaluator", "300", "distinct", chance=((r'"grown_bytes": -?\d+', "GROWN"),)),
    _fault("odd_names"),
    _fault("kinds_of_classes", packages=("attrs",), flags=("--state", "*")),
    _fault("module_loop"),
    _fault("exceptions_on_their_way"),
    _fault("many_threads", "300", "1", chance=NUMBERS),
    _fault("profiled_by_another", "later", "go"),
    _fault("greenlets_take_turns", packages=("greenlet",)),
    Program("imports its own capture", ("main.py",), files={"main.py": SHADOW, "capture.py": "WHOSE = 'mine'\n"}),
    # the standard library's tools
    _module("json.tool", "--sort-keys", stdin='{"b": [1, 2, {"c": null}], "a": "\\u00e4"}', sample=True),
    _module("compileall", "-q", "--invalidation-mode", "unchecked-hash", "."),
    _module("tokenize", "module.py"),
    _module("zipfile", "-c", "module.zip", "module.py"),
    _module("tarfile", "-c", "module.tar", "module.py"),
    _module("http.server", "{port}", "--bind", "127.0.0.1", talk=asks_http_server, chance=CLOCK, sample=True),
    _module("unittest", "-v", "tests", files={"tests.py": TESTS}, chance=TIMES),
    _module(
        "timeit",
        *("-n", "1000", "sum(range(100))"),
        # what it measures, and a warning where the machine was busy
        chance=(*NUMBERS, (r"[num]?sec", "SEC"), (r"\n?:N: UserWarning: The test results.*\n", "")),
    ),
    _module("pdb", "module.py", stdin=PDB, files={"module.py": MODULE + "print(double(21))\n"}),
    _module("doctest", "-v", "module.py"),
    _module("ast", "module.py"),
    _module("dis", "module.py", chance=ADDRESSES),
    _module("sqlite3", "data.db", "create table t(a, b); ", files={}, oldest=(3, 12)),
    _module("pydoc", "module"),
    _module("venv", "--without-pip", "--symlinks", "env", files={}),
    _module("cProfile", "-s", "name", "module.py", chance=TIMES),
    # third parties
    _own("gevent_pool", packages=("gevent",), sample=True),
    _own("flask_app", packages=("flask",), chance=((r"0x[0-9a-f]+|\d{4}-\d\d-\d\d [\d:,]+", "CHANCE"),)),
    _own("jinja_page", packages=("jinja2",)),
    _own("sql_alchemy", packages=("sqlalchemy",)),
    _own("aio_http", packages=("aiohttp",)),
    _own("aio_http", "uvloop", packages=("aiohttp", "uvloop")),
    _own("requests_get", packages=("requests",)),
    _own("attrs_classes", packages=("attrs",)),
    _module(
        "pytest", "-p", "no:cacheprovider", "tests.py", packages=("pytest",), files={"tests.py": PYTESTS}, chance=TIMES
    ),
    _module(
        "pytest",
        *("-p", "no:cacheprovider", "-n", "2", "tests.py"),
        packages=("pytest", "pytest-xdist"),
        files={"tests.py": PYTESTS},
        title="pytest -n",
        chance=(*TIMES, (r"(?m)^[.F]+( +\[ *\d+%\])?$", "DOTS"), (r"gw\d", "WORKER")),  # who is first
        in_any_order=True,
    ),
    _module("coverage", "run", "module.py", packages=("coverage",), ignored=(".coverage",)),
    Program(
        "django runserver",
        ("-u", "manage.py", "runserver", "{port}"),
        packages=("django",),
        files=DJANGO,
        talk=changes_django,
        chance=(*CLOCK, (r"\w+ \d\d, \d{4} - [\d:]+", "DATE")),
        in_any_order=True,
    ),
    _module(
        "gunicorn",
        *("-w", "2", "-b", "127.0.0.1:{port}", "--pid", "{scratch}/pid", "--no-control-socket", "wsgi:app"),
        packages=("gunicorn",),
        files={"wsgi.py": WSGI},
        talk=asks_gunicorn,
        chance=((r"\[[^]]+\] \[\d+\]", "WHO"), (r"(?m)^.*unclosed file <_io.FileIO.*wb\+.*\n", ""), (r"\d+", "N")),
        in_any_order=True,  # the file is a worker's; on 3.15 one in 36 bare ones had not closed it either
    ),
    _own(
        "celery_worker",
        packages=("celery",),
        talk=ends_celery,
        chance=(*ADDRESSES, *NUMBERS),
        in_any_order=True,
        ignored=("queue/*", "control/*"),
    ),
)
