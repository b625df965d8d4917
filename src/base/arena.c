#include "sipseal/arena.h"

#include <stdalign.h>
#include <stdlib.h>

bool arena_open(struct arena *a, size_t cap)
{
    *a = (struct arena){.at = calloc(1, cap), .cap = cap, .fail_after = SIZE_MAX};
    return a->at != NULL;
}

void arena_close(struct arena *a)
{
    arena_reset(a);
    free(a->at);
    *a = (struct arena){0};
}

void arena_reset(struct arena *a)
{
    arena_rewind(a, 0);
}

size_t arena_mark(const struct arena *a)
{
    return a->used;
}

void arena_rewind(struct arena *a, size_t mark)
{
    if (mark < a->used) {
        bytes_wipe(a->at + mark, a->used - mark);
        a->used = mark;
    }
}

void *arena_take(struct arena *a, size_t len)
{
    const size_t unit = alignof(max_align_t);
    if (a->fail_after == 0 || len > a->cap)
        return NULL;
    size_t need = (len + unit - 1) / unit * unit;
    if (a->cap - a->used < need)
        return NULL;
    if (a->fail_after != SIZE_MAX)
        a->fail_after--;
    void *taken = a->at + a->used;
    a->used += need;
    return taken;
}

struct span arena_copy(struct arena *a, struct span s, bool *ok)
{
    uint8_t *copy = arena_take(a, s.len);
    if (ok)
        *ok = copy != NULL;
    if (!copy)
        return (struct span){0};
    if (s.len)
        memcpy(copy, s.at, s.len);
    return (struct span){copy, s.len};
}

char *arena_text(struct arena *a, struct span s)
{
    char *text = arena_take(a, s.len + 1);
    if (text && s.len)
        memcpy(text, s.at, s.len);
    return text;
}

struct writer arena_writer(struct arena *a, size_t cap)
{
    return writer_over(arena_take(a, cap), cap);
}
