/* The agent's line to the recorder process.
 *
 * In C because importing `socket` would change the target (sys.modules, gevent's patches) and because a Python socket
 * object closes its descriptor again when a forked child clears it. */
#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* GIL held, given up while connecting; allocates; new reference to the descriptor, or NULL with an exception. Only a peer
 * that is root or this user is accepted. */
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

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = fd < 0;
    if (!failed) {
        PyThreadState *state = PyEval_SaveThread();
        failed = connect(fd, (struct sockaddr *)&address, sizeof address) != 0;
        PyEval_RestoreThread(state);
    }
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    failed = failed || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0;
    if (!failed && peer.uid != 0 && peer.uid != geteuid()) {
        errno = EACCES;
        failed = 1;
    }
    if (failed) {
        PyErr_SetFromErrno(PyExc_OSError);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    return PyLong_FromLong(fd);
}

/* GIL held, given up while waiting; new reference. wait_readable(fd, milliseconds) -> bool. */
PyObject *scope_wait_readable(PyObject *module, PyObject *args) {
    (void)module;
    int fd, milliseconds;
    if (!PyArg_ParseTuple(args, "ii", &fd, &milliseconds))
        return NULL;
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    PyThreadState *state = PyEval_SaveThread();
    int ready = poll(&wanted, 1, milliseconds);
    PyEval_RestoreThread(state);
    return PyBool_FromLong(ready > 0);
}
