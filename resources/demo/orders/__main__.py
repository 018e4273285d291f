"""Runs the order service until SIGTERM, Ctrl+C or `--seconds`: `python -m orders [--rate N] [--counters FILE]`."""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from pathlib import Path

from .counters import write_atomically
from .service import Service

REPORT_SECONDS = 1.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="orders", description="A small order service with planted bugs.")
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after N seconds (default: run until stopped)")
    parser.add_argument("--rate", type=float, default=60.0, metavar="N", help="orders per second outside the rush")
    parser.add_argument("--counters", type=Path, metavar="FILE", help="write the truth there once a second, as JSON")
    parser.add_argument("--mended", action="store_true", help="run with the planted bugs repaired, for comparison")
    options = parser.parse_args()
    if options.rate <= 0:
        parser.error("--rate must be positive")
    return options


def main() -> int:
    options = arguments()
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    service = Service(options.rate, mended=options.mended)
    service.start()
    print(f"orders: ready, pid {os.getpid()}", flush=True)
    watch(service, stop, options.seconds, options.counters)
    service.stop()
    report(service, options.counters)
    print("orders: stopped", flush=True)
    return 0


def watch(service: Service, stop: threading.Event, seconds: float | None, counters: Path | None) -> None:
    """Reports once a second until told to stop or the time is up."""
    ends = time.monotonic() + seconds if seconds is not None else float("inf")
    while not stop.wait(min(REPORT_SECONDS, max(0.0, ends - time.monotonic()))):
        report(service, counters)
        if time.monotonic() >= ends:
            return


def report(service: Service, counters: Path | None) -> None:
    if counters is not None:
        write_atomically(counters, service.truth())


if __name__ == "__main__":
    raise SystemExit(main())
