#include "test.h"

#include "der_edit.h"

#include <stdlib.h>

#include "cms/der.h"

/* The number at the head of the path, and the path after it. */
static size_t step(const char **path)
{
    char *end;
    size_t number = strtoul(*path, &end, 10);
    assert_true(end != *path);
    *path = *end == '.' ? end + 1 : end;
    return number;
}

static struct der whole_item(struct span der)
{
    struct cursor c = cursor_over(der);
    struct der item;
    assert_true(der_take(&c, &item) && cursor_done(&c));
    return item;
}

static struct span child(struct span der, size_t number)
{
    struct cursor c = cursor_over(whole_item(der).content);
    struct der item;
    do
        assert_true(der_take(&c, &item));
    while (number-- > 0);
    return item.whole;
}

struct span der_at(struct span der, const char *path)
{
    while (*path)
        der = child(der, step(&path));
    return der;
}

struct span der_replace(struct arena *arena, struct span der, const char *path, struct span bytes)
{
    if (!*path)
        return bytes;
    struct der item = whole_item(der);
    struct span old = child(der, step(&path)), fresh = der_replace(arena, old, path, bytes);
    size_t room = der.len + fresh.len + 16, before = (size_t)(old.at - item.content.at);
    struct der_writer w = der_writer_over(arena_take(arena, room), room);
    size_t mark = der_mark(&w);
    der_put(&w, span_part(item.content, before + old.len, item.content.len));
    der_put(&w, fresh);
    der_put(&w, span_part(item.content, 0, before));
    der_wrap(&w, item.tag, mark);
    assert_false(w.full);
    return der_written(&w);
}

struct span der_flip(struct arena *arena, struct span der, const char *path, int offset)
{
    struct span copy = arena_copy(arena, der, NULL), content = whole_item(der_at(copy, path)).content;
    assert_non_null(copy.at);
    size_t at = offset >= 0 ? (size_t)offset : content.len - (size_t)-offset;
    assert_true(at < content.len);
    ((uint8_t *)(uintptr_t)content.at)[at] ^= 1;
    return copy;
}
