"""Load for a web server: `python -m tests.journeys.load PORT [CONNECTIONS] [PER_SECOND]`, until it is ended.

Each connection is kept open and asks again and again, as a browser or another service does. Where the server closes
after each answer it is opened anew. Prints READY after the first answers. Loopback only.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time


def ask_again_and_again(port: int, per_second: float, answered: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for number in range(1_000_000):
        connection.request("GET", f"/index.html?{number}")
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
        answered.set()
        time.sleep(1 / per_second)


def main(port: int, connections: int = 2, per_second: float = 25.0) -> None:
    waiting = []
    for _ in range(connections):
        answered = threading.Event()
        threading.Thread(target=ask_again_and_again, args=(port, per_second, answered), daemon=True).start()
        waiting.append(answered)
    for answered in waiting:
        assert answered.wait(20)
    print("READY", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:]])
