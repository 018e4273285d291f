"""What attaching to a process needs, which rule is in the way, and the least that removes it.

`diagnose` is a pure function of facts, so that each rule can be tested without its situation (a container, a kernel
setting, somebody else's process). The rules stand in the order in which a user can do something about them.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from capture.errors import TargetProblem
from capture.host_facts import Host, host_facts, user_name
from capture.targets import Target, describe

Tier = Literal["python", "observe"]
OLDEST, NEWEST = (3, 10), (3, 15)
_OBSERVE = "`--mode observe` records its memory, CPU and threads from outside."


class Rule(msgspec.Struct, frozen=True):
    """One thing that must hold; if it does not, `message` says why in one sentence and `remedy` what to do."""

    name: str
    ok: bool
    message: str
    remedy: str | None = None


class Diagnosis(msgspec.Struct, frozen=True):
    """Whether Scope can get in: 'python' with every event, 'observe' from outside only, None not at all."""

    pid: int
    ok: bool
    tier: Tier | None
    rules: tuple[Rule, ...]
    python: str | None = None
    command: str = ""

    @property
    def blocking(self) -> Rule | None:
        """The first rule that does not hold."""
        return next((rule for rule in self.rules if not rule.ok), None)

    def refusal(self) -> str:
        """Why not, and what to do, in two sentences."""
        rule = self.blocking
        return "" if rule is None else " ".join(filter(None, (rule.message, rule.remedy)))

    def text(self) -> str:
        """The whole examination, one line per rule, for a terminal."""
        head = f"process {self.pid}" + (f": {self.command}" if self.command else "")
        lines = [head if self.python is None else f"{head} (Python {self.python})"]
        for rule in self.rules:
            lines.append(f"  {'ok ' if rule.ok else 'NO '} {rule.name}: {rule.message}")
            if not rule.ok and rule.remedy:
                lines.append(f"      -> {rule.remedy}")
        verdict = {"python": "Scope can record it.", "observe": "Scope can only watch it from outside."}
        return "\n".join([*lines, verdict.get(self.tier or "", "Scope cannot record it.")])


def examine(pid: int) -> Diagnosis:
    """The diagnosis of a process, whether it exists or not."""
    try:
        target = describe(pid)
    except TargetProblem as problem:
        rule = Rule("exists", False, problem.message, "`ps -ef | grep python` lists the programs that run.")
        return Diagnosis(pid, False, None, (rule,))
    return judge(target)


def judge(target: Target) -> Diagnosis:
    """The diagnosis of a process that has been described."""
    return diagnose(target, host_facts(target))


def diagnose(target: Target, host: Host) -> Diagnosis:
    """The judgement on these facts."""
    exists = _exists(target, host)
    if not exists.ok:
        return Diagnosis(target.pid, False, None, (exists,), command=target.command_line)
    rules = [exists, *(rule(target, host) for rule in _RULES)]
    if target.python:
        rules += (rule(target, host) for rule in _RULES_FOR_PYTHON)
    elif all(rule.ok for rule in rules):  # otherwise it may be one: we could not look
        rules.append(Rule("Python", False, f"Process {target.pid} ({target.name}) is not a CPython program.", _OBSERVE))
    ok = all(rule.ok for rule in rules)
    return Diagnosis(
        target.pid,
        ok,
        "python" if ok else "observe",
        tuple(rules),
        target.python.version if target.python else None,
        target.command_line,
    )


def _rule(name: str, problem: str | None, fine: str, remedy: str | None = None) -> Rule:
    return Rule(name, True, fine) if problem is None else Rule(name, False, problem, remedy)


def _exists(target: Target, host: Host) -> Rule:
    problem = f"Process {target.pid} has ended already." if target.state in "ZX" else None
    return _rule("exists", problem, "it runs", "`ps -ef | grep python` lists the programs that run.")


def _not_ourselves(target: Target, host: Host) -> Rule:
    problem = f"Process {target.pid} is Scope itself." if target.pid in host.own_pids else None
    return _rule("not ourselves", problem, "it is not Scope", "Choose another process.")


def _owner(target: Target, host: Host) -> Rule:
    user = user_name(target.uid)
    if host.uid == 0 or host.can_ptrace or set(target.uids) == {host.uid}:
        return Rule("owner", True, f"it belongs to {user}, and you may enter it")
    return Rule(
        "owner",
        False,
        f"Process {target.pid} belongs to {user}, not to you.",
        f"Run Scope as that user: `sudo -u {user} scope-gui attach {target.pid}`.",
    )


def _running(target: Target, host: Host) -> Rule:
    problem = f"Process {target.pid} is stopped and can let nobody in." if target.state in "Tt" else None
    return _rule("running", problem, "it is not stopped", f"Continue it: `kill -CONT {target.pid}`.")


def _debugger(target: Target, host: Host) -> Rule:
    other = f"{host.tracer_name or 'another program'} (process {target.tracer_pid})"
    problem = f"Process {target.pid} is held by the debugger {other}." if target.tracer_pid else None
    return _rule("no other debugger", problem, "no debugger holds it", "End or detach that debugger first.")


def _yama(target: Target, host: Host) -> Rule:
    scope, pid = host.yama_scope, target.pid
    start = "Start the program with `scope-gui run -- ...`"
    if scope == 0 or (scope < 3 and host.can_ptrace) or (scope == 1 and pid in host.descendants):
        return Rule("ptrace scope", True, f"kernel.yama.ptrace_scope is {scope}")
    problem, remedy = {
        1: (
            "The kernel lets a process be entered only by its parents (kernel.yama.ptrace_scope is 1).",
            f"{start}, or allow it until the next boot: `sudo sysctl kernel.yama.ptrace_scope=0`.",
        ),
        2: (
            "The kernel lets only an administrator enter processes (kernel.yama.ptrace_scope is 2).",
            f"{start}, or attach as root: `sudo scope-gui attach {pid}`.",
        ),
    }.get(
        scope,
        ("The kernel lets nobody enter processes until the next boot (kernel.yama.ptrace_scope is 3).", f"{start}."),
    )
    return Rule("ptrace scope", False, problem, remedy)


def _privileges(target: Target, host: Host) -> Rule:
    extra = target.capabilities & ~host.capabilities
    problem = None
    if not host.can_ptrace and not target.is_dumpable:
        problem = (
            f"Process {target.pid} hides its memory from its own user (it changed its user or has file capabilities)."
        )
    elif not host.can_ptrace and extra:
        problem = f"Process {target.pid} has privileges that you lack (capabilities {extra:#x})."
    return _rule(
        "privileges",
        problem,
        "it has no privileges beyond yours",
        f"Attach with the one capability that this takes: `sudo setpriv --inh-caps +sys_ptrace --ambient-caps "
        f"+sys_ptrace --reuid {user_name(host.uid)} --init-groups scope-gui attach {target.pid}`.",
    )


def _container(target: Target, host: Host) -> Rule:
    problem = None
    if target.same_mount_namespace is False and host.hidden:
        problem = f"Process {target.pid} runs in a container in which {host.hidden} is not the same folder as here."
    return _rule(
        "files",
        problem,
        "it sees the same files as Scope",
        "Install and run Scope inside that container: `docker exec`.",
    )


def _readable(target: Target, host: Host) -> Rule:
    user = user_name(target.uid)
    problem = (
        f"The user {user} cannot read {host.unreadable}, which the process must load." if host.unreadable else None
    )
    remedy = f"Install Scope where {user} can read it, for example below /opt."
    return _rule("agent", problem, "it can read Scope's agent", remedy)


def _machine(target: Target, host: Host) -> Rule:
    strange = target.machine not in (None, host.machine)
    problem = f"Process {target.pid} is a {target.machine} program on a {host.machine} Scope." if strange else None
    return _rule("processor", problem, f"both are {host.machine}", f"Use a Scope for {target.machine}; {_OBSERVE}")


def _libc(target: Target, host: Host) -> Rule:
    problem = None
    if target.is_static:
        problem = f"Process {target.pid} is a static program, which cannot load a recorder."
    elif target.is_musl:
        problem = f"Process {target.pid} uses the C library musl, for which Scope's recorder is not built."
    return _rule("C library", problem, "its C library can load Scope's recorder", f"Use a glibc Python; {_OBSERVE}")


def _version(target: Target, host: Host) -> Rule:
    problem, found = None, target.python
    if found and found.minor < OLDEST:
        problem = f"Process {target.pid} runs Python {found.version}; Scope records 3.10 and later."
    elif found and found.minor > NEWEST:
        problem = f"Process {target.pid} runs Python {found.version}, which this Scope does not know yet."
    fine = f"Scope records Python {found.version}" if found else ""
    return _rule("Python version", problem, fine, f"Use another Python; {_OBSERVE}")


def _gil(target: Target, host: Host) -> Rule:
    free = target.python is not None and target.python.free_threaded
    problem = f"Process {target.pid} runs a free-threaded Python, which Scope cannot record yet." if free else None
    return _rule("GIL", problem, "it has a GIL", f"Use the build with the GIL; {_OBSERVE}")


def _invited(target: Target, host: Host) -> Rule:
    by = target.remote_debug_disabled_by
    problem = f"Process {target.pid} was started with remote debugging disabled, by {by}." if by else None
    return _rule("remote debugging", problem, "it does not forbid debuggers", f"Start it without that; {_OBSERVE}")


def _entry(target: Target, host: Host) -> Rule:
    problem = None
    if target.ignores_segv:
        problem = f"Process {target.pid} ignores the signal SIGSEGV, which entering it would have to change."
    elif target.has_shadow_stack:
        problem = f"Process {target.pid} has a shadow stack, which does not let a call be made from outside."
    return _rule("entry", problem, "a call can be made in it", f"Start it with `scope-gui run -- ...`; {_OBSERVE}")


def _recorded(target: Target, host: Host) -> Rule:
    problem = f"Process {target.pid} is being recorded already (into {target.pool})." if target.pool else None
    return _rule("not recorded", problem, "nobody records it", "Stop that recording first: `scope-gui stop`.")


_RULES: tuple[Callable[[Target, Host], Rule], ...] = (
    _not_ourselves,
    _owner,
    _running,
    _debugger,
    _privileges,
    _yama,
    _container,
)
_RULES_FOR_PYTHON = (_version, _gil, _machine, _libc, _invited, _entry, _recorded, _readable)
