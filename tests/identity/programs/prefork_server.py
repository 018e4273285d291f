"""A parent that opens a socket and two children that answer on it; the parent asks, then ends them."""

import os
import signal
import socket

listener = socket.create_server(("127.0.0.1", 0))
children = []
for _ in range(2):
    child = os.fork()
    if not child:
        while True:
            connection, _ = listener.accept()
            with connection:
                words = connection.recv(100)
                connection.sendall(b"answer to " + words)
    children.append(child)
for number in range(50):
    with socket.create_connection(listener.getsockname()) as connection:
        connection.sendall(b"%d" % number)
        print(connection.recv(100).decode())
for child in children:
    os.kill(child, signal.SIGTERM)
    print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
listener.close()
