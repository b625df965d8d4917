#include "der_change.h"

#include <stdlib.h>

enum { CONSTRUCTED = 0x20 };

/* An item and those that it stands in, the outermost first. */
struct trail {
    struct der item[DER_DEPTH_MAX + 2];
    size_t depth;
};

/* Whether the item that is searched for is here. */
struct search {
    size_t number;   /* how many items are passed over before it; or */
    const uint8_t *at; /* where it begins; null: by number */
};

static bool is_it(struct search *search, const struct der *item)
{
    if (search->at)
        return item->whole.at == search->at;
    return search->number-- == 0;
}

static bool find(struct span items, struct search *search, struct trail *trail)
{
    struct cursor c = cursor_over(items);
    struct der item;
    while (der_take(&c, &item)) {
        if (trail->depth == sizeof trail->item / sizeof trail->item[0])
            return false;
        trail->item[trail->depth++] = item;
        if (is_it(search, &item) || (item.tag & CONSTRUCTED && find(item.content, search, trail)))
            return true;
        trail->depth--;
    }
    return false;
}

/* The object again, with `bytes` in place of the last item of the trail. */
static struct span rebuild(struct arena *arena, const struct trail *trail, struct span bytes)
{
    struct span fresh = bytes, old = trail->item[trail->depth - 1].whole;
    for (size_t i = trail->depth - 1; i-- > 0;) {
        const struct der *around = &trail->item[i];
        size_t before = (size_t)(old.at - around->content.at), room = around->whole.len + fresh.len + 16;
        uint8_t *at = arena_take(arena, room);
        if (!at)
            return (struct span){0};
        struct der_writer w = der_writer_over(at, room);
        size_t mark = der_mark(&w);
        der_put(&w, span_part(around->content, before + old.len, around->content.len));
        der_put(&w, fresh);
        der_put(&w, span_part(around->content, 0, before));
        der_wrap(&w, around->tag, mark);
        fresh = w.full ? (struct span){0} : der_written(&w);
        old = around->whole;
    }
    return fresh;
}

struct span der_put_in_place(struct arena *arena, struct span der, struct span old, struct span bytes)
{
    struct trail trail = {.depth = 0};
    return find(der, &(struct search){.at = old.at}, &trail) ? rebuild(arena, &trail, bytes) : (struct span){0};
}

enum change { CONTENT, REMOVE, REPLACE, TWICE, TAG, AFTER, TURN, COPY, CHANGES };

static void put_changed(struct der_writer *w, enum change change, const struct der *item, struct span bytes,
                        struct span other)
{
    uint8_t first = bytes.len ? bytes.at[0] : 0;
    switch (change) {
    case CONTENT:
        der_put_item(w, item->tag, bytes);
        break;
    case REPLACE:
        der_put(w, bytes);
        break;
    case TWICE:
        der_put(w, item->whole);
        der_put(w, item->whole);
        break;
    case TAG:
        der_put_item(w, first, item->content);
        break;
    case AFTER:
        der_put(w, bytes);
        der_put(w, item->whole);
        break;
    case COPY:
        der_put(w, other);
        break;
    case TURN: /* bits of one byte of the content */
        der_put(w, item->whole);
        if (bytes.len >= 2 && item->content.len)
            w->at[w->cap - 1 - first % item->content.len] ^= bytes.at[1];
        break;
    case REMOVE:
    case CHANGES:
        break;
    }
}

/* The item that a change copies from elsewhere in the object. */
static struct span other_item(struct span der, struct span bytes)
{
    struct trail trail = {.depth = 0};
    struct cursor c = cursor_over(bytes);
    uint16_t number;
    if (!cursor_u16(&c, &number) || !find(der, &(struct search){.number = number % 128}, &trail))
        return (struct span){0};
    return trail.item[trail.depth - 1].whole;
}

struct span der_change(struct arena *arena, struct span der, struct cursor *changes)
{
    uint8_t kind, len;
    uint16_t number;
    struct span bytes;
    for (size_t i = 0; i < DER_CHANGES_MAX; i++) {
        struct trail trail = {.depth = 0};
        if (!cursor_u8(changes, &kind) || !cursor_u16(changes, &number) || !cursor_u8(changes, &len))
            return der;
        if (!cursor_take(changes, len < cursor_left(changes) ? len : cursor_left(changes), &bytes) ||
            !find(der, &(struct search){.number = number % 256}, &trail))
            continue;
        const struct der *item = &trail.item[trail.depth - 1];
        struct span other = other_item(der, bytes);
        size_t room = 2 * item->whole.len + bytes.len + other.len + 16;
        uint8_t *at = arena_take(arena, room);
        if (!at)
            return der;
        struct der_writer w = der_writer_over(at, room);
        put_changed(&w, (enum change)(kind % CHANGES), item, bytes, other);
        struct span changed = rebuild(arena, &trail, der_written(&w));
        if (changed.len)
            der = changed;
    }
    return der;
}
