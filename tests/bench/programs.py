"""The programs that are measured. Each prints what its own clock says, so start-up never counts."""

CALLS = """
import sys, time

def leaf(x):
    return x

def work(n):
    for i in range(n):
        leaf(i)

def main(n):
    began, cpu = time.perf_counter_ns(), time.thread_time_ns()
    work(n)
    return time.perf_counter_ns() - began, time.thread_time_ns() - cpu

if __name__ == "__main__":
    n = int(sys.argv[1])
    tool = sys.argv[2] if len(sys.argv) > 2 else "none"
    if tool == "cprofile":
        import cProfile
        profile = cProfile.Profile()
        profile.enable()
        elapsed = main(n)
        profile.disable()
    elif tool == "viztracer":
        from viztracer import VizTracer
        tracer = VizTracer(tracer_entries=2 * n + 1000, verbose=0, ignore_c_function=True)
        tracer.start()
        elapsed = main(n)
        tracer.stop()
    else:
        elapsed = main(n)
    print("ELAPSED_NS", elapsed[0])
    print("CPU_NS", elapsed[1], flush=True)
"""

# Realistic shape: a tree of small functions over data, recursion, a generator, an exception now and then.
MIXED = """
import sys, time

def parse(line):
    key, _, value = line.partition("=")
    return strip(key), strip(value)

def strip(text):
    return text.strip()

def fold(total, value):
    return (total * 31 + len(value)) & 0xFFFFFFFF

def walk(depth):
    if depth == 0:
        return 1
    return walk(depth - 1) + 1

def numbers(n):
    for i in range(n):
        yield i

def check(i):
    if i % 64 == 0:
        raise ValueError(i)
    return i

def step(i):
    total = 0
    for line in ("a = 1", "bb = 22", "ccc = 333"):
        key, value = parse(line)
        total = fold(total, key)
        total = fold(total, value)
    total += walk(4)
    for n in numbers(3):
        total += n
    try:
        total += check(i)
    except ValueError:
        total += 1
    return total

CALLS_PER_STEP = 1 + 3 * (1 + 2 + 2) + 5 + 4 + 1

def main(calls):
    began = time.perf_counter_ns()
    for i in range(calls // CALLS_PER_STEP):
        step(i)
    return time.perf_counter_ns() - began

if __name__ == "__main__":
    print("ELAPSED_NS", main(int(sys.argv[1])), flush=True)
"""

# Threads and a quiet main thread: what an attach meets.
WAITING = """
import threading, time

def worker():
    while True:
        time.sleep(0.05)

for _ in range(4):
    threading.Thread(target=worker, daemon=True).start()
print("READY", flush=True)
while True:
    time.sleep(0.2)
"""
