#include "ber.h"

#include "test.h"

enum {
    BER_DEPTH_MAX = 32,
    OID_TAG = 0x06,
    SEQUENCE_TAG = 0x30,
    STRING_PIECES = 0x24,
    IMPLICIT_PIECES = 0xa0,
    CONSTRUCTED = 0x20,
};

static size_t length_of(struct cursor *c, bool *indefinite)
{
    uint8_t first = 0, byte;
    size_t len = 0;
    assert_true(cursor_u8(c, &first));
    *indefinite = first == 0x80;
    if (first < 0x80)
        return first;
    for (int i = first & 0x7f; i > 0; i--) {
        assert_true(cursor_u8(c, &byte));
        len = len << 8 | byte;
    }
    return len;
}

static void put_header(struct writer *w, uint8_t tag, size_t len)
{
    writer_byte(w, tag);
    if (len >= 0x80)
        writer_byte(w, len > 0xff ? 0x82 : 0x81);
    if (len > 0xff)
        writer_byte(w, (uint8_t)(len >> 8));
    writer_byte(w, (uint8_t)len);
}

static void rewrite_one(struct arena *arena, struct cursor *c, struct writer *w, bool encrypted, bool bare, int depth);

static bool at_end(struct cursor *c, bool indefinite)
{
    if (!indefinite)
        return cursor_done(c);
    struct span rest = cursor_rest(c), zero;
    if (rest.len >= 2 && rest.at[0] == 0 && rest.at[1] == 0)
        return cursor_take(c, 2, &zero);
    return false;
}

/* EncryptedContentInfo has a type, an algorithm, and under an IMPLICIT tag the string whose pieces are to be joined; in
 * EncapsulatedContentInfo the tag comes second and is EXPLICIT. */
static void rewrite_children(struct arena *arena, struct cursor *c, bool indefinite, bool pieces, uint8_t tag,
                             struct writer *w, int depth)
{
    uint8_t first = 0;
    for (size_t i = 0; !at_end(c, indefinite); i++) {
        struct span rest = cursor_rest(c);
        assert_true(rest.len > 0);
        first = i == 0 ? rest.at[0] : first;
        rewrite_one(arena, c, w, tag == SEQUENCE_TAG && first == OID_TAG && i == 2, pieces, depth + 1);
    }
}

static void rewrite_one(struct arena *arena, struct cursor *c, struct writer *w, bool encrypted, bool bare, int depth)
{
    uint8_t tag = 0;
    bool indefinite;
    assert_true(depth < BER_DEPTH_MAX && cursor_u8(c, &tag));
    size_t len = length_of(c, &indefinite);
    struct span content = {0};
    if (tag & CONSTRUCTED) {
        bool pieces = tag == STRING_PIECES || (encrypted && tag == IMPLICIT_PIECES);
        size_t room = cursor_rest(c).len * 2 + 64;
        struct writer inner = writer_over(arena_take(arena, room), room);
        struct cursor part = *c;
        if (!indefinite) {
            assert_true(cursor_take(c, len, &content));
            part = cursor_over(content);
        }
        rewrite_children(arena, &part, indefinite, pieces, tag, &inner, depth);
        if (indefinite)
            *c = part;
        assert_false(inner.full);
        content = writer_span(&inner);
        tag = pieces ? tag & (uint8_t)~CONSTRUCTED : tag;
    } else {
        assert_true(cursor_take(c, len, &content));
    }
    if (!bare)
        put_header(w, tag, content.len);
    writer_put(w, content);
}

struct span ber_in_der(struct arena *arena, struct span ber)
{
    struct cursor c = cursor_over(ber);
    size_t room = ber.len * 2 + 64;
    struct writer w = writer_over(arena_take(arena, room), room);
    rewrite_one(arena, &c, &w, false, false, 0);
    assert_true(cursor_done(&c) && !w.full);
    return writer_span(&w);
}
