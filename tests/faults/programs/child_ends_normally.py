"""A forked child opens files and a database and ends through the normal end of the interpreter, not with os._exit.

child_ends_normally.py FOLDER WHO: `main` forks on the main thread, `thread` on another, `twice` lets a child
fork the one that writes, `daemon` the same with the session and descriptors of a daemon.
"""

import os
import sqlite3
import sys
import threading
import time

folder, who = sys.argv[1:]
print("ready", flush=True)
while not os.path.exists(os.path.join(folder, "go")):
    time.sleep(0.01)
kept = []


def in_child():
    for n in range(12):
        file = os.open(os.path.join(folder, f"child{n}.txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for number in range(4):
            os.write(file, b"%07d\n" % number)
        kept.append(file)  # left open on purpose, as a daemon's log is
    database = sqlite3.connect(os.path.join(folder, "bills.db"))
    database.execute("CREATE TABLE bill (n INTEGER)")
    database.executemany("INSERT INTO bill VALUES (?)", [(n,) for n in range(100)])
    database.commit()
    kept.append(database)
    sys.exit(7)


def end_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fork():
    pid = os.fork()
    if pid == 0 and who in ("twice", "daemon"):
        if who == "daemon":
            os.setsid()
        pid = os.fork()
        if pid:
            os._exit(end_of(pid))
        if who == "daemon":
            os.chdir("/")
            os.closerange(3, 4096)
    if pid == 0:
        in_child()
    print("child ended with", end_of(pid))


if who == "thread":
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
else:
    fork()
for n in range(12):
    with open(os.path.join(folder, f"child{n}.txt"), "rb") as file:
        data = file.read()
    if data != b"0000000\n0000001\n0000002\n0000003\n":
        print(f"child{n}.txt is not what was written: {data!r}")
try:
    print("rows", sqlite3.connect(os.path.join(folder, "bills.db")).execute("SELECT count(*) FROM bill").fetchone())
except sqlite3.DatabaseError as error:
    print("the database is lost:", error)
