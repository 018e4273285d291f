"""Takes every descriptor above 2 for its own, as daemons do, and works with files of its own.

takes_every_number.py FOLDER HOW: `closerange`, `listed` (what /proc says is open) or `dup2` (its own log under every
number). Ends once the hooks of a recorder had time to come to it four times, and prints what is wrong with its files.
"""

import os
import sys
import time

folder, how = sys.argv[1:]
print("ready", flush=True)
while not os.path.exists(os.path.join(folder, "go")):
    time.sleep(0.01)
if how == "closerange":
    os.closerange(3, 4096)
elif how == "listed":
    for number in [int(name) for name in os.listdir("/proc/self/fd")]:
        if number > 2:
            try:
                os.close(number)
            except OSError:
                pass
names = [os.path.join(folder, f"own{n}.txt") for n in range(8)]
files = [os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644) for name in names]
if how == "dup2":
    for number in range(3, 1024):
        if number not in files:
            os.dup2(files[number % 8], number)


def fresh(n):
    namespace = {}
    exec(f"def made_{n}(): return {n}", namespace)
    return namespace[f"made_{n}"]()


rounds = 0
end = time.monotonic() + 1.0
while time.monotonic() < end:
    for file in files:
        os.write(file, b"%07d\n" % rounds)
    fresh(rounds)
    for n in range(500):
        fresh
        int(n)
    rounds += 1
    time.sleep(0.01)
good = b"".join(b"%07d\n" % n for n in range(rounds))
for name, file in zip(names, files):
    try:
        os.fstat(file)
    except OSError as error:
        print(f"{name} was closed by somebody: {error}")
    with open(name, "rb") as again:
        data = again.read()
    if data != good:
        print(f"{name} is not what was written: {len(data)} bytes instead of {len(good)}")
print("done")
