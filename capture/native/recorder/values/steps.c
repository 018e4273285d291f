/* Lines with what they did to the locals of their frame.
 *
 * A LINE is written before its line runs, and tells what the line before it has changed: of the slots that that line may
 * bind (code_slots.h), and of those that hold what may change while they stay bound, the ones of which something else
 * would be shown now. What the last line did is told by a LOCALS, just before the event that leaves the frame; what a
 * generator that goes on has by then, by one just behind its RESUME. The first LINE of a frame tells all that is bound.
 *
 * Looking comes first and keeps what it finds; then the event is filled, perhaps twice, where a chunk ends. */
#include "values/steps.h"

#include "values/activations.h"
#include "values/frame_locals.h"
#include "values/items.h"
#include "values/payload.h"

#define ROOM_OF_ONE 250u /* words that a value may have before those that follow go into an event of their own */
#define MOST_WIDTH 64u   /* MOST_SLOTS of code_slots.c as a set */

/* GIL held; does not allocate; borrowed; NULL = not bound. A cell may not be there yet, or be put away for a comprehension. */
static inline PyObject *held(const struct scope_code_slots *slots, const void *frame, uint32_t slot) {
    PyObject *value = scope_frame_local(frame, slot);
    if (SCOPE_UNLIKELY(slots->slot[slot].is_cell) && value && Py_TYPE(value) == scope_python.cell)
        return scope_cell_content(value);
    return value;
}

/* GIL held; does not allocate. Whether an object of that type may show other things later. */
static inline bool is_container(const PyTypeObject *type) {
    return type == &PyList_Type || type == &PyDict_Type || type == &PySet_Type || type == &PyTuple_Type;
}

/* GIL held; does not allocate. Whether other things may be shown of the same object later: of a tuple what its items hold. */
static inline bool is_changeable(PyObject *value) {
    if (SCOPE_LIKELY(!value || !is_container(Py_TYPE(value))))
        return false;
    if (Py_TYPE(value) != &PyTuple_Type)
        return true;
    struct scope_items items;
    scope_items_take(&items, value, SCOPE_CONTAINER_TUPLE);
    for (uint32_t i = 0; i < items.count; i++)
        if (is_container(Py_TYPE(items.items[i])))
            return true;
    return false;
}

/* GIL held; allocates as scope_words_key() does; leaves exceptions as they are. Whether a slot shows something else than at
 * the last look; from here on this is the last one. */
static inline bool differs(struct scope_activation *of, PyObject *value, uint32_t slot) {
    struct scope_seen *seen = &of->seen[slot];
    const uint64_t key = scope_words_key(value), bit = UINT64_C(1) << slot % SCOPE_SLOT_BITS;
    const bool is_same = seen->object == value;
    seen->object = value;
    if (key == seen->key)
        return false;
    seen->key = key;
    const uint32_t word = slot / SCOPE_SLOT_BITS;
    of->in_place[word] = is_same ? of->in_place[word] | bit : of->in_place[word] & ~bit;
    of->changeable[word] = is_changeable(value) ? of->changeable[word] | bit : of->changeable[word] & ~bit;
    return true;
}

/* GIL held; allocates as scope_words_key() does; leaves exceptions as they are. Finds out which slots have changed, of those
 * in `bound` and, after a loud line, those that hold what may change by itself; whether any has. */
static bool look(struct scope_activation *of, const struct scope_code_slots *slots, const void *frame,
                 const uint64_t *bound, bool is_loud) {
    const uint64_t changeable = is_loud ? ~UINT64_C(0) : 0;
    uint64_t any = 0;
    for (uint32_t word = 0; word < of->width; word++) {
        uint64_t changed = 0;
        for (uint64_t left = bound[word] | (of->changeable[word] & changeable); left; left &= left - 1) {
            const uint32_t bit = (uint32_t)__builtin_ctzll(left), slot = word * SCOPE_SLOT_BITS + bit;
            changed |= (uint64_t)differs(of, held(slots, frame, slot), slot) << bit;
        }
        of->changed[word] = changed;
        any |= changed;
    }
    return any;
}

struct change_event {
    struct scope_long_event event; /* the first field */
    const struct scope_code_slots *slots;
    const void *frame;
    const uint64_t *changed, *in_place; /* sets of slots */
    uint32_t line, kind, flags;
    uint32_t from;  /* slots before it have been told */
    uint32_t *next; /* where this event has stopped; the rest goes into another one */
};

