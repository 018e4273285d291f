"""A celery worker with two processes over a broker of files; its tasks write files, the last one ends it."""

import os
from pathlib import Path

from celery import Celery

for name in ("queue", "control"):
    Path(name).mkdir(exist_ok=True)
app = Celery("celery_worker", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
app.conf.worker_hijack_root_logger = False
app.conf.broker_connection_retry_on_startup = False


@app.task(name="write")
def write(number):
    Path(f"result-{number}.txt").write_text(str(number * number))


if __name__ == "__main__":
    Path(os.environ["TMPDIR"], "pid").write_text(str(os.getpid()))
    for number in range(6):
        write.delay(number)
    app.worker_main(["worker", "--pool=prefork", "--concurrency=2", "--loglevel=ERROR", "--without-gossip"])
