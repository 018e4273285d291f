/* What is written to stdout and stderr, by functions of ours in Python's own streams and os.write.
 *
 * A write is recorded once, where the program asks for it, so that it has the function and the line that did:
 *
 *   print, sys.stdout.write, writelines, tracebacks   TextIOWrapper.write, StringIO.write   of what stands in `sys`
 *   sys.stdout.buffer.write                           BufferedWriter.write                  of the buffer behind that
 *   open(1, "wb"), sys.stdout.buffer.raw              FileIO.write                          to descriptor 1 or 2
 *   os.write                                          posix.write                           to descriptor 1 or 2
 *
 * What these call of one another is a part of the same write (`inside`), and what a flush hands on was recorded when it was
 * written. So text is in the order in which it was written, which for what is buffered and what is not is another one than
 * that in which the system gets it. Only what has been written without an error is recorded.
 *
 * What counts as stdout is what `sys.stdout` is when it is written to, wherever that goes: what a test captures was meant for
 * it, too (flag `redirected`). A class of the program's own in that place is no function of ours; what it hands on to one of
 * the streams above is seen there, and the sweep says what it is (`output-replaced`).
 *
 * Not seen: what C code writes by itself (printf), what child processes do, os.writev, os.sendfile, and files opened anew as
 * /dev/stdout. */
#include "hooks/output.h"

#include "filter.h"
#include "hooks/fork.h"
#include "hooks/replaced.h"
#include "interpreters.h"
#include "tracks.h"
#include "unseen.h"
#include "values/layout.h"
#include "values/output_text.h"
#include "values/typenames.h"

#include <string.h>

#define NO_STREAM UINT32_MAX
#define REMEMBERED 8u

/* What stands in `sys`, and the stream of bytes behind each; compared, never used. */
enum standing { STDOUT, STDERR, OWN_STDOUT, OWN_STDERR, STANDINGS };
static const char *const names[STANDINGS] = {"stdout", "stderr", "__stdout__", "__stderr__"};
static PyObject *keys[STANDINGS]; /* strong, interned */
static struct standing_stream {
    PyObject *text, *bytes;
} streams[STANDINGS];
static PyObject *remembered[REMEMBERED]; /* what has been one of them: what they hand on later was recorded */
static uint32_t remembered_next;

static PyObject *system_dict;                           /* strong: the namespace of `sys` */
static PyTypeObject *text_type;                         /* strong: TextIOWrapper */
static PyObject *buffer_descriptor, *errors_descriptor; /* strong: two of its attributes */
static descrgetfunc get_buffer, get_errors;

static __thread unsigned inside __attribute__((tls_model("initial-exec")));

static PyObject *write_text(PyObject *self, PyObject *text);
static PyObject *write_string(PyObject *self, PyObject *text);
static PyObject *write_bytes(PyObject *self, PyObject *data);
static PyObject *write_file(PyObject *self, PyObject *data);
static PyObject *write_file_fast(PyObject *self, PyTypeObject *type, PyObject *const *args, size_t count, PyObject *kw);
static PyObject *write_descriptor(PyObject *self, PyObject *const *args, Py_ssize_t count);
static PyObject *flush_text(PyObject *self, PyObject *unused);
static PyObject *flush_bytes(PyObject *self, PyObject *unused);

enum method { TEXT, STRING, BYTES, FILE_O, FILE_FAST, FLUSH_TEXT, FLUSH_BYTES, METHODS };
static const char *const types[METHODS] = {"TextIOWrapper", "StringIO",      "BufferedWriter", "FileIO",
                                           "FileIO",        "TextIOWrapper", "BufferedWriter"};
static struct scope_replaced methods[METHODS] = {
    {"write", write_text, NULL, NULL, METH_O},
    {"write", write_string, NULL, NULL, METH_O},
    {"write", write_bytes, NULL, NULL, METH_O},
    {"write", write_file, NULL, NULL, METH_O},
    {"write", (scope_method)(void (*)(void))write_file_fast, NULL, NULL, SCOPE_CLASS_METHOD},
    {"flush", flush_text, NULL, NULL, METH_NOARGS},
    {"flush", flush_bytes, NULL, NULL, METH_NOARGS},
};
static struct scope_replaced functions[] = {
    {"write", (scope_method)(void (*)(void))write_descriptor, NULL, NULL, METH_FASTCALL},
};
static PyMethodDef *fileno_of_file;