/* GIL held; allocates as scope_words_put() does; leaves exceptions as they are. There is room for two words. */
static void put_change(struct scope_words *words, const struct change_event *event, uint32_t slot) {
    const struct scope_slot *of = &event->slots->slot[slot];
    PyObject *value = held(event->slots, event->frame, slot);
    const bool is_in_place = event->in_place[slot / SCOPE_SLOT_BITS] >> slot % SCOPE_SLOT_BITS & 1;
    const uint64_t change = !value ? SCOPE_CHANGE_UNBOUND : is_in_place ? SCOPE_CHANGE_IN_PLACE : SCOPE_CHANGE_BOUND;
    *words->next++ = change << 32 | of->name;
    if (value && of->is_hidden)
        scope_words_put_special(words, SCOPE_SPECIAL_REDACTED);
    else if (value)
        scope_words_put(words, value);
}

/* GIL held; allocates as scope_words_put() does; leaves exceptions as they are. How many slots of the chunk it takes; 0: it
 * needs more. */
static inline uint32_t put_changes(const struct change_event *event, const struct scope_writer *w,
                                   struct scope_record *record, uint32_t room) {
    struct scope_words words = scope_words_from(w, record, room);
    const bool is_all_there_is = room == SCOPE_MAX_EVENT_SLOTS;
    const uint64_t *first = words.next;
    uint32_t word = event->from / SCOPE_SLOT_BITS;
    uint64_t left = event->changed[word] & ~UINT64_C(0) << event->from % SCOPE_SLOT_BITS;
    *event->next = event->slots->count;
    for (;; left &= left - 1) {
        while (!left && ++word < event->slots->width)
            left = event->changed[word];
        if (!left)
            break;
        const uint32_t slot = word * SCOPE_SLOT_BITS + (uint32_t)__builtin_ctzll(left);
        if (is_all_there_is && words.next > first && words.end - words.next < ROOM_OF_ONE) {
            *event->next = slot;
            break;
        }
        if (words.end - words.next < 2)
            return 0;
        put_change(&words, event, slot);
    }
    if (words.has_cut && !is_all_there_is)
        return 0;
    return scope_words_finish(&words, record, event->line, event->kind, event->flags);
}

/* GIL held; allocates as scope_words_put() does; leaves exceptions as they are. */
static uint32_t fill_changes(const struct scope_long_event *event, const struct scope_writer *w,
                             struct scope_record *record, uint32_t slots) {
    return put_changes((const struct change_event *)event, w, record, slots);
}

/* GIL held, given up while a thread waits for space; may find file space and, after a gap, allocates frame objects; leaves
 * exceptions as they are. What is told in an event stands in sets of their own: while it waits, other threads may do away
 * with the activation. `is_begun`: the first event has been told, up to `next`; the rest is told of `line_that_did`. */
static SCOPE_NOT_INLINE void tell_slowly(struct change_event *event, bool is_begun, uint32_t line_that_did) {
    uint64_t changed[MOST_WIDTH], in_place[MOST_WIDTH];
    const uint32_t count = event->slots->count;
    memcpy(changed, event->changed, event->slots->width * sizeof *changed);
    memcpy(in_place, event->in_place, event->slots->width * sizeof *in_place);
    event->changed = changed;
    event->in_place = in_place;
    for (bool is_first = !is_begun; is_first || *event->next < count; is_first = false) {
        if (!is_first) {
            event->from = *event->next;
            event->kind = SCOPE_LOCALS;
            event->line = line_that_did;
        }
        *event->next = count; /* nothing is told where there is no room at all */
        scope_write_long_slowly(&event->event, NULL, false);
    }
}

/* GIL held, given up while a thread waits for space; may find file space and, after a gap, allocates frame objects; allocates
 * as scope_words_put() does; leaves exceptions as they are. `of`, of which something has changed, may be gone afterwards. */
static inline void tell(const struct scope_activation *of, const struct scope_code_slots *slots, const void *frame,
                        uint32_t line, uint32_t kind, uint32_t flags, uint32_t line_that_did) {
    uint32_t next = slots->count, room = 0;
    struct change_event event = {{fill_changes}, slots, frame, of->changed, of->in_place, line, kind, flags, 0, &next};
    struct scope_writer *w = scope_tls;
    if (SCOPE_LIKELY(w && w->next < w->limit && scope_room(w) > 1))
        room = put_changes(&event, w, &w->records[w->next], scope_room(w));
    if (SCOPE_LIKELY(room))
        scope_publish(w, room);
    if (SCOPE_UNLIKELY(!room || next < slots->count))
        tell_slowly(&event, room, line_that_did);
}

/* GIL not needed; does not allocate. */
static inline uint32_t restarts_of(const struct scope_writer *w) {
    return w->gaps + w->stacks_told;
}

/* GIL held; allocates plain memory; NULL when there is none. Of which all that is bound is to be told. */
static struct scope_activation *anew(const void *frame, const struct scope_code_slots *slots) {
    struct scope_activation *of = scope_activation_begin(frame, slots);
    if (of) {
        of->is_known = true;
        of->restarts = scope_tls ? restarts_of(scope_tls) : 0;
    }
    return of;
}

