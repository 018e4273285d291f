/* The agent's line to the recorder process.
 *
 * In C because importing `socket` would change the target (sys.modules, gevent's patches), because os.read and os.write
 * may be somebody else's functions by now, and because a Python socket object closes its descriptor again when a forked
 * child clears it. A line is a small number, so that Python code never holds a descriptor. Usually there is one; a
 * second recorder that is sent away needs one to be told why. */
#define _GNU_SOURCE
#include "entry/connection.h"

#include "hooks/collector.h"
#include "hooks/fork_gate.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINES 4
#define READ_BYTES 65536
#define SEND_PATIENCE_MS 2000

static struct scope_descriptor lines[LINES];

/* GIL not needed; does not allocate; async-signal-safe: a forked child hangs up, its copy would hide the parent's end. */
void scope_connections_close(void) {
    for (int i = 0; i < LINES; i++)
        scope_descriptor_close(&lines[i]);
}

struct waiting {
    PyThreadState *state;
    bool held;   /* the collector, meanwhile let go */
    bool inside; /* of the gate, likewise */
};

/* GIL held, and not afterwards; does not allocate. */
static struct waiting give_up_gil(void) {
    const bool held = scope_collector_let_go();
    PyThreadState *state = PyEval_SaveThread();
    return (struct waiting){.state = state, .held = held, .inside = scope_gate_leave()};
}

/* No GIL, but afterwards; does not allocate. */
static void take_gil(struct waiting waiting) {
    if (waiting.inside)
        scope_gate_enter();
    PyEval_RestoreThread(waiting.state);
    if (waiting.held)
        scope_collector_hold();
}

/* GIL held; does not allocate; NULL if there is no such line. */
const struct scope_descriptor *scope_connection_of(long line) {
    return line >= 0 && line < LINES && lines[line].open ? &lines[line] : NULL;
}

/* GIL not needed; does not allocate. Whether root or this user is at the other end. */
static bool is_trusted(int fd) {
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    errno = EACCES;
    return peer.uid == 0 || peer.uid == geteuid();
}

/* GIL held, given up while connecting; allocates; new reference to the line's number, or NULL with an exception. */
PyObject *scope_connect(PyObject *module, PyObject *path) {
    (void)module;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    PyObject *bytes = NULL;
    if (!PyUnicode_FSConverter(path, &bytes))
        return NULL;
    const char *text = PyBytes_AsString(bytes);
    if (strlen(text) >= sizeof address.sun_path) {
        Py_DecRef(bytes);
        PyErr_SetString(PyExc_OSError, "the socket's path is too long");
        return NULL;
    }
    strcpy(address.sun_path, text);
    Py_DecRef(bytes);
    int line = 0;
    while (line < LINES && lines[line].open)
        line++;
    if (line == LINES) {
        PyErr_SetString(PyExc_RuntimeError, "too many recorders call this process");
        return NULL;
    }

    struct scope_descriptor *end = &lines[line];
    *end = scope_descriptor_of(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    bool connected = end->open && scope_descriptor_move_away(end);
    if (connected) {
        const struct waiting waiting = give_up_gil();
        connected = connect(end->fd, (struct sockaddr *)&address, sizeof address) == 0;
        take_gil(waiting);
    }
    if (!connected || !is_trusted(end->fd)) {
        PyErr_SetFromErrno(PyExc_OSError);
        scope_descriptor_close(end);
        return NULL;
    }
    return PyLong_FromLong(line);
}

/* GIL held; does not allocate; NULL with an exception if the line is no longer ours. */
static const struct scope_descriptor *proven(long line) {
    const struct scope_descriptor *end = scope_connection_of(line);
    if (end && scope_descriptor_is_ours(end))
        return end;
    PyErr_SetString(PyExc_EOFError, "the connection was closed");
    return NULL;
}

/* GIL held, given up while waiting; new reference or NULL with an exception. send(line, bytes): all of them. */
PyObject *scope_send(PyObject *module, PyObject *args) {
    (void)module;
    long line;
    const char *bytes;
    Py_ssize_t left;
    if (!PyArg_ParseTuple(args, "ly#", &line, &bytes, &left))
        return NULL;
    while (left > 0) {
        const struct scope_descriptor *end = proven(line);
        if (!end)
            return NULL;
        ssize_t sent = send(end->fd, bytes, (size_t)left, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            bytes += sent;
            left -= sent;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return PyErr_SetFromErrno(PyExc_OSError);
        struct pollfd wanted = {.fd = end->fd, .events = POLLOUT};
        const struct waiting waiting = give_up_gil();
        int ready = poll(&wanted, 1, SEND_PATIENCE_MS);
        take_gil(waiting);
        if (ready == 0) {
            PyErr_SetString(PyExc_EOFError, "the recorder does not read its messages");
            return NULL;
        }
    }
    SCOPE_RETURN_NONE;
}

/* GIL held, given up while waiting; allocates; new reference or NULL with an exception. receive(line, milliseconds):
 * what has come, b"" at the end of the connection, None when nothing came in time. */
PyObject *scope_receive(PyObject *module, PyObject *args) {
    (void)module;
    long line;
    int milliseconds;
    if (!PyArg_ParseTuple(args, "li", &line, &milliseconds))
        return NULL;
    const struct scope_descriptor *end = proven(line);
    if (!end)
        return NULL;
    if (milliseconds > 0) {
        struct pollfd wanted = {.fd = end->fd, .events = POLLIN};
        const struct waiting waiting = give_up_gil();
        poll(&wanted, 1, milliseconds);
        take_gil(waiting);
    }
    end = proven(line);
    char *buffer = end ? malloc(READ_BYTES) : NULL;
    if (!buffer)
        return end ? PyErr_NoMemory() : NULL;
    ssize_t got = recv(end->fd, buffer, READ_BYTES, MSG_DONTWAIT);
    PyObject *result = NULL;
    if (got >= 0)
        result = PyBytes_FromStringAndSize(buffer, got);
    else if (errno == EAGAIN || errno == EINTR)
        result = scope_none();
    else
        PyErr_SetFromErrno(PyExc_OSError);
    free(buffer);
    return result;
}

/* GIL held; new reference. Whether the line's descriptor is still ours, whatever the other end does. */
PyObject *scope_is_connected(PyObject *module, PyObject *line) {
    (void)module;
    const struct scope_descriptor *end = scope_connection_of(PyLong_AsLong(line));
    return PyBool_FromLong(end && scope_descriptor_is_ours(end));
}

/* GIL held; new reference. */
PyObject *scope_hang_up(PyObject *module, PyObject *line) {
    (void)module;
    const long number = PyLong_AsLong(line);
    if (scope_connection_of(number))
        scope_descriptor_close(&lines[number]);
    SCOPE_RETURN_NONE;
}