/* GIL held; does not allocate. Whether this thread's writes are recorded now. */
static inline bool is_wanted(void) {
    if (SCOPE_UNLIKELY(!scope_active)) {
        if (!scope_in_another_interpreter())
            scope_fork_clean_up();
        return false;
    }
    return scope_features.output && scope_tls != &scope_muted && !scope_in_another_interpreter() &&
           !(scope_python.finalizing && scope_python.finalizing());
}

/* GIL held; does not allocate; borrowed or NULL. What `sys` has there now. */
static inline PyObject *standing(enum standing at) {
    PyObject *found = PyDict_GetItemWithError(system_dict, keys[at]);
    return found;
}

/* GIL held; does not allocate. */
static void remember(PyObject *stream) {
    for (uint32_t i = 0; i < REMEMBERED; i++)
        if (remembered[i] == stream)
            return;
    remembered[remembered_next++ % REMEMBERED] = stream;
}

/* GIL held; does not allocate. */
static bool is_remembered(const PyObject *stream) {
    for (uint32_t i = 0; i < REMEMBERED; i++)
        if (remembered[i] == stream)
            return true;
    return false;
}

/* GIL held; may allocate an exception, which it does not leave; compared, never used; NULL = none. The stream of bytes behind
 * one of text. */
static PyObject *bytes_behind(PyObject *text) {
    if (!text || (Py_TYPE(text) != text_type && !PyType_IsSubtype(Py_TYPE(text), text_type)))
        return NULL;
    PyObject *buffer = get_buffer(buffer_descriptor, text, (PyObject *)Py_TYPE(text));
    PyErr_Clear(); /* it may have been detached */
    if (buffer)
        Py_DecRef(buffer);
    return buffer;
}

/* GIL held; may allocate an exception, which it does not leave. What stands there is looked at. */
static void look_at(enum standing at) {
    PyObject *text = standing(at);
    streams[at] = (struct standing_stream){text, bytes_behind(text)};
    if (text)
        remember(text);
    if (streams[at].bytes)
        remember(streams[at].bytes);
}

/* GIL held; does not allocate. Which stream is at that place. */
static inline uint32_t flags_at(enum standing at, PyObject *text) {
    const uint32_t stream = at == STDERR || at == OWN_STDERR ? SCOPE_OUTPUT_STDERR : 0;
    const enum standing own = stream ? OWN_STDERR : OWN_STDOUT;
    return stream | (at == own || standing(own) == text ? 0 : SCOPE_OUTPUT_REDIRECTED);
}

/* GIL held; may allocate an exception, which it does not leave. The flags of a write to a stream of text; NO_STREAM = it is
 * none that stands in `sys`. */
static uint32_t stream_of_text(PyObject *text) {
    for (enum standing at = 0; at < STANDINGS; at++) {
        PyObject *found = at < OWN_STDOUT ? standing(at) : streams[at].text;
        if (at < OWN_STDOUT && SCOPE_UNLIKELY(found != streams[at].text))
            look_at(at);
        if (SCOPE_UNLIKELY(found == text) && standing(at) == text)
            return flags_at(at, text);
    }
    return NO_STREAM;
}

/* As stream_of_text(), of a stream of bytes. */
static uint32_t stream_of_bytes(PyObject *bytes) {
    for (enum standing at = 0; at < STANDINGS; at++) {
        if (at < OWN_STDOUT && SCOPE_UNLIKELY(standing(at) != streams[at].text))
            look_at(at);
        if (SCOPE_LIKELY(streams[at].bytes != bytes))
            continue;
        PyObject *text = standing(at); /* the address may be another stream's by now */
        if (bytes_behind(text) == bytes)
            return flags_at(at, text);
    }
    return NO_STREAM;
}

