"""Five hundred threads that live for a moment, twenty at once: a server with a thread for each request."""

from __future__ import annotations

import threading
import time

JOBS, AT_ONCE = 500, 20
_free = threading.Semaphore(AT_ONCE)


def serve(number: int) -> None:
    try:
        respond(render(fetch(authenticate(number))))
    except PermissionError:
        respond("denied")
    finally:
        _free.release()


def authenticate(number: int) -> int:
    if number % 23 == 0:
        raise PermissionError(number)
    return number * 31 % 97


def fetch(user: int) -> list[int]:
    time.sleep(0.02 + user % 9 * 0.008)
    return [user * row for row in range(12)]


def render(rows: list[int]) -> str:
    return ", ".join(cell(row) for row in rows)


def cell(row: int) -> str:
    return f"{row:05}"


def respond(text: str) -> None:
    time.sleep(0.002 + len(text) % 5 * 0.001)


def main() -> None:
    for number in range(JOBS):
        _free.acquire()
        threading.Thread(target=serve, args=(number,), name=f"job-{number}").start()


if __name__ == "__main__":
    main()
