"""Every answer that a classic BPF program can give when only some of its input is known.

A program has at most 4 096 instructions and jumps forward only, so following each way that an unknown number leaves
open ends soon; one that would not is given up as unknown.
Source: bpf(4) of the BSDs, Documentation/networking/filter.rst of the kernel.
"""

from collections.abc import Callable, Iterator, Sequence

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, constant."""
INPUT_BYTES = 64
_MOST_STATES = 50_000


def answers(program: Sequence[Instruction], word_at: Callable[[int], int | None]) -> Iterator[int | None]:
    """What `program` may return; None for a value that cannot be told. `word_at(offset)` is its input, None if unknown.

    State: (instruction, A, X, memory); a jump on an unknown number goes both ways.
    """
    states: list[tuple[int, int | None, int | None, tuple[int | None, ...]]] = [(0, 0, 0, (0,) * 16)]
    seen = set(states)
    while states:
        at, a, x, memory = states.pop()
        if at >= len(program) or len(seen) > _MOST_STATES:
            yield None
            return
        code, _, _, k = program[at]
        following = [at + 1]
        match code & 7:
            case 0:
                a = _loaded(code, k, memory, word_at)
            case 1:
                x = _loaded(code, k, memory, word_at)
            case 2 | 3:
                memory = (*memory[:k], a if code & 7 == 2 else x, *memory[k + 1 :])
            case 4:
                a = _computed(code, a, x if code & 8 else k)
            case 5:
                following = _jumps(program[at], at, a, x if code & 8 else k)
            case 6:
                yield a if code & 0x10 else k
                continue
            case _:
                a, x = (x, x) if code & 0x80 else (a, a)
        for target in following:
            state = (target, a, x, memory)
            if state not in seen:
                seen.add(state)
                states.append(state)


def _loaded(code: int, k: int, memory: Sequence[int | None], word_at: Callable[[int], int | None]) -> int | None:
    mode = code & 0xE0
    if mode == 0x20:
        return word_at(k)
    if mode == 0x60:
        return memory[k & 15]
    return k if mode == 0 else INPUT_BYTES if mode == 0x80 else None


def _computed(code: int, a: int | None, b: int | None) -> int | None:
    if code & 0xF0 == 0x80:
        return None if a is None else -a & 0xFFFFFFFF
    if a is None or b is None:
        return None
    match code & 0xF0:
        case 0x00:
            value = a + b
        case 0x10:
            value = a - b
        case 0x20:
            value = a * b
        case 0x30:
            value = a // b if b else 0
        case 0x40:
            value = a | b
        case 0x50:
            value = a & b
        case 0x60:
            value = a << b if b < 32 else 0
        case 0x70:
            value = a >> b
        case 0xA0:
            value = a ^ b
        case _:
            return None
    return value & 0xFFFFFFFF


def _jumps(instruction: Instruction, at: int, a: int | None, b: int | None) -> list[int]:
    code, if_true, if_false, k = instruction
    operation = code & 0xF0
    if operation == 0:
        return [at + 1 + k]
    if a is None or b is None:
        return [at + 1 + if_true, at + 1 + if_false]
    holds = {0x10: a == b, 0x20: a > b, 0x30: a >= b, 0x40: bool(a & b)}.get(operation, False)
    return [at + 1 + (if_true if holds else if_false)]
