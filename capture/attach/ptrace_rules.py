"""Who may enter a process: rules for every program, in the order in which a user can do something about them."""

from capture.attach.rules import Judge, Rule, rule
from capture.target.host_facts import Host, user_name
from capture.target.targets import Target


def exists(target: Target, host: Host) -> Rule:
    problem, remedy = None, "`ps -ef | grep python` lists the programs that run."
    if target.state in "ZX" and target.threads > 1:
        problem = f"The main thread of process {target.pid} has ended; what its other threads do cannot be entered."
        remedy = "Keep the program's main thread alive, or start it with `scope-gui run -- ...`."
    elif target.state in "ZX":
        problem = f"Process {target.pid} has ended already."
    return rule("exists", problem, "it runs", remedy)


def _not_ourselves(target: Target, host: Host) -> Rule:
    problem = f"Process {target.pid} is Scope itself." if target.pid in host.own_pids else None
    return rule("not ourselves", problem, "it is not Scope", "Choose another process.")


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
    return rule("running", problem, "it is not stopped", f"Continue it: `kill -CONT {target.pid}`.")


def _debugger(target: Target, host: Host) -> Rule:
    other = f"{host.tracer_name or 'another program'} (process {target.tracer_pid})"
    problem = f"Process {target.pid} is held by the debugger {other}." if target.tracer_pid else None
    return rule("no other debugger", problem, "no debugger holds it", "End or detach that debugger first.")


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
    elif not host.can_ptrace and extra and target.same_user_namespace is not False:
        problem = f"Process {target.pid} has privileges that you lack (capabilities {extra:#x})."
    return rule(
        "privileges",
        problem,
        "it has no privileges beyond yours",
        f"Attach with the one capability that this takes: `sudo setpriv --inh-caps +sys_ptrace --ambient-caps "
        f"+sys_ptrace --reuid {user_name(host.uid)} --init-groups scope-gui attach {target.pid}`.",
    )


def _container(target: Target, host: Host) -> Rule:
    problem = None
    if host.hidden:
        where = "in a container" if target.same_mount_namespace is False else "with another root folder"
        problem = f"Process {target.pid} runs {where}, where {host.hidden} is not the same folder as here."
    return rule(
        "files",
        problem,
        "it sees the same files as Scope",
        "Install and run Scope inside it: `docker exec`, `nsenter`, `chroot`.",
    )


def _user_namespace(target: Target, host: Host) -> Rule:
    strange = target.same_user_namespace is False and host.uid != target.uid
    problem = f"Process {target.pid} lives in a user namespace that does not know Scope's user." if strange else None
    return rule(
        "user namespace",
        problem,
        "it knows Scope's user",
        f"Run Scope as its user, {user_name(target.uid)}, or inside that namespace (`nsenter`).",
    )


def _clock(target: Target, host: Host) -> Rule:
    ahead_s = target.clock_ahead_s
    where = f"{abs(ahead_s)} s {'ahead of' if ahead_s > 0 else 'behind'} Scope's"
    problem = f"Process {target.pid} lives in a time namespace whose clock is {where}." if ahead_s else None
    return rule(
        "clock",
        problem,
        "its clock is Scope's",
        f"Run Scope inside that namespace: `nsenter --time --target {target.pid} scope-gui ...`.",
    )


def _own_memory(target: Target, host: Host) -> Rule:
    parent = target.shares_memory_with
    problem = (
        f"Process {target.pid} still runs in the memory of the process {parent} that is starting it."
        if parent
        else None
    )
    return rule("own memory", problem, "its memory is its own", "Attach again when it has begun, or to its parent.")


def _interruptible(target: Target, host: Host) -> Rule:
    problem = (
        f"Process {target.pid} waits inside the kernel, for a disk or a child, and cannot be interrupted."
        if target.is_stuck
        else None
    )
    return rule("interruptible", problem, "it can be interrupted", "Attach again when that wait is over.")


RULES: tuple[Judge, ...] = (
    _not_ourselves,
    _owner,
    _running,
    _debugger,
    _privileges,
    _yama,
    _container,
    _user_namespace,
    _clock,
    _own_memory,
    _interruptible,
)
