"""Twenty-four threads of a pool make thumbnails, each at its own pace, and wait for one disk."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

THREADS, IMAGES = 24, 1_200
SIZES = (64, 160, 320)
_disk = threading.Lock()


def thumbnails(number: int) -> None:
    image = load(number)
    for size in SIZES:
        store(shrink(image, size))


def load(number: int) -> list[int]:
    time.sleep(0.004 + number % 7 * 0.004)
    return [number * at % 251 for at in range(max(SIZES))]


def shrink(image: list[int], size: int) -> list[int]:
    return [mean(image[at : at + 16]) for at in range(0, size, 16)]


def mean(part: list[int]) -> int:
    return sum(part) // max(len(part), 1)


def store(image: list[int]) -> None:
    with _disk:
        time.sleep(0.0004 + len(image) % 3 * 0.0004)


def main() -> None:
    with ThreadPoolExecutor(THREADS, thread_name_prefix="thumbnails") as pool:
        list(pool.map(thumbnails, range(IMAGES)))


if __name__ == "__main__":
    main()
