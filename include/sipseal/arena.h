/* Memory for one message or one job, given back all at once.
 *
 * An arena is one block of fixed size, so what a message can cost is bounded before it is read. Nothing is freed alone.
 * `arena_reset` wipes what was used: plaintext lives in arenas. */
#ifndef SIPSEAL_ARENA_H
#define SIPSEAL_ARENA_H

#include "sipseal/bytes.h"

struct arena {
    uint8_t *at;
    size_t used;
    size_t cap;
    size_t fail_after; /* for tests: this many more allocations succeed; SIZE_MAX is no limit */
};

/* Takes `cap` bytes from the system. False when there is no memory. */
bool arena_open(struct arena *a, size_t cap);

/* Wipes and gives the block back. A zeroed arena may be closed. */
void arena_close(struct arena *a);

/* Wipes what was used and begins anew. */
void arena_reset(struct arena *a);

/* What was taken after the mark is wiped and can be taken again. */
size_t arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, size_t mark);

/* `len` zeroed bytes, aligned for any type; null when the arena is exhausted. */
void *arena_take(struct arena *a, size_t len);

/* A copy of `s`; `*ok` (may be null) tells whether there was room, since an empty span is a fair copy of an empty one. */
struct span arena_copy(struct arena *a, struct span s, bool *ok);

/* A zero-terminated copy of `s`; null when exhausted. */
char *arena_text(struct arena *a, struct span s);

/* A writer over `cap` fresh bytes; it is `full` from the start when there is no room. */
struct writer arena_writer(struct arena *a, size_t cap);

#endif
