"""`python -m tests.simulator SEED`: one seed, step by step. With `FIRST-LAST`: only what fails."""

from __future__ import annotations

import sys

from tests.simulator.simulation import run


def main() -> int:
    first, _, last = sys.argv[1].partition("-")
    failed = 0
    for seed in range(int(first), int(last or first) + 1):
        result = run(seed)
        if not last:
            print("\n".join(result.log))
        for sentence in result.findings:
            print(f"seed {seed}: {sentence}")
        failed += bool(result.findings)
    if last:
        print(f"{failed} of {int(last) - int(first) + 1} seeds fail")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
