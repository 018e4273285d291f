/* An event whose payload is words: its beginning and its end. */
#ifndef SCOPE_RECORDER_PAYLOAD_H
#define SCOPE_RECORDER_PAYLOAD_H

#include "values/words.h"
#include "writer.h"

/* GIL not needed; does not allocate. Ready for the words of an event that begins at `record`; nothing is at its head yet. */
static inline struct scope_words scope_words_from(const struct scope_writer *w, struct scope_record *record,
                                                  uint32_t slots) {
    uint64_t *first = (uint64_t *)(record + 1);
    scope_own_soon(record + SCOPE_RECORDS_AHEAD);
    return (struct scope_words){
        .next = first, .end = first + 2 * (slots - 1), .ticks = scope_ticks(), .chunk = w->chunk_number};
}

/* GIL not needed; does not allocate. Fills the head; how many slots the event has. Words are filled up to whole slots. */
static inline uint32_t scope_words_finish(struct scope_words *words, struct scope_record *record, uint32_t a,
                                          uint32_t kind, uint32_t flags) {
    const uint32_t count = (uint32_t)(words->next - (uint64_t *)(record + 1));
    if (count % 2)
        *words->next = 0;
    scope_fill(record, words->ticks, a, scope_head(kind, SCOPE_PAYLOAD | flags, 8 * count));
    return 1 + (count + 1) / 2;
}

#endif