/* GIL not needed. The flags of a write to a descriptor. */
static uint32_t stream_of_descriptor(long descriptor) {
    return descriptor == 1 ? 0 : descriptor == 2 ? SCOPE_OUTPUT_STDERR : NO_STREAM;
}

/* GIL held; allocates; new reference or NULL without an exception. The bytes of what is written, of their own unless they cannot
 * change. Of a class that would run code for it there are none. */
static PyObject *bytes_of(PyObject *data) {
    if (PyBytes_CheckExact(data)) {
        Py_IncRef(data);
        return data;
    }
    PyObject *key = PyUnicode_FromString("__buffer__"); /* 3.12+ */
    PyObject *own = key && scope_python.type_lookup ? scope_python.type_lookup(Py_TYPE(data), key) : NULL;
    const bool is_plain = !own || Py_TYPE(own) == scope_python.wrapper_descriptor;
    PyObject *bytes = is_plain ? PyBytes_FromObject(data) : NULL;
    PyErr_Clear();
    if (key)
        Py_DecRef(key);
    return bytes;
}

/* GIL held; allocates; leaves no exception. `data` is stolen, NULL = not known; so much of it was written. */
static void tell_bytes(uint32_t stream, PyObject *data, Py_ssize_t written) {
    if (data && scope_active && written > 0) {
        const Py_ssize_t size = PyBytes_Size(data);
        scope_output_write(stream, NULL, (const unsigned char *)PyBytes_AsString(data),
                           (size_t)(written < size ? written : size));
    }
    if (data)
        Py_DecRef(data);
}

/* GIL held; does not allocate; no exception. What a write has returned, 0 where it is no number. */
static Py_ssize_t count_of(PyObject *result) {
    const Py_ssize_t count = PyLong_CheckExact(result) ? PyLong_AsSsize_t(result) : 0;
    PyErr_Clear();
    return count;
}

/* GIL held; allocates; leaves no exception. A str was written to one of the streams of text. */
static void tell_text(uint32_t stream, PyObject *self, PyObject *text) {
    const bool is_plain = PyUnicode_CheckExact(text) && scope_ascii_of(text);
    PyObject *errors = NULL;
    if (!is_plain && PyType_IsSubtype(Py_TYPE(self), text_type))
        errors = get_errors(errors_descriptor, self, (PyObject *)Py_TYPE(self));
    PyErr_Clear();
    scope_output_write_str(stream, NULL, text, errors);
    if (errors)
        Py_DecRef(errors);
}

/* GIL held as the original does; new reference or NULL with an exception. */
static PyObject *write_as_text(const struct scope_replaced *method, PyObject *self, PyObject *text) {
    const uint32_t stream = is_wanted() ? stream_of_text(self) : NO_STREAM;
    if (SCOPE_LIKELY(stream == NO_STREAM))
        return method->original(self, text);
    inside += 1;
    PyObject *result = method->original(self, text);
    inside -= 1;
    if (result && is_wanted())
        tell_text(stream, self, text);
    return result;
}

/* As write_as_text(). */
static PyObject *write_text(PyObject *self, PyObject *text) {
    return write_as_text(&methods[TEXT], self, text);
}

/* As write_as_text(). */
static PyObject *write_string(PyObject *self, PyObject *text) {
    return write_as_text(&methods[STRING], self, text);
}

/* GIL held as the original does; new reference or NULL with an exception. */
static PyObject *write_bytes(PyObject *self, PyObject *data) {
    const uint32_t stream = is_wanted() && !inside ? stream_of_bytes(self) : NO_STREAM;
    if (SCOPE_LIKELY(stream == NO_STREAM))
        return methods[BYTES].original(self, data);
    PyObject *bytes = bytes_of(data);
    inside += 1;
    PyObject *result = methods[BYTES].original(self, data);
    inside -= 1;
    tell_bytes(stream, bytes, result && is_wanted() ? count_of(result) : 0);
    return result;
}

