/* The Python face of the recorder: what the agent calls. */
#include "entry/module.h"

#include "entry/agent_source.h"
#include "entry/agent_thread.h"
#include "entry/bottom.h"
#include "entry/calibration.h"
#include "entry/connection.h"
#include "defs.h"
#include "hooks/exit_handler.h"
#include "filter.h"
#include "hooks/fork.h"
#include "hooks/hooks.h"
#include "hooks/tool.h"
#include "pool.h"
#include "hooks/profile.h"
#include "entry/recording.h"
#include "secrets.h"
#include "sites.h"
#include "tracks.h"
#include "unseen.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* GIL held; allocates; 0 or -1 with an exception. The names of --redact. */
static int hide_names(PyObject *names) {
    Py_ssize_t count = names && PyList_Check(names) ? PyList_Size(names) : 0;
    scope_hide_name(NULL);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *bytes = scope_utf8(PyList_GetItem(names, i));
        bool hidden = bytes && scope_hide_name(PyBytes_AsString(bytes));
        if (bytes)
            Py_DecRef(bytes);
        if (!hidden) {
            PyErr_SetString(PyExc_ValueError, "too many names to hide, or one that is too long");
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

/* GIL held; does not allocate. What the letters (capture/settings.py) switch on, with the filter as it is. */
static struct scope_features features_of(const char *letters) {
    return (struct scope_features){
        .calls = strchr(letters, 'c') != NULL,
        .raises = strchr(letters, 'r') != NULL,
        .globals = strchr(letters, 'g') != NULL,
        .attributes = strchr(letters, 'a') != NULL && scope_filter_has_classes(),
        .values = strchr(letters, 'v') != NULL && strchr(letters, 'c') != NULL,
        .output = strchr(letters, 'o') != NULL,
        .lines = strchr(letters, 'n') != NULL,
        .steps = strchr(letters, 'c') != NULL && scope_filter_has_lines(),
        .call_lines = strchr(letters, 'c') != NULL,
        .autopsies = strpbrk(letters, "xy") != NULL,
        .all_autopsies = strchr(letters, 'y') != NULL,
    };
}

/* GIL held; allocates; new reference or NULL with an exception. configure(pool_dir, block_count, when_full, features,
 * include, exclude, stdlib, classes, lines, hidden names): makes the pool; nothing is recorded yet. */
static PyObject *configure(PyObject *module, PyObject *args) {
    (void)module;
    const char *features;
    PyObject *folder_bytes;
    unsigned block_count, when_full;
    PyObject *include, *exclude, *stdlib, *classes, *lines, *hidden;
    if (!PyArg_ParseTuple(args, "O&IIsOOOOOO", PyUnicode_FSConverter, &folder_bytes, &block_count, &when_full,
                          &features, &include, &exclude, &stdlib, &classes, &lines, &hidden))
        return NULL;
    char folder[4000];
    snprintf(folder, sizeof folder, "%s", PyBytes_AsString(folder_bytes));
    Py_DecRef(folder_bytes);
    scope_fork_clean_up();
    if (scope_active || scope_pool.header || scope_agent_is_serving()) {
        PyErr_SetString(PyExc_RuntimeError, "this process is already being recorded");
        return NULL;
    }
    scope_filter_clear();
    know_own_folder();
    scope_unseen_open();
    if (add_patterns(SCOPE_INCLUDE, include) || add_patterns(SCOPE_EXCLUDE, exclude) ||
        add_patterns(SCOPE_STDLIB, stdlib) || add_patterns(SCOPE_CLASSES, classes) ||
        add_patterns(SCOPE_LINES, lines) || hide_names(hidden))
        return NULL;
    scope_features = features_of(features);
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

/* GIL held, given up before anything changes; allocates; new reference or NULL with an exception. change(when_full, features,
 * include, exclude, classes, lines): what is recorded from now on. Returns when that was, ns on the monotonic clock: not before the
 * first, and not after the second. */
static PyObject *change(PyObject *module, PyObject *args) {
    (void)module;
    const char *features;
    unsigned when_full;
    PyObject *include, *exclude, *classes, *lines;
    if (!PyArg_ParseTuple(args, "IsOOOO", &when_full, &features, &include, &exclude, &classes, &lines))
        return NULL;
    scope_recording_settle();
    if (!scope_active) {
        PyErr_SetString(PyExc_RuntimeError, "nothing is being recorded");
        return NULL;
    }
    const uint64_t since_ns = scope_mono_ns();
    scope_filter_begin_change();
    const bool filled = !add_patterns(SCOPE_INCLUDE, include) && !add_patterns(SCOPE_EXCLUDE, exclude) &&
                        !add_patterns(SCOPE_CLASSES, classes) && !add_patterns(SCOPE_LINES, lines);
    scope_filter_end_change(filled);
    if (!filled || scope_recording_change(features_of(features), when_full) != 0)
        return NULL;
    return Py_BuildValue("KK", (unsigned long long)since_ns, (unsigned long long)scope_mono_ns());
}

/* GIL held; new reference or NULL with an exception. begin() */
static PyObject *begin(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (scope_active || !scope_pool.header) {
        PyErr_SetString(PyExc_RuntimeError, scope_active ? "already recording" : "not configured");
        return NULL;
    }
    if (scope_recording_begin() != 0)
        return NULL;
    SCOPE_RETURN_NONE;
}

/* GIL held; new reference or NULL with an exception. end() */
static PyObject *end(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (scope_recording_end() != 0)
        return NULL;
    SCOPE_RETURN_NONE;
}

/* GIL held; new reference. stop_state(): before the interpreter clears its modules. */
static PyObject *stop_state(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    scope_hooks_end_with_modules();
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
                         "codes", scope_codes.count, "threads", live, "tool_id", scope_tool_id(), "foreign_profilers",
                         scope_profile_foreign(), "clock_kind", scope_clock_kind);
}

/* GIL held, given up while waiting; new reference or NULL with an exception. start(config, claimed, waits) */
static PyObject *start(PyObject *module, PyObject *args) {
    (void)module;
    return scope_agent_start_from_python(args, scope_module_for_agent);
}

/* GIL held; new reference. */
static PyObject *pid(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromLong(getpid());
}

static PyMethodDef methods[] = {
    {"configure", configure, METH_VARARGS, NULL},
    {"change", change, METH_VARARGS, NULL},
    {"begin", begin, METH_NOARGS, NULL},
    {"end", end, METH_NOARGS, NULL},
    {"stop_state", stop_state, METH_NOARGS, NULL},
    {"define", define, METH_VARARGS, NULL},
    {"unseen", scope_unseen_from_python, METH_VARARGS, NULL},
    {"status", status, METH_NOARGS, NULL},
    {"calibrate", scope_calibrate, METH_VARARGS, NULL},
    {"connect", scope_connect, METH_O, NULL},
    {"send", scope_send, METH_VARARGS, NULL},
    {"receive", scope_receive, METH_VARARGS, NULL},
    {"is_connected", scope_is_connected, METH_O, NULL},
    {"hang_up", scope_hang_up, METH_O, NULL},
    {"watch_exit", scope_watch_exit, METH_O, NULL},
    {"start", start, METH_VARARGS, NULL},
    {"run_at_bottom", scope_run_at_bottom, METH_VARARGS, NULL},
    {"load", scope_load_source, METH_O, NULL},
    {"read", scope_read_file, METH_O, NULL},
    {"real_path", scope_real_path, METH_O, NULL},
    {"system", scope_system, METH_O, NULL},
    {"namespace", scope_namespace, METH_O, NULL},
    {"pid", pid, METH_NOARGS, NULL},
    {"native_id", scope_native_id, METH_NOARGS, NULL},
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

/* GIL held; allocates; new reference or NULL with an exception. The functions as the agent gets them, whichever way the
 * library came into the process: nothing of the target's import system takes part. */
PyObject *scope_module_for_agent(void) {
    PyObject *module = PyModule_New("_scope_recorder");
    if (module && PyModule_AddFunctions(module, methods) != 0) {
        Py_DecRef(module);
        return NULL;
    }
    return module;
}

/* GIL held; borrowed reference to the definition. */
PyMODINIT_FUNC PyInit__scope_recorder(void) {
    return PyModuleDef_Init(&definition);
}
