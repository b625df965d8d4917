/* Bytes from outside and bytes to be sent.
 *
 * A `span` borrows bytes, a `cursor` reads them, a `writer` makes them. Every byte that comes from a socket, a file or
 * another process is read through a cursor, which never passes its end; every byte that is composed goes through a
 * writer, which never passes its capacity. Neither owns memory: whoever owns the bytes keeps them alive.
 *
 * Integers are big-endian, as on the wire. */
#ifndef SIPSEAL_BYTES_H
#define SIPSEAL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `len` bytes at `at`, borrowed. The empty span may have a null `at`. */
struct span {
    const uint8_t *at;
    size_t len;
};

/* The span of a string literal, without its terminator. */
#define SPAN(literal) ((struct span){(const uint8_t *)("" literal), sizeof(literal) - 1})
/* The same, where a constant expression is wanted (static tables). */
#define SPAN_INIT(literal) {(const uint8_t *)("" literal), sizeof(literal) - 1}
/* For printf: `"%.*s", SPAN_ARGS(s)`. */
#define SPAN_ARGS(s) (int)(s).len, (const char *)(s).at

static inline struct span span_of(const void *at, size_t len)
{
    return (struct span){at, len};
}

static inline struct span span_text(const char *text)
{
    return (struct span){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Equal when ASCII letters are compared without regard to case. */
bool span_equal_nocase(struct span a, struct span b);

bool span_starts(struct span s, struct span prefix);
bool span_starts_nocase(struct span s, struct span prefix);

/* The part of `s` from `from`, at most `len` bytes of it; empty when `from` is past the end. */
struct span span_part(struct span s, size_t from, size_t len);

/* `s` without spaces, tabs, CR and LF at either end (SIP's LWS, RFC 3261 25.1). */
struct span span_trim(struct span s);

/* The offset of the first `byte` in `s`, or `s.len`. */
size_t span_find(struct span s, uint8_t byte);

/* The offset of the first occurrence of `needle` in `s`, or `s.len`. An empty needle is found at 0. */
size_t span_find_span(struct span s, struct span needle);

/* A decimal number of 1 to 10 digits that is at most `max`, and nothing else. */
bool span_decimal(struct span s, uint32_t max, uint32_t *value);

/* Whether `inner` lies wholly inside `outer`'s bytes. */
bool span_within(struct span inner, struct span outer);

/* --- reading --- */

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static inline struct cursor cursor_over(struct span s)
{
    return (struct cursor){s.at, s.len ? s.at + s.len : s.at};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

static inline bool cursor_done(const struct cursor *c)
{
    return c->at == c->end;
}

/* What is left, as a span; the cursor stays. */
static inline struct span cursor_rest(const struct cursor *c)
{
    return (struct span){c->at, cursor_left(c)};
}

/* Each takes its bytes and returns true, or takes nothing and returns false. */
bool cursor_take(struct cursor *c, size_t len, struct span *out);
bool cursor_u8(struct cursor *c, uint8_t *value);
bool cursor_u16(struct cursor *c, uint16_t *value);
bool cursor_u32(struct cursor *c, uint32_t *value);
bool cursor_u64(struct cursor *c, uint64_t *value);
bool cursor_i64(struct cursor *c, int64_t *value);
/* A 32-bit length and as many bytes. */
bool cursor_block(struct cursor *c, struct span *out);
/* The next byte without taking it; -1 at the end. */
static inline int cursor_peek(const struct cursor *c)
{
    return c->at < c->end ? *c->at : -1;
}
/* Takes `byte` if it is next. */
static inline bool cursor_accept(struct cursor *c, uint8_t byte)
{
    if (c->at == c->end || *c->at != byte)
        return false;
    c->at++;
    return true;
}
/* Takes `text` if it is next. */
bool cursor_accept_span(struct cursor *c, struct span text);

/* --- writing --- */

/* Appends to `cap` bytes at `at`. What does not fit is not written at all, and `full` is set and stays set: compose
 * everything, then look at `full` once. */
struct writer {
    uint8_t *at;
    size_t len;
    size_t cap;
    bool full;
};

static inline struct writer writer_over(void *at, size_t cap)
{
    return (struct writer){at, 0, cap, at == NULL};
}

static inline struct span writer_span(const struct writer *w)
{
    return (struct span){w->at, w->len};
}

void writer_put(struct writer *w, struct span s);
void writer_byte(struct writer *w, uint8_t byte);
void writer_text(struct writer *w, const char *text);
void writer_decimal(struct writer *w, uint64_t value);
/* Lower-case hexadecimal. */
void writer_hex(struct writer *w, struct span s);
void writer_base64(struct writer *w, struct span s);
void writer_u8(struct writer *w, uint8_t value);
void writer_u16(struct writer *w, uint16_t value);
void writer_u32(struct writer *w, uint32_t value);
void writer_u64(struct writer *w, uint64_t value);
void writer_i64(struct writer *w, int64_t value);
/* The counterpart of cursor_block. */
void writer_block(struct writer *w, struct span s);
/* Room for `len` bytes that the caller fills at once; null (and `full`) when there is none. */
uint8_t *writer_room(struct writer *w, size_t len);

/* --- codings --- */

/* Exactly 2 * `len` hexadecimal digits of either case into `len` bytes. */
bool hex_decode(struct span text, uint8_t *out, size_t len);

/* RFC 4648 base64 with padding; CR, LF, space and tab between groups are passed over (RFC 2045 6.8); anything else
 * fails. Writes at most `text.len` * 3 / 4 bytes to `out`. */
bool base64_decode(struct span text, uint8_t *out, size_t *len);

/* --- secrets --- */

/* Overwrites in a way that the compiler keeps. */
void bytes_wipe(void *at, size_t len);

/* Compares `len` bytes in time that does not depend on them. */
bool bytes_equal_secret(const void *a, const void *b, size_t len);

#endif
