"""Has threads that C code made, pending calls, and an exception that one thread throws into another."""

import ctypes
import threading
import time

library, api = ctypes.CDLL(None), ctypes.pythonapi
others, pending = [], []


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def on_thread(_):
    others.append(threading.get_ident() != threading.main_thread().ident)


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
def on_pending_call(_):
    pending.append(1)
    return 0


def nap():
    try:
        while True:
            time.sleep(0.001)
    except KeyboardInterrupt:
        print("interrupted", flush=True)


for _ in range(30):
    thread = ctypes.c_ulong()
    assert library.pthread_create(ctypes.byref(thread), None, on_thread, None) == 0
    library.pthread_join(thread, None)
print(len(others), all(others), api.PyGILState_Check())
for _ in range(10):
    api.Py_AddPendingCall(on_pending_call, None)
    time.sleep(0.001)
time.sleep(0.1)
print(len(pending))
napping = threading.Thread(target=nap)
napping.start()
time.sleep(0.2)
print(api.PyThreadState_SetAsyncExc(ctypes.c_ulong(napping.ident), ctypes.py_object(KeyboardInterrupt)))
napping.join()