/* GIL held; does not allocate; borrowed; NULL = what runs in the frame is not what the event is of, or nothing is known. */
static inline const struct scope_code_slots *slots_of(const PyObject *code, const void *frame) {
    return scope_frame_code(frame) == code ? scope_code_slots_find(code) : NULL;
}

/* GIL not needed; does not allocate. Whether what was told of it is what a reader has. */
static inline bool is_current(const struct scope_activation *of) {
    return of && of->is_known && scope_tls && of->restarts == restarts_of(scope_tls);
}

/* GIL held; allocates as scope_words_key() does; leaves exceptions as they are. What the line that runs has changed. Where
 * the thread has written nothing since, no recorded code has run within it; what other code does to a list behind a quiet
 * line's back, as an operator of a library may, shows after the next loud one. */
static inline bool look_after_line(struct scope_activation *of, const struct scope_code_slots *slots,
                                   const void *frame) {
    const bool is_loud = scope_is_loud(slots, of->line) || scope_produced(scope_tls) != of->produced;
    return look(of, slots, frame, scope_bound_by(slots, of->line), is_loud);
}

/* GIL not needed; does not allocate. */
static inline bool is_left_out(void) {
    return scope_tls && (scope_tls->quiet || scope_tls->ended);
}

/* GIL held, given up while a thread waits for space; may allocate, as values and full chunks do; leaves exceptions as they
 * are. A line of code whose lines are recorded is about to run in `frame`. */
void scope_step_line(const PyObject *code, const void *frame, uint32_t line) {
    const struct scope_code_slots *slots = slots_of(code, frame);
    if (SCOPE_UNLIKELY(is_left_out()))
        return;
    struct scope_activation *of = slots ? scope_activation_of(frame, slots) : NULL;
    const bool is_first = !is_current(of);
    if (SCOPE_UNLIKELY(is_first))
        of = slots ? anew(frame, slots) : NULL;
    const uint32_t flags = is_first ? SCOPE_LINE_FIRST_KNOWN : 0;
    const uint32_t before = is_first ? line : of->line;
    const bool has_changed =
        of && (is_first ? look(of, slots, frame, slots->all, true) : look_after_line(of, slots, frame));
    if (of) {
        of->line = line;
        of->produced = scope_tls ? scope_produced(scope_tls) + 1 : 0; /* with this event, where that is one */
    }
    if (has_changed)
        tell(of, slots, frame, line, SCOPE_LINE, flags, before);
    else
        scope_write(line, scope_head(SCOPE_LINE, flags, 0), NULL);
}

/* GIL held; does not allocate. A call has begun in `frame`, where another one may have been of whose end nobody told. */
void scope_step_begins(const PyObject *code, const void *frame) {
    const struct scope_code_slots *slots = slots_of(code, frame);
    struct scope_activation *of = slots ? scope_activation_of(frame, slots) : NULL;
    if (of)
        of->is_known = false;
}

/* GIL held, given up while a thread waits for space; may allocate, as values and full chunks do; leaves exceptions as they
 * are. A generator or coroutine has gone on. */
void scope_step_goes_on(const PyObject *code, const void *frame) {
    const struct scope_code_slots *slots = slots_of(code, frame);
    if (!slots || is_left_out())
        return;
    struct scope_activation *of = scope_activation_of(frame, slots);
    const uint32_t line = of ? of->line : 0;
    of = anew(frame, slots);
    if (!of)
        return;
    of->line = line;
    if (look(of, slots, frame, slots->all, true))
        tell(of, slots, frame, line, SCOPE_LOCALS, SCOPE_LOCALS_FIRST_KNOWN, line);
    else
        scope_write(line, scope_head(SCOPE_LOCALS, SCOPE_LOCALS_FIRST_KNOWN, 0), NULL);
}

/* GIL held, given up while a thread waits for space; may allocate, as values and full chunks do; leaves exceptions as they
 * are. Before the event of this kind, which leaves the frame. */
void scope_step_leaves(const PyObject *code, const void *frame, uint32_t kind) {
    const struct scope_code_slots *slots = slots_of(code, frame);
    struct scope_activation *of = slots ? scope_activation_of(frame, slots) : NULL;
    if (!of || is_left_out())
        return;
    const uint32_t line = of->line;
    const bool is_told = is_current(of) && look_after_line(of, slots, frame);
    of->is_known = false;
    if (is_told)
        tell(of, slots, frame, line, SCOPE_LOCALS, 0, line);
    if (kind != SCOPE_YIELD)
        scope_activation_end(frame);
}
