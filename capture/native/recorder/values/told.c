/* The payloads of calls, returns and yields. */
#include "values/told.h"

#include "parameters.h"
#include "values/frame_locals.h"
#include "values/payload.h"

struct call_event {
    struct scope_long_event event; /* the first field */
    const struct scope_begun_call *call;
    const struct scope_odd_parameters *odd; /* NULL: none is */
};

/* GIL held; does not allocate; borrowed; NULL = not bound. A parameter that is in a cell. */
static PyObject *in_cell(const struct scope_begun_call *call, const struct scope_odd_parameters *odd, uint32_t i) {
    if (call->has_no_cells)
        return scope_frame_local(call->frame, i);
    const PyObject *cell = scope_frame_local(call->frame, scope_python.version == 0x030a ? odd->cell_slots[i] : i);
    return cell ? scope_cell_content(cell) : NULL;
}

/* GIL held; allocates as scope_words_put() does; leaves exceptions as they are. */
static void put_odd(struct scope_words *words, const struct scope_begun_call *call,
                    const struct scope_odd_parameters *odd, uint32_t i) {
    if (odd->hidden >> i & 1)
        scope_words_put_special(words, SCOPE_SPECIAL_REDACTED);
    else
        scope_words_put(words, odd->cells >> i & 1 ? in_cell(call, odd, i) : scope_frame_local(call->frame, i));
}

/* GIL held; allocates as scope_words_put() does; leaves exceptions as they are. How many slots it takes, as fill_call(). */
static inline uint32_t put_call(const struct scope_begun_call *call, const struct scope_odd_parameters *odd,
                                const struct scope_writer *w, struct scope_record *record, uint32_t slots) {
    const uint32_t count = (call->flags & SCOPE_CODE_ARGUMENTS) >> SCOPE_CODE_ARGUMENTS_SHIFT;
    if (SCOPE_UNLIKELY(2 * (slots - 1) < count))
        return 0;
    struct scope_words words = scope_words_from(w, record, slots);
    words.end -= count;
    for (uint32_t i = 0; i < count; i++) {
        words.end += 1;
        if (SCOPE_UNLIKELY(odd != NULL))
            put_odd(&words, call, odd, i);
        else
            scope_words_put(&words, scope_frame_local(call->frame, i));
    }
    if (SCOPE_UNLIKELY(words.has_cut && slots < SCOPE_MAX_EVENT_SLOTS))
        return 0;
    return scope_words_finish(&words, record, call->site, SCOPE_CALL, 0);
}

/* GIL held; allocates as scope_words_put() does; leaves exceptions as they are. */
static uint32_t fill_call(const struct scope_long_event *event, const struct scope_writer *w,
                          struct scope_record *record, uint32_t slots) {
    const struct call_event *self = (const struct call_event *)event;
    return put_call(self->call, self->odd, w, record, slots);
}

/* GIL held; may find file space and, after a gap, allocates frame objects; allocates as scope_words_put() does; leaves
 * exceptions as they are. There are arguments. As scope_write(), with `entering` for its `code`. */
void scope_tell_call(const struct scope_begun_call *call, PyObject *entering) {
    const bool is_odd = call->flags & SCOPE_CODE_ODD;
    const struct scope_odd_parameters *odd = SCOPE_UNLIKELY(is_odd) ? scope_parameters_find(call->code) : NULL;
    struct scope_writer *w = scope_tls;
    if (SCOPE_UNLIKELY(scope_frame_code(call->frame) != call->code || (is_odd && !odd))) {
        scope_write(call->site, scope_head(SCOPE_CALL, 0, 0), entering); /* it would be another one's locals */
        return;
    }
    uint32_t slots = 0;
    if (SCOPE_LIKELY(w && w->next < w->limit))
        slots = put_call(call, odd, w, &w->records[w->next], scope_room(w));
    if (SCOPE_LIKELY(slots)) {
        scope_publish(w, slots);
        return;
    }
    const struct call_event event = {{fill_call}, call, odd};
    scope_write_long_slowly(&event.event, entering, false);
}

struct value_event {
    struct scope_long_event event; /* the first field */
    PyObject *value;               /* borrowed */
    uint32_t kind, site;
    bool is_hidden;
};

/* GIL held; allocates as scope_words_put() does; leaves exceptions as they are. How many slots it takes, as fill_value(). */
static inline uint32_t put_value(const struct value_event *event, const struct scope_writer *w,
                                 struct scope_record *record, uint32_t slots) {
    if (SCOPE_UNLIKELY(slots < 2))
        return 0;
    struct scope_words words = scope_words_from(w, record, slots);
    if (SCOPE_UNLIKELY(event->is_hidden))
        scope_words_put_special(&words, SCOPE_SPECIAL_REDACTED);
    else
        scope_words_put(&words, event->value);
    if (SCOPE_UNLIKELY(words.has_cut && slots < SCOPE_MAX_EVENT_SLOTS))
        return 0;
    return scope_words_finish(&words, record, event->site, event->kind, 0);
}

/* GIL held; allocates as scope_words_put() does; leaves exceptions as they are. */
static uint32_t fill_value(const struct scope_long_event *event, const struct scope_writer *w,
                           struct scope_record *record, uint32_t slots) {
    return put_value((const struct value_event *)event, w, record, slots);
}

/* GIL held; does not allocate; borrowed. What an asynchronous generator yields, which the interpreter has wrapped. */
static inline PyObject *unwrapped(uint32_t kind, PyObject *value) {
    if (kind == SCOPE_YIELD && Py_TYPE(value) == scope_layout.yielded)
        return (PyObject *)(uintptr_t)scope_word_at(value, 16);
    return value;
}

/* GIL held; may find file space and, after a gap, allocates frame objects; allocates as scope_words_put() does; leaves
 * exceptions as they are. A return or a yield of code whose values are told. As scope_write(), or scope_write_left(). */
void scope_tell_value(uint32_t kind, uint32_t site, uint32_t flags, PyObject *value, bool left) {
    struct scope_writer *w = scope_tls;
    if (value == Py_None) {
        const uint32_t head = scope_head(kind, kind == SCOPE_YIELD ? SCOPE_YIELD_IS_NONE : SCOPE_RETURN_IS_NONE, 0);
        if (left)
            scope_write_left(site, head);
        else
            scope_write(site, head, NULL);
        return;
    }
    const bool is_hidden = flags & SCOPE_CODE_HIDDEN_RESULT && Py_TYPE(value) != &PyBool_Type;
    const struct value_event event = {{fill_value}, unwrapped(kind, value), kind, site, is_hidden};
    uint32_t slots = 0;
    if (SCOPE_LIKELY(w && w->next < w->limit))
        slots = put_value(&event, w, &w->records[w->next], scope_room(w));
    if (SCOPE_LIKELY(slots))
        scope_publish(w, slots);
    else
        scope_write_long_slowly(&event.event, NULL, left);
}