/* GIL held; no exception. The flags of a write to a file without a buffer; NO_STREAM = it is none, or a part of another. */
static uint32_t stream_of_file(PyObject *self) {
    if (inside || !is_wanted())
        return NO_STREAM;
    PyObject *number = ((PyCFunction)fileno_of_file->ml_meth)(self, NULL);
    const long descriptor = number ? PyLong_AsLong(number) : -1;
    PyErr_Clear();
    if (number)
        Py_DecRef(number);
    return stream_of_descriptor(descriptor);
}

/* GIL held as the original does; new reference or NULL with an exception. */
static PyObject *write_file(PyObject *self, PyObject *data) {
    const uint32_t stream = stream_of_file(self);
    if (SCOPE_LIKELY(stream == NO_STREAM))
        return methods[FILE_O].original(self, data);
    PyObject *bytes = bytes_of(data);
    PyObject *result = methods[FILE_O].original(self, data);
    tell_bytes(stream, bytes, result && is_wanted() ? count_of(result) : 0);
    return result;
}

/* As write_file(). */
static PyObject *write_file_fast(PyObject *self, PyTypeObject *type, PyObject *const *args, size_t count,
                                 PyObject *kw) {
    const scope_class_method original = (scope_class_method)(void (*)(void))methods[FILE_FAST].original;
    const uint32_t stream = count == 1 ? stream_of_file(self) : NO_STREAM;
    if (SCOPE_LIKELY(stream == NO_STREAM))
        return original(self, type, args, count, kw);
    PyObject *bytes = bytes_of(args[0]);
    PyObject *result = original(self, type, args, count, kw);
    tell_bytes(stream, bytes, result && is_wanted() ? count_of(result) : 0);
    return result;
}

/* As write_file(): os.write(descriptor, data). */
static PyObject *write_descriptor(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    const scope_fast_method original = (scope_fast_method)(void (*)(void))functions[0].original;
    const bool may_be = count == 2 && PyLong_CheckExact(args[0]) && is_wanted();
    const uint32_t stream = may_be ? stream_of_descriptor(PyLong_AsLong(args[0])) : NO_STREAM;
    if (may_be)
        PyErr_Clear();
    if (SCOPE_LIKELY(stream == NO_STREAM))
        return original(self, args, count);
    PyObject *bytes = bytes_of(args[1]);
    PyObject *result = original(self, args, count);
    tell_bytes(stream, bytes, result && is_wanted() ? count_of(result) : 0);
    return result;
}

/* GIL held as the original does; new reference or NULL with an exception. What it hands on was recorded when it was written. */
static PyObject *flush(const struct scope_replaced *method, PyObject *self, PyObject *unused) {
    const bool is_ours = is_wanted() && is_remembered(self);
    inside += is_ours;
    PyObject *result = method->original(self, unused);
    inside -= is_ours;
    return result;
}

/* As flush(). */
static PyObject *flush_text(PyObject *self, PyObject *unused) {
    return flush(&methods[FLUSH_TEXT], self, unused);
}

/* As flush(). */
static PyObject *flush_bytes(PyObject *self, PyObject *unused) {
    return flush(&methods[FLUSH_BYTES], self, unused);
}

/* GIL held; does not allocate; borrowed or NULL without an exception. A module that the program has. */
static PyObject *module(const char *name) {
    PyObject *modules = PySys_GetObject("modules"); /* borrowed */
    PyObject *found = modules && PyDict_CheckExact(modules) ? PyDict_GetItemString(modules, name) : NULL;
    return found && PyModule_Check(found) ? found : NULL;
}

/* GIL held; does not allocate; borrowed or NULL without an exception. A type of `_io`. */
static PyObject *stream_type(const char *name) {
    PyObject *io = module("_io");
    PyObject *type = io ? PyDict_GetItemString(PyModule_GetDict(io), name) : NULL;
    return type && PyType_Check(type) ? type : NULL;
}

/* GIL held; allocates; keeps a reference; leaves exceptions. How an attribute of TextIOWrapper is read without code of the program;
 * NULL = it is not one of C. */
