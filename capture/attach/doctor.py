"""What attaching to a process needs, which rule is in the way, and the least that removes it.

`diagnose` is a pure function of facts, so that each rule can be tested without its situation (a container, a kernel
setting, somebody else's process). The rules stand in the order in which a user can do something about them.
"""

from pathlib import Path
from typing import Literal

import msgspec

from capture.attach import program_rules, ptrace_rules
from capture.attach.expected_cost import told_for
from capture.attach.rules import Rule
from capture.errors import TargetProblem
from capture.shown_text import one_line
from capture.target.host_facts import DEFAULT_POOL_BYTES, Host, host_facts
from capture.target.targets import Target, describe

Tier = Literal["python", "observe"]


class Diagnosis(msgspec.Struct, frozen=True):
    """Whether Scope can get in: 'python' with every event, 'observe' from outside only, None not at all."""

    pid: int
    ok: bool
    tier: Tier | None
    rules: tuple[Rule, ...]
    python: str | None = None
    command: str = ""
    cost: str = ""

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
        if self.cost and self.tier == "python":
            lines.append(f"  recording costs: {self.cost}")
        verdict = {"python": "Scope can record it.", "observe": "Scope can only watch it from outside."}
        return "\n".join(map(one_line, [*lines, verdict.get(self.tier or "", "Scope cannot record it.")]))


def examine(pid: int, pool_bytes: int = DEFAULT_POOL_BYTES) -> Diagnosis:
    """The diagnosis of a process, whether it exists or not. `pool_bytes`: shared memory that a recording will want.

    Of a process that ends meanwhile that is what is said: some of its files under /proc go first, so that it
    seemed to have another root folder.
    """
    diagnosis = _examine_once(pid, pool_bytes)
    return diagnosis if diagnosis.ok or not _has_ended(pid) else _examine_once(pid, pool_bytes)


def _has_ended(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def _examine_once(pid: int, pool_bytes: int) -> Diagnosis:
    try:
        target = describe(pid)
    except TargetProblem as problem:
        rule = Rule("exists", False, problem.message, "`ps -ef | grep python` lists the programs that run.")
        return Diagnosis(pid, False, None, (rule,))
    return judge(target, pool_bytes)


def judge(target: Target, pool_bytes: int = DEFAULT_POOL_BYTES) -> Diagnosis:
    """The diagnosis of a process that has been described."""
    return diagnose(target, host_facts(target, pool_bytes))


def diagnose(target: Target, host: Host) -> Diagnosis:
    """The judgement on these facts."""
    first = ptrace_rules.exists(target, host)
    if not first.ok:
        return Diagnosis(target.pid, False, None, (first,), command=target.command_line)
    rules = [first, *(judge(target, host) for judge in ptrace_rules.RULES)]
    if target.python:
        rules += (judge(target, host) for judge in (*program_rules.RULES_FOR_PYTHON, *program_rules.RULES))
    elif target.lost_file:  # it may be one: its library could not be read
        rules.append(program_rules.files(target, host))
    elif all(rule.ok for rule in rules):  # otherwise it may be one: we could not look
        rules.append(program_rules.python(target, host))
    ok = all(rule.ok for rule in rules)
    return Diagnosis(
        target.pid,
        ok,
        "python" if ok else "observe",
        tuple(rules),
        target.python.version if target.python else None,
        target.command_line,
        told_for(target.python.minor) if target.python else "",
    )
