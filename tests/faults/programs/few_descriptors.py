"""Works with hardly a descriptor to spare, or without its standard streams.

few_descriptors.py FOLDER HOW: `limit` (forty descriptors, some of them taken), `stdio` (its log has the numbers
0 to 2). Prints into FOLDER/said, since it may have no output.
"""

import os
import resource
import sys
import time

folder, how = sys.argv[1:]
print("ready", flush=True)
if how == "limit":
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    spare = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
else:
    os.closerange(0, 3)
while not os.path.exists(os.path.join(folder, "go")):
    time.sleep(0.01)
names = [os.path.join(folder, f"own{n}.txt") for n in range(3)]
files = [os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644) for name in names]
end = time.monotonic() + 0.6
rounds = 0
while time.monotonic() < end:
    for file in files:
        os.write(file, b"%07d\n" % rounds)
    rounds += 1
    time.sleep(0.01)
good = b"".join(b"%07d\n" % n for n in range(rounds))
wrong = []
for name, file in zip(names, files):
    if os.pread(file, len(good) + 4096, 0) != good:
        wrong.append(name)
said = os.open(os.path.join(folder, "said"), os.O_WRONLY | os.O_CREAT, 0o644)
os.write(said, f"{files} {wrong}".encode())
