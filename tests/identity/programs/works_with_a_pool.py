"""Process pools of both libraries, started each way, and a subprocess."""

import concurrent.futures
import multiprocessing
import subprocess
import sys


def squared(number):
    return number * number


if __name__ == "__main__":
    for method in ("fork", "forkserver", "spawn"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            print(method, pool.map(squared, range(20)))
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            print(method, list(executor.map(squared, range(20))))
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        print("threads", list(executor.map(squared, range(20))))
    done = subprocess.run([sys.executable, "-c", "print(6 * 7); raise SystemExit(3)"], capture_output=True, text=True)
    print(done.returncode, done.stdout, done.stderr)
