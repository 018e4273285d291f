"""A library gets into a running interpreter without harm, wherever its threads happen to be."""

import ctypes
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from capture.attach.inject import _plan, _run, inject
from capture.errors import ScopeBug, TargetProblem
from capture.target.maps import read_maps
from tests.interpreters import Interpreter

SOAK_ROUNDS = 300 if os.environ.get("SCOPE_SOAK") else 12
RESTLESS = Path(__file__).with_name("restless.py")
PROBE_SOURCE = r"""
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *leave_a_mark(void *path)
{
    char *name = path;
    int file = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (write(file, "x", 1) != 1)
        abort();
    close(file);
    free(name);
    return NULL;
}

int scope_inject_start(const char *path)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    return pthread_create(&thread, &attributes, leave_a_mark, strdup(path));
}

int refuse(const char *path) { return path[0] == '/' ? 11 : 12; }
int crash(const char *path) { return *(volatile int *)(unsigned long)(path[0] * 16); }
int take_half_a_second(const char *path) { usleep(500000); return path[0] != '/'; }
int disturb(const char *path)
{ /* everything a call may leave different: errno, floating point, the carry flag, callee-saved registers */
    extern int *__errno_location(void);
    *__errno_location() = 99;
    unsigned int control = 0x1f80 | 0x6000;
    __asm__ volatile("ldmxcsr %0; pxor %%xmm0, %%xmm0; pxor %%xmm15, %%xmm15; stc" ::"m"(control) : "xmm0", "xmm15");
    return path[0] != '/';
}
"""

needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler: cc")
pytestmark = needs_compiler


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny library that leaves a mark in the file it is told, from a thread of its own."""
    folder = tmp_path_factory.mktemp("probe")
    source, library = folder / "probe.c", folder / "probe.so"
    source.write_text(PROBE_SOURCE)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", source, "-o", library, "-lpthread"], check=True)
    return library


def until(condition: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.001)


@contextmanager
def running(python: Path | str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A target, ready once it has printed its first line."""
    command = [str(python), *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def running_code(python: Path | str, code: str) -> Iterator[subprocess.Popen[bytes]]:
    with running(python, "-c", code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process


def wait_parked(process: subprocess.Popen[bytes]) -> None:
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING, "the target sleeps")


def marks(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def enter(process: subprocess.Popen[bytes], probe: Path, mark: Path) -> None:
    before = marks(mark)
    inject(process.pid, probe, str(mark))
    until(lambda: marks(mark) == before + 1, "the probe's mark")


def test_threads_that_never_rest_survive_being_entered(interpreter: Interpreter, probe: Path, tmp_path: Path) -> None:
    threads, mark, counters = 5, tmp_path / "mark", tmp_path / "counters"
    counters.write_bytes(bytes(8 * threads))

    def rounds() -> list[int]:
        data = counters.read_bytes()
        return [int.from_bytes(data[i * 8 : i * 8 + 8], "little") for i in range(threads)]

    def rose_since(before: list[int]) -> bool:
        return all(now > then for now, then in zip(rounds(), before, strict=True))

    with running(interpreter.path, RESTLESS, counters, threads) as process:
        until(lambda: min(rounds()) > 0, "all threads at work")
        for i in range(SOAK_ROUNDS):
            before = rounds()
            fresh = Path(shutil.copy(probe, tmp_path / f"probe{i}.so"))  # so that each round must call dlopen
            enter(process, fresh, mark)
            until(partial(rose_since, before), f"work {i}")
        assert process.poll() is None
    assert marks(mark) == SOAK_ROUNDS


def test_a_process_idle_in_accept_is_entered_and_still_accepts(
    interpreter: Interpreter, probe: Path, tmp_path: Path
) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print("ready", flush=True); print(server.getsockname()[1], flush=True)
print(server.accept()[0].recv(5).decode(), flush=True)
"""
    with running_code(interpreter.path, code) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        wait_parked(process)
        for _ in range(3):
            enter(process, probe, tmp_path / "mark")
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"hello")
            assert process.stdout.readline() == b"hello\n"
        assert process.wait(10) == 0


def test_a_single_thread_that_burns_cpu_is_entered(probe: Path, tmp_path: Path) -> None:
    code = """
print("ready", flush=True)
total = 0
while True:
    total = sum(i * i for i in range(1000))
    assert total == 332833500
    text = bytes(5000).hex()
"""
    with running_code(sys.executable, code) as process:
        for _ in range(20):
            enter(process, probe, tmp_path / "mark")
        assert process.poll() is None


BLOCKING = {
    "sleep": ("", "time.sleep(1.0)"),
    "select": ("import select", "select.select([], [], [], 1.0)"),
    "poll": ("import select; poller = select.poll()", "poller.poll(1000)"),
    "epoll": ("import select; poller = select.epoll()", "poller.poll(1.0)"),
    "lock": ("import threading; lock = threading.Lock(); lock.acquire()", "lock.acquire(timeout=1.0)"),
    "read": (
        "import os, threading; r, w = os.pipe(); threading.Timer(1.0, os.write, (w, b'x')).start()",
        "os.read(r, 1)",
    ),
    "wait": ("import subprocess; child = subprocess.Popen(['sleep', '1'])", "child.wait()"),
}
"""System calls of one second: what is made before, and the call."""


@pytest.mark.alone
@pytest.mark.parametrize("call", BLOCKING)
def test_an_interrupted_system_call_goes_on_as_if_nothing_happened(call: str, probe: Path, tmp_path: Path) -> None:
    setup, blocked = BLOCKING[call]
    code = f"""
import time
{setup}
start = time.monotonic()
print('ready', flush=True)
{blocked}
print(time.monotonic() - start, flush=True)
"""
    with running_code(sys.executable, code) as process:
        wait_parked(process)
        for _ in range(20):
            enter(process, probe, tmp_path / "mark")
        assert process.stdout is not None
        took = float(process.stdout.readline())
        assert process.wait(10) == 0
    assert 0.95 <= took < 2.0


def test_c_code_that_expects_no_eintr_gets_none(tmp_path: Path, probe: Path) -> None:
    source, program = tmp_path / "strict.c", tmp_path / "strict"
    source.write_text(r"""
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>
int main(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int poller = epoll_create1(0);
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &event);
    puts("ready");
    fflush(stdout);
    printf("%d\n", epoll_wait(poller, &event, 1, -1));
    return 0;
}
""")
    subprocess.run(["cc", source, "-o", program], check=True)
    with running(program) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        wait_parked(process)
        for _ in range(10):
            enter(process, probe, tmp_path / "mark")
        process.stdin.write(b"x")
        process.stdin.flush()
        assert process.stdout.readline() == b"1\n"


def test_registers_flags_floating_point_and_errno_are_put_back(tmp_path: Path, probe: Path) -> None:
    """The target counts with everything a call may clobber and aborts when a value is not as it left it."""
    source, program = tmp_path / "careful.c", tmp_path / "careful"
    source.write_text(r"""
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xmmintrin.h>
int main(void)
{
    puts("ready");
    fflush(stdout);
    errno = 7;
    unsigned int control = _mm_getcsr();
    double sum = 0;
    for (unsigned long round = 1;; round++) {
        unsigned long left = round * 2654435761u, right = left;
        double x = (double)(round & 1023);
        for (int i = 0; i < 2000; i++) {
            left = left * 6364136223846793005ul + 1442695040888963407ul;
            __asm__ volatile("" : "+r"(left));
            x = x * 1.0000001 + 0.25;
        }
        for (int i = 0; i < 2000; i++)
            right = right * 6364136223846793005ul + 1442695040888963407ul;
        double y = (double)(round & 1023);
        for (int i = 0; i < 2000; i++) {
            __asm__ volatile("" : "+x"(y));
            y = y * 1.0000001 + 0.25;
        }
        if (left != right || x != y || errno != 7 || _mm_getcsr() != control)
            abort();
        sum += x;
    }
    return sum > 0;
}
""")
    subprocess.run(["cc", "-O2", source, "-o", program], check=True)
    with running(program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for _ in range(50):
            inject(process.pid, probe, "/", entry="disturb")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)


def test_signals_sent_meanwhile_arrive_later_and_none_is_lost(probe: Path, tmp_path: Path) -> None:
    code = """
import signal, sys, threading
seen = 0
def count(*_):
    global seen
    seen += 1
signal.signal(signal.SIGUSR1, count)
print("ready", flush=True)
for line in sys.stdin:
    print(seen, flush=True)
"""
    with running_code(sys.executable, code) as process:
        assert process.stdin is not None and process.stdout is not None
        wait_parked(process)

        def seen() -> int:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(b"?\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        def has_seen(count: int) -> bool:
            return seen() == count

        for i in range(10):
            with subprocess.Popen([sys.executable, "-c", f"import os; os.kill({process.pid}, {signal.SIGUSR1:d})"]):
                inject(process.pid, probe, "/", entry="take_half_a_second") if i == 0 else enter(
                    process, probe, tmp_path / "mark"
                )
            until(partial(has_seen, i + 1), "the signal's handler")


def test_the_library_is_loaded_once_however_often_it_is_entered(probe: Path, tmp_path: Path) -> None:
    with running_code(sys.executable, "print('ready', flush=True)\ninput()") as process:
        wait_parked(process)
        enter(process, probe, tmp_path / "mark")
        mapped = read_maps(process.pid)
        for _ in range(5):
            enter(process, probe, tmp_path / "mark")
        until(lambda: psutil.Process(process.pid).num_threads() == 1, "the probe's threads ended")
        again = read_maps(process.pid)
        assert [m for m in again if m.name == probe.name] == [m for m in mapped if m.name == probe.name] != []
        assert len(again) <= len(mapped)


def test_a_library_that_was_replaced_on_disk_is_loaded_anew(probe: Path, tmp_path: Path) -> None:
    """The loader goes by names; a new file under an old name must not be called in the old file's place."""
    source = "int scope_inject_start(const char *path) { return path[0] == '/' ? %d : 0; }"
    library = tmp_path / "library.so"
    with running_code(sys.executable, "print('ready', flush=True)\ninput()\nprint('fine')") as process:
        wait_parked(process)
        for version in (21, 22, 23):
            (tmp_path / "new.c").write_text(f"int pad{version}(void) {{ return 1; }}\n" + source % version)
            subprocess.run(["cc", "-shared", "-fPIC", tmp_path / "new.c", "-o", tmp_path / "new.so"], check=True)
            (tmp_path / "new.so").rename(library)
            for _ in range(2):
                with pytest.raises(TargetProblem, match=f"error {version}"):
                    inject(process.pid, library, "/")
        names = [mapping for mapping in read_maps(process.pid) if mapping.path == str(library)]
        assert len({mapping.inode for mapping in names}) == 3
        out, _ = process.communicate(b"\n", timeout=10)
        assert out == b"fine\n"


def test_a_call_that_takes_too_long_is_left_to_finish_by_itself(probe: Path, tmp_path: Path) -> None:
    code = """
import time
print("ready", flush=True)
x = 0.1
start = time.monotonic()
for _ in range(3):
    time.sleep(0.4)
    x += 0.1
print(round(x, 6), flush=True)
"""
    with running_code(sys.executable, code) as process:
        wait_parked(process)
        with pytest.raises(TargetProblem, match="Scope let it go"):
            inject(process.pid, probe, "/", entry="take_half_a_second", call_ms=50)
        assert process.stdout is not None
        assert process.stdout.readline() == b"0.4\n"
        assert process.wait(10) == 0


def test_a_running_thread_left_in_its_call_continues_where_it_was(probe: Path, tmp_path: Path) -> None:
    code = """
print("ready", flush=True)
import time
end = time.monotonic() + 1.5
while time.monotonic() < end:
    values = [i * 0.5 for i in range(2000)]
    assert sum(values) == 999500.0
"""
    with running_code(sys.executable, code) as process:
        with pytest.raises(TargetProblem, match="Scope let it go"):
            inject(process.pid, probe, "/", entry="take_half_a_second", call_ms=20)
        assert process.wait(10) == 0


def test_an_entry_that_refuses_is_reported(probe: Path) -> None:
    with running_code(sys.executable, "print('ready', flush=True)\ninput()") as process:
        with pytest.raises(TargetProblem, match="error 11"):
            inject(process.pid, probe, "/", entry="refuse")
        assert process.poll() is None


def test_an_entry_that_faults_does_not_take_the_target_along(probe: Path, tmp_path: Path) -> None:
    with running_code(sys.executable, "print('ready', flush=True)\ninput()\nprint('fine')") as process:
        wait_parked(process)
        with pytest.raises(TargetProblem, match="fault"):
            inject(process.pid, probe, "/", entry="crash")
        out, _ = process.communicate(b"\n", timeout=10)
        assert (out, process.returncode) == (b"fine\n", 0)


def test_a_library_that_cannot_be_loaded_is_explained_by_the_loader(tmp_path: Path, probe: Path) -> None:
    with running_code(sys.executable, "print('ready', flush=True)\ninput()\nprint('fine')") as process:
        wait_parked(process)
        with pytest.raises(TargetProblem, match=r"cannot load Scope's recorder: .*cannot open shared object"):
            plan = _plan(process.pid, probe, "/", "refuse")
            plan.hunt_ms, plan.call_ms = 1000, 1000
            plan.library = os.fsencode(tmp_path / "missing.so")
            _run(process.pid, plan)
        out, _ = process.communicate(b"\n", timeout=10)
        assert out == b"fine\n"


def test_a_library_without_the_entry_is_our_bug(probe: Path) -> None:
    with pytest.raises(ScopeBug, match="does not export nothing"):
        inject(os.getpid(), probe, "", entry="nothing")


def test_a_stopped_process_is_refused_and_stays_stopped(probe: Path) -> None:
    with running_code(sys.executable, "print('ready', flush=True)\ninput()") as process:
        process.send_signal(signal.SIGSTOP)
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "the stop")
        with pytest.raises(TargetProblem, match=f"kill -CONT {process.pid}"):
            inject(process.pid, probe, "/")
        assert process.stdin is not None
        process.stdin.write(b"\n")  # would end it, if it ran
        process.stdin.flush()
        # The kernel wakes whom a tracer lets go of, and stops it again: ptrace(2), "Group-stop".
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "the stop to go on")
        process.send_signal(signal.SIGCONT)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 0, err