static descrgetfunc attribute(const char *name, PyObject **descriptor) {
    descrgetfunc get = NULL;
    PyObject *found = PyObject_GetAttrString((PyObject *)text_type, name);
    if (found && (Py_TYPE(found) == scope_python.member_descriptor || Py_TYPE(found) == &PyGetSetDescr_Type))
        *(void **)&get = PyType_GetSlot(Py_TYPE(found), Py_tp_descr_get);
    *descriptor = found;
    return get;
}

/* GIL held; allocates a few objects once, for good; never leaves an exception. */
static bool find_system(void) {
    PyObject *sys = module("sys");
    if (!system_dict && sys && PyDict_GetItemString(PyModule_GetDict(sys), "modules") == PySys_GetObject("modules")) {
        system_dict = PyModule_GetDict(sys);
        Py_IncRef(system_dict);
    }
    for (enum standing at = 0; at < STANDINGS; at++)
        if (!keys[at])
            keys[at] = PyUnicode_InternFromString(names[at]);
    if (!text_type && (text_type = (PyTypeObject *)stream_type("TextIOWrapper")))
        Py_IncRef((PyObject *)text_type);
    if (text_type && !get_buffer)
        get_buffer = attribute("buffer", &buffer_descriptor);
    if (text_type && !get_errors)
        get_errors = attribute("errors", &errors_descriptor);
    PyErr_Clear();
    return system_dict && keys[STDOUT] && keys[STDERR] && keys[OWN_STDOUT] && keys[OWN_STDERR] && get_buffer &&
           get_errors;
}

/* GIL held; allocates; never leaves an exception. Whether the streams of this interpreter are those that we know: each of their
 * methods is where it is looked for, and is called in a way that we have a function for. */
bool scope_output_prove(void) {
    bool writes_files = false;
    for (enum method at = 0; at < METHODS; at++) {
        PyMethodDef *known = scope_definition_of_method(stream_type(types[at]), methods[at].name);
        const bool fits = known && known->ml_flags == methods[at].flags;
        if (at == FILE_O || at == FILE_FAST)
            writes_files |= fits;
        else if (!fits)
            return false;
    }
    fileno_of_file = scope_definition_of_method(stream_type("FileIO"), "fileno");
    return find_system() && writes_files && fileno_of_file && fileno_of_file->ml_flags == METH_NOARGS;
}

/* GIL held; allocates; 0. */
int scope_output_put(void) {
    scope_output_open();
    memset(remembered, 0, sizeof remembered);
    for (enum method at = 0; at < METHODS; at++)
        scope_replace_method(stream_type(types[at]), &methods[at]);
    scope_replace("posix", functions, sizeof functions / sizeof *functions);
    return 0;
}

/* GIL held; allocates; no exception. A class of the program's own in the place of a stream is said once. */
static void say_replaced(enum standing at) {
    PyObject *stream = standing(at), *key = PyUnicode_FromString("write");
    PyObject *write = stream && stream != Py_None && key && scope_python.type_lookup
                          ? scope_python.type_lookup(Py_TYPE(stream), key)
                          : NULL;
    if (write && Py_TYPE(write) != &PyMethodDescr_Type) {
        char name[SCOPE_TYPE_NAME_BYTES];
        scope_type_name(Py_TYPE(stream), name);
        scope_unseen("output-replaced", name);
    }
    PyErr_Clear();
    if (key)
        Py_DecRef(key);
}

/* GIL held; allocates; no exception. */
void scope_output_begin(PyObject *frames) {
    scope_output_sweep(frames);
    if (scope_python.version < 0x030c && !scope_features.calls)
        scope_unseen("output-logs", "");
}

/* GIL held; allocates with the collector off; no exception. Addresses that were kept may be other streams' by now. */
void scope_output_sweep(PyObject *frames) {
    (void)frames;
    for (enum standing at = 0; at < STANDINGS; at++)
        look_at(at);
    say_replaced(STDOUT);
    say_replaced(STDERR);
    PyErr_Clear();
}

/* GIL held; does not allocate. */
void scope_output_undo(void) {
    scope_put_back(methods, METHODS);
    scope_put_back(functions, sizeof functions / sizeof *functions);
}
