"""Greenlets after `patch_all`: a pool, a server and its clients, a timeout, locks, a native thread."""

from gevent import monkey

monkey.patch_all()

import socket
import threading

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer


def answer(connection, address):
    connection.sendall(connection.recv(100).upper())
    connection.close()


def ask(number):
    with socket.create_connection(server.address) as connection:
        connection.sendall(b"word %d" % number)
        return connection.recv(100).decode()


server = StreamServer(("127.0.0.1", 0), answer)
server.start()
print(Pool(5).map(ask, range(30)))
server.stop()
print(gevent.with_timeout(0.02, gevent.sleep, 5, timeout_value="too late"))
lock, total = threading.Lock(), 0


def add():
    global total
    for _ in range(50):
        with lock:
            value = total
            gevent.sleep(0)
            total = value + 1


threads = [threading.Thread(target=add) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(total, gevent.get_hub().threadpool.apply(sum, (range(10),)))