def test_a_process_that_ended_is_said_to_have_ended(probe: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with pytest.raises(TargetProblem, match="ended"):
        inject(process.pid, probe, "/")


def test_a_process_that_ignores_segv_is_left_alone(probe: Path) -> None:
    code = "import signal; signal.signal(signal.SIGSEGV, signal.SIG_IGN); print('ready', flush=True); input()"
    with running_code(sys.executable, code) as process:
        with pytest.raises(TargetProblem, match="SIGSEGV"):
            inject(process.pid, probe, "/")
        assert process.poll() is None


def test_a_process_under_another_debugger_is_refused(probe: Path) -> None:
    with running_code(sys.executable, "print('ready', flush=True)\ninput()") as process:
        libc = ctypes.CDLL(None, use_errno=True)
        seize, detach, interrupt = 0x4206, 17, 0x4207
        assert libc.ptrace(seize, process.pid, None, None) == 0, errno.errorcode[ctypes.get_errno()]
        try:
            with pytest.raises(TargetProblem, match="does not let Scope enter"):
                inject(process.pid, probe, "/")
        finally:
            libc.ptrace(interrupt, process.pid, None, None)
            os.waitpid(process.pid, 0x40000000)
            assert libc.ptrace(detach, process.pid, None, None) == 0


def test_a_program_that_becomes_another_one_is_not_entered(probe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses of the plan are of the program before, and the other one may be another user's."""
    after = "print('another', flush=True); input(); print('fine')"
    code = f"import os, sys; print('ready', flush=True); input(); os.execv(sys.executable, ['python', '-c', {after!r}])"
    with running_code(sys.executable, code) as process:
        wait_parked(process)
        assert process.stdin is not None
        assert process.stdout is not None
        plan = _plan(process.pid, probe, "/", "refuse")
        plan.hunt_ms, plan.call_ms = 200, 1000
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"another\n"
        with pytest.raises(TargetProblem, match="No thread"):
            _run(process.pid, plan)
        out, _ = process.communicate(b"\n", timeout=10)
        assert (out, process.returncode) == (b"fine\n", 0)


def test_a_target_killed_during_the_call_is_reported(probe: Path) -> None:
    with running_code(sys.executable, "print('ready', flush=True)\ninput()") as process:
        wait_parked(process)
        killer = [sys.executable, "-c", f"import os, time; time.sleep(0.2); os.kill({process.pid}, 9)"]
        with subprocess.Popen(killer), pytest.raises(TargetProblem, match="ended while"):
            inject(process.pid, probe, "/", entry="take_half_a_second")
