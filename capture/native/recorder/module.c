/* The Python face of the recorder: what the agent calls. */
#include "calibration.h"
#include "connection.h"
#include "defs.h"
#include "filter.h"
#include "fork.h"
#include "monitoring.h"
#include "pool.h"
#include "profile.h"
#include "recording.h"
#include "sites.h"
#include "tracks.h"
#include "unseen.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* GIL held; allocates; 0 or -1 with an exception. Copies a list of str into the filter. */
static int add_patterns(enum scope_pattern_list list, PyObject *patterns) {
    Py_ssize_t count = patterns && PyList_Check(patterns) ? PyList_Size(patterns) : 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *bytes = scope_utf8(PyList_GetItem(patterns, i));
        bool added = bytes && scope_filter_add(list, PyBytes_AsString(bytes));
        if (bytes)
            Py_DecRef(bytes);
        if (!added) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

/* GIL held; allocates; never leaves an exception. The agent's files lie where this library does. */
static void know_own_folder(void) {
    Dl_info self;
    scope_filter_set_own_folder("");
    if (!dladdr((void *)know_own_folder, &self) || !self.dli_fname || !strrchr(self.dli_fname, '/'))
        return;
    PyObject *folder = PyUnicode_DecodeFSDefaultAndSize(self.dli_fname, strrchr(self.dli_fname, '/') - self.dli_fname);
    PyObject *bytes = scope_utf8(folder);
    if (bytes)
        scope_filter_set_own_folder(PyBytes_AsString(bytes));
    PyErr_Clear();
    PyObject *parts[] = {folder, bytes};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held; allocates; new reference or NULL with an exception. configure(pool_dir, block_count, when_full, features,
 * include, exclude, stdlib, classes): makes the pool; nothing is recorded yet. */
static PyObject *configure(PyObject *module, PyObject *args) {
    (void)module;
    const char *features;
    PyObject *folder_bytes;
    unsigned block_count, when_full;
    PyObject *include, *exclude, *stdlib, *classes;
    if (!PyArg_ParseTuple(args, "O&IIsOOOO", PyUnicode_FSConverter, &folder_bytes, &block_count, &when_full, &features,
                          &include, &exclude, &stdlib, &classes))
        return NULL;
    char folder[4000];
    snprintf(folder, sizeof folder, "%s", PyBytes_AsString(folder_bytes));
    Py_DecRef(folder_bytes);
    scope_fork_clean_up();
    if (scope_active || scope_pool.header) {
        PyErr_SetString(PyExc_RuntimeError, "this process is already being recorded");
        return NULL;
    }
    scope_filter_clear();
    know_own_folder();
    scope_unseen_open();
    if (add_patterns(SCOPE_INCLUDE, include) || add_patterns(SCOPE_EXCLUDE, exclude) ||
        add_patterns(SCOPE_STDLIB, stdlib) || add_patterns(SCOPE_CLASSES, classes))
        return NULL;
    scope_features = (struct scope_features){
        .calls = strchr(features, 'c') != NULL,
        .raises = strchr(features, 'r') != NULL,
        .globals = strchr(features, 'g') != NULL,
        .attributes = strchr(features, 'a') != NULL && scope_filter_has_classes(),
    };
    char path[4096];
    snprintf(path, sizeof path, "%s/pool.bin", folder);
    int problem =
        scope_pool_create(path, block_count ? block_count : SCOPE_DEFAULT_BLOCKS, when_full, scope_python.hexversion);
    if (!problem) {
        snprintf(path, sizeof path, "%s/defs.bin", folder);
        problem = scope_defs_open(path);
        if (problem)
            scope_pool_close();
    }
    if (problem) {
        errno = problem;
        return PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    }
    SCOPE_RETURN_NONE;
}

/* GIL held; new reference or NULL with an exception. begin(threads) */
static PyObject *begin(PyObject *module, PyObject *threads) {
    (void)module;
    if (scope_active || !scope_pool.header) {
        PyErr_SetString(PyExc_RuntimeError, scope_active ? "already recording" : "not configured");
        return NULL;
    }
    if (scope_recording_begin(threads) != 0)
        return NULL;
    SCOPE_RETURN_NONE;
}

/* GIL held; new reference or NULL with an exception. end(threads) */
static PyObject *end(PyObject *module, PyObject *threads) {
    (void)module;
    if (scope_recording_end(threads) != 0)
        return NULL;
    SCOPE_RETURN_NONE;
}

/* GIL held; new reference. sweep(threads) */
static PyObject *sweep(PyObject *module, PyObject *threads) {
    (void)module;
    scope_recording_sweep(threads);
    SCOPE_RETURN_NONE;
}

/* GIL held; new reference. stop_state(): before the interpreter clears its modules. */
static PyObject *stop_state(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    scope_recording_stop_state();
    SCOPE_RETURN_NONE;
}

/* GIL held; allocates; new reference. mute(bool): whether this thread is kept out of the recording. */
static PyObject *mute(PyObject *module, PyObject *on) {
    (void)module;
    if (on == Py_True)
        scope_tls = &scope_muted;
    else if (scope_tls == &scope_muted)
        scope_tls = NULL;
    SCOPE_RETURN_NONE;
}

/* GIL held; allocates; new reference or NULL with an exception. define(key, value): a fact about the process. */
static PyObject *define(PyObject *module, PyObject *args) {
    (void)module;
    const char *key;
    PyObject *value;
    if (!PyArg_ParseTuple(args, "sO", &key, &value))
        return NULL;
    PyObject *bytes = scope_utf8(value);
    const char *fields[] = {key, bytes ? PyBytes_AsString(bytes) : ""};
    bool stored = scope_define(SCOPE_DEF_PROCESS, 0, fields, 2);
    if (bytes)
        Py_DecRef(bytes);
    return PyBool_FromLong(stored);
}

/* GIL held; new reference or NULL with an exception. close_in_child(fd) */
static PyObject *close_in_child(PyObject *module, PyObject *fd) {
    (void)module;
    long number = PyLong_AsLong(fd);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    scope_fork_close_in_child((int)number);
    SCOPE_RETURN_NONE;
}

/* GIL held; allocates; new reference or NULL with an exception. */
static PyObject *status(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    uint64_t produced, dropped;
    uint32_t live;
    scope_tracks_totals(&produced, &dropped, &live);
    const bool open = scope_pool.header;
    return Py_BuildValue("{s:O,s:K,s:K,s:K,s:I,s:I,s:I,s:I,s:i,s:I,s:I}", "recording",
                         scope_active ? Py_True : Py_False, "produced", (unsigned long long)produced, "dropped",
                         (unsigned long long)dropped, "dropped_unattributed",
                         (unsigned long long)(open ? scope_pool.header->dropped_unattributed : 0), "memory_bytes",
                         open ? scope_pool.header->blocks_used * SCOPE_CHUNK_BYTES : 0, "sites", scope_codes_recorded(),
                         "codes", scope_codes.count, "threads", live, "tool_id", scope_monitoring_tool(),
                         "foreign_profilers", scope_profile_foreign(), "clock_kind", scope_clock_kind);
}

static PyMethodDef methods[] = {
    {"configure", configure, METH_VARARGS, NULL},
    {"begin", begin, METH_O, NULL},
    {"end", end, METH_O, NULL},
    {"sweep", sweep, METH_O, NULL},
    {"stop_state", stop_state, METH_NOARGS, NULL},
    {"mute", mute, METH_O, NULL},
    {"define", define, METH_VARARGS, NULL},
    {"unseen", scope_unseen_from_python, METH_VARARGS, NULL},
    {"close_in_child", close_in_child, METH_O, NULL},
    {"status", status, METH_NOARGS, NULL},
    {"calibrate", scope_calibrate, METH_VARARGS, NULL},
    {"connect", scope_connect, METH_O, NULL},
    {"wait_readable", scope_wait_readable, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* GIL held; 0 or -1 with an exception. All state is the library's, not the module's: the agent may load it twice. */
static int execute(PyObject *module) {
    (void)module;
    return scope_python_load();
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)execute}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_scope_recorder", NULL, 0, methods, slots, NULL, NULL, NULL};

/* GIL held; borrowed reference to the definition. */
PyMODINIT_FUNC PyInit__scope_recorder(void) {
    return PyModuleDef_Init(&definition);
}
