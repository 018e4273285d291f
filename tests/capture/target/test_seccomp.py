"""Filters of system calls, judged: made-up programs in, the first call of ours that they refuse out."""

from __future__ import annotations

import os

import pytest

from capture.target.bpf import Instruction, answers
from capture.target.seccomp import CALLS, Confinement, _tried_here, confinement, refused_by

ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
NUMBER_OF = {call.name: call.number for call in CALLS}
LOAD_NUMBER: Instruction = (0x20, 0, 0, 0)
LOAD_ARCHITECTURE: Instruction = (0x20, 0, 0, 4)
ARGUMENTS_AT = 16


def give(answer: int) -> Instruction:
    return (0x06, 0, 0, answer)


def denies(name: str, answer: int) -> list[Instruction]:
    return [LOAD_NUMBER, (0x15, 0, 1, NUMBER_OF[name]), give(answer), give(ALLOW)]


def test_a_filter_that_lets_all_pass_refuses_nothing() -> None:
    assert refused_by([[give(ALLOW)]]) == ""
    assert refused_by([]) == ""


@pytest.mark.parametrize("answer", [KILL, EPERM, ENOSYS, 0x00030000, 0x7FF00000, 0x7FC00000])
def test_whatever_it_does_instead_of_the_call_is_a_refusal(answer: int) -> None:
    assert refused_by([denies("socket", answer)]) == "socket"


def test_each_filter_of_several_has_its_say() -> None:
    assert refused_by([[give(ALLOW)], denies("futex", KILL)]) == "futex"


def test_a_missing_call_for_which_the_c_library_has_another_way_is_no_refusal() -> None:
    assert refused_by([denies("clone3", ENOSYS)]) == ""
    assert refused_by([denies("clone3", EPERM)]) == "clone3"


def test_a_list_of_what_is_allowed_is_followed_to_its_end() -> None:
    numbers = [call.number for call in CALLS if call.name != "connect"]
    program: list[Instruction] = [LOAD_ARCHITECTURE, (0x15, 1, 0, 0xC000003E), give(KILL), LOAD_NUMBER]
    for number in numbers:
        program += [(0x15, 0, 1, number), give(ALLOW)]
    assert refused_by([[*program, give(KILL)]]) == "connect"
    assert refused_by([[*program, (0x15, 0, 1, NUMBER_OF["connect"]), give(ALLOW), give(KILL)]]) == ""


def test_an_argument_that_is_known_decides_and_one_that_is_not_goes_both_ways() -> None:
    def by_first_argument(name: str, allowed: int) -> list[Instruction]:
        head = [LOAD_NUMBER, (0x15, 1, 0, NUMBER_OF[name]), give(ALLOW)]
        return [*head, (0x20, 0, 0, ARGUMENTS_AT), (0x15, 0, 1, allowed), give(ALLOW), give(KILL)]

    assert refused_by([by_first_argument("socket", 1)]) == "", "our socket is of the family 1"
    assert refused_by([by_first_argument("socket", 2)]) == "socket"
    assert refused_by([by_first_argument("close", 7)]) == "close", "which descriptor is not known beforehand"


def test_arithmetic_memory_and_the_index_register_are_followed() -> None:
    program: list[Instruction] = [
        LOAD_NUMBER,
        (0x04, 0, 0, 5),  # A += 5
        (0x02, 0, 0, 3),  # M[3] = A
        (0x61, 0, 0, 3),  # X = M[3]
        (0x00, 0, 0, 0),  # A = 0
        (0x87, 0, 0, 0),  # A = X
        (0x14, 0, 0, 5),  # A -= 5
        (0x15, 0, 1, 41),
        give(1),
        give(2),
    ]
    assert list(answers(program, lambda offset: 41 if offset == 0 else None)) == [1]
    assert list(answers(program, lambda offset: 40 if offset == 0 else None)) == [2]


def test_a_program_that_cannot_be_followed_is_not_called_safe() -> None:
    assert list(answers([(0x20, 0, 0, 16), (0x16, 0, 0, 0)], lambda offset: None)) == [None]
    assert list(answers([LOAD_NUMBER], lambda offset: 1)) == [None], "it ends without an answer"


def test_this_process_and_one_without_a_filter_are_not_confined() -> None:
    assert confinement(os.getpid()) == Confinement()


def test_a_process_of_ours_tries_the_calls_and_comes_back() -> None:
    assert _tried_here() == ""
