/* Our Python files, run without the target's import machinery, and what the target's interpreter says of itself.
 *
 * `os`, `_thread`, `open` and `__import__` are what the program has made of them: gevent puts greenlets behind them, a
 * test puts a made-up file system there, and a wrapper of the program's own would be called by us. So the agent gets
 * the few functions that it needs from here. */
#include "entry/agent_source.h"

#include "entry/descriptor.h"
#include "filter.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LARGEST_FILE (1 << 20)

/* GIL held; allocates; new reference to bytes, or NULL with an exception. */
static PyObject *read_whole(const char *path) {
    struct scope_descriptor file = scope_descriptor_of(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    char *content = file.open ? malloc(LARGEST_FILE) : NULL;
    if (!content)
        return PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    ssize_t size = 0, got = 1;
    while (got > 0 && size < LARGEST_FILE) {
        got = scope_descriptor_is_ours(&file) ? read(file.fd, content + size, (size_t)(LARGEST_FILE - size)) : -1;
        size += got > 0 ? got : 0;
    }
    PyObject *bytes =
        got == 0 ? PyBytes_FromStringAndSize(content, size) : PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    free(content);
    scope_descriptor_close(&file);
    return bytes;
}

/* GIL held; allocates; new reference to bytes, or NULL with an exception. read(path) */
PyObject *scope_read_file(PyObject *module, PyObject *path) {
    (void)module;
    PyObject *name = NULL;
    if (!PyUnicode_FSConverter(path, &name))
        return NULL;
    PyObject *bytes = read_whole(PyBytes_AsString(name));
    Py_DecRef(name);
    return bytes;
}

/* GIL held; allocates; new reference or NULL with an exception. real_path(path): without links, or as it is. */
PyObject *scope_real_path(PyObject *module, PyObject *path) {
    (void)module;
    PyObject *name = NULL;
    char real[PATH_MAX];
    if (!PyUnicode_FSConverter(path, &name))
        return NULL;
    PyObject *result =
        PyUnicode_DecodeFSDefault(realpath(PyBytes_AsString(name), real) ? real : PyBytes_AsString(name));
    Py_DecRef(name);
    return result;
}

/* GIL held; allocates; new reference or NULL with an exception. system(name): the attribute of `sys`, or None. */
PyObject *scope_system(PyObject *module, PyObject *name) {
    (void)module;
    PyObject *text = PyUnicode_AsUTF8String(name);
    if (!text)
        return NULL;
    PyObject *found = PySys_GetObject(PyBytes_AsString(text)); /* borrowed */
    Py_DecRef(text);
    if (!found)
        return scope_none();
    Py_IncRef(found);
    return found;
}

/* GIL held; does not allocate; new reference or NULL with an exception. namespace(name): the dict of a module that the
 * program has loaded, or None. */
PyObject *scope_namespace(PyObject *module, PyObject *name) {
    (void)module;
    PyObject *modules = PySys_GetObject("modules"); /* borrowed, like all that follows */
    PyObject *found = modules && PyDict_CheckExact(modules) ? PyDict_GetItemWithError(modules, name) : NULL;
    PyObject *dict = found && PyModule_Check(found) ? PyModule_GetDict(found) : NULL;
    PyErr_Clear();
    if (!dict)
        return scope_none();
    Py_IncRef(dict);
    return dict;
}

/* GIL held; new reference. */
PyObject *scope_native_id(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromLong(syscall(SYS_gettid));
}

/* GIL held; allocates; runs our code; new reference or NULL with an exception. To a tracer or a coverage tool of
 * the program's that looks at every thread, it is code without a file. */
static PyObject *run_source(const char *name, const char *path, PyObject *recorder) {
    PyObject *source = read_whole(path);
    PyObject *code = source ? Py_CompileString(PyBytes_AsString(source), SCOPE_OWN_CODE, Py_file_input) : NULL;
    PyObject *globals = code ? PyDict_New() : NULL;
    PyObject *title = globals ? PyUnicode_FromString(name) : NULL, *result = NULL;
    PyObject *builtins = PyEval_GetBuiltins(); /* borrowed */
    if (title && builtins && PyDict_SetItemString(globals, "__builtins__", builtins) == 0 &&
        PyDict_SetItemString(globals, "__name__", title) == 0 &&
        PyDict_SetItemString(globals, "recorder", recorder) == 0)
        result = PyEval_EvalCode(code, globals, globals);
    if (!result && globals) {
        Py_DecRef(globals);
        globals = NULL;
    }
    PyObject *parts[] = {source, code, title, result};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    return globals;
}

/* GIL held; allocates; runs our code; new reference or NULL with an exception. load(name): the namespace of NAME.py, which
 * lies beside this library. It finds `module` there as `recorder`. */
PyObject *scope_load_source(PyObject *module, PyObject *name) {
    Dl_info self;
    char path[PATH_MAX];
    PyObject *text = PyUnicode_AsUTF8String(name);
    if (!text)
        return NULL;
    PyObject *namespace = NULL;
    const char *slash =
        dladdr((void *)scope_load_source, &self) && self.dli_fname ? strrchr(self.dli_fname, '/') : NULL;
    if (slash) {
        snprintf(path, sizeof path, "%.*s/%s.py", (int)(slash - self.dli_fname), self.dli_fname,
                 PyBytes_AsString(text));
        namespace = run_source(PyBytes_AsString(text), path, module);
    } else {
        PyErr_SetString(PyExc_RuntimeError, "the recorder's folder is unknown");
    }
    Py_DecRef(text);
    return namespace;
}
