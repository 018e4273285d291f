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

LINES = '''
import sys, time

TEXT = """
def few(n):
    x = 0
    y = 1
    for i in range(n):
        x = x + i
        y = x - y
        z = x & y
    return x
def many(n):
    a = b = c = d = e = f = g = h = j = k = l = m = o = p = q = r = 0
    x = 0
    y = 1
    for i in range(n):
        x = x + i
        y = x - y
        z = x & y
    return x
def containers(n):
    held = []
    table = {}
    name = "abc"
    for i in range(n):
        table[name] = i
        t = table[name]
        u = len(held)
    return t
"""
ROUNDS, LOOPS, TURNS, LINES = 60, 20, 100, 4
chosen, bare = {"__name__": "chosen"}, {"__name__": "bare"}
exec(compile(TEXT, "chosen.py", "exec"), chosen)
exec(compile(TEXT, "bare.py", "exec"), bare)

def idle(frame, event, _):
    return idle

def copies(frame, event, _):
    dict(frame.f_locals)
    return copies

TRACERS = {"idle": idle, "copies": copies}

def loops(function, tracer):
    took, now = [], time.perf_counter_ns
    sys.settrace(tracer)
    for _ in range(LOOPS):
        began = now()
        function(TURNS)
        took.append(now() - began)
    sys.settrace(None)
    return took

def fastest(took):
    return sorted(took)[len(took) // 20] / (TURNS * LINES)

tracer = TRACERS.get(sys.argv[1])
for name in ("few", "many", "containers"):
    told, alone = [], []
    for _ in range(ROUNDS):
        alone += loops(bare[name], None)
        told += loops(chosen[name], tracer)
        time.sleep(0.004)  # for whoever reads what was recorded
    print(name, round(1000 * (fastest(told) - fastest(alone))), flush=True)
'''
