#include "sipseal/bytes.h"

#include <strings.h>

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool span_equal_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_equal(span_part(s, 0, prefix.len), prefix);
}

bool span_starts_nocase(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_equal_nocase(span_part(s, 0, prefix.len), prefix);
}

struct span span_part(struct span s, size_t from, size_t len)
{
    if (from >= s.len)
        return (struct span){s.at ? s.at + s.len : NULL, 0};
    size_t left = s.len - from;
    return (struct span){s.at + from, len < left ? len : left};
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && is_space(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

size_t span_find(struct span s, uint8_t byte)
{
    const uint8_t *found = s.len ? memchr(s.at, byte, s.len) : NULL;
    return found ? (size_t)(found - s.at) : s.len;
}

size_t span_find_span(struct span s, struct span needle)
{
    if (needle.len == 0)
        return 0;
    size_t from = 0;
    while (s.len - from >= needle.len) {
        size_t step = span_find(span_part(s, from, s.len), needle.at[0]);
        from += step;
        if (s.len - from < needle.len)
            break;
        if (memcmp(s.at + from, needle.at, needle.len) == 0)
            return from;
        from++;
    }
    return s.len;
}

bool span_decimal(struct span s, uint32_t max, uint32_t *value)
{
    uint64_t n = 0;
    if (s.len == 0 || s.len > 10)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(s.at[i] - '0');
    }
    if (n > max)
        return false;
    *value = (uint32_t)n;
    return true;
}

bool span_within(struct span inner, struct span outer)
{
    return inner.at >= outer.at && inner.len <= outer.len &&
           (size_t)(inner.at - outer.at) <= outer.len - inner.len;
}

bool cursor_take(struct cursor *c, size_t len, struct span *out)
{
    if (cursor_left(c) < len)
        return false;
    *out = (struct span){c->at, len};
    c->at += len;
    return true;
}

static bool take_integer(struct cursor *c, size_t len, uint64_t *value)
{
    struct span s;
    if (!cursor_take(c, len, &s))
        return false;
    *value = 0;
    for (size_t i = 0; i < len; i++)
        *value = *value << 8 | s.at[i];
    return true;
}

bool cursor_u8(struct cursor *c, uint8_t *value)
{
    uint64_t v;
    if (!take_integer(c, 1, &v))
        return false;
    *value = (uint8_t)v;
    return true;
}

bool cursor_u16(struct cursor *c, uint16_t *value)
{
    uint64_t v;
    if (!take_integer(c, 2, &v))
        return false;
    *value = (uint16_t)v;
    return true;
}

bool cursor_u32(struct cursor *c, uint32_t *value)
{
    uint64_t v;
    if (!take_integer(c, 4, &v))
        return false;
    *value = (uint32_t)v;
    return true;
}

bool cursor_u64(struct cursor *c, uint64_t *value)
{
    return take_integer(c, 8, value);
}

bool cursor_i64(struct cursor *c, int64_t *value)
{
    uint64_t v;
    if (!take_integer(c, 8, &v))
        return false;
    memcpy(value, &v, sizeof v);
    return true;
}

bool cursor_block(struct cursor *c, struct span *out)
{
    struct cursor start = *c;
    uint32_t len;
    if (cursor_u32(c, &len) && cursor_take(c, len, out))
        return true;
    *c = start;
    return false;
}

bool cursor_accept_span(struct cursor *c, struct span text)
{
    if (!span_starts(cursor_rest(c), text))
        return false;
    c->at += text.len;
    return true;
}

uint8_t *writer_room(struct writer *w, size_t len)
{
    if (w->full || w->cap - w->len < len) {
        w->full = true;
        return NULL;
    }
    uint8_t *room = w->at + w->len;
    w->len += len;
    return room;
}

void writer_put(struct writer *w, struct span s)
{
    uint8_t *room = writer_room(w, s.len);
    if (room && s.len)
        memcpy(room, s.at, s.len);
}

void writer_byte(struct writer *w, uint8_t byte)
{
    writer_put(w, (struct span){&byte, 1});
}

void writer_text(struct writer *w, const char *text)
{
    writer_put(w, span_text(text));
}

void writer_decimal(struct writer *w, uint64_t value)
{
    uint8_t digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value);
    writer_put(w, (struct span){digits + n, sizeof digits - n});
}

void writer_hex(struct writer *w, struct span s)
{
    static const char digit[] = "0123456789abcdef";
    if (s.len > SIZE_MAX / 2) {
        w->full = true;
        return;
    }
    uint8_t *room = writer_room(w, s.len * 2);
    for (size_t i = 0; room && i < s.len; i++) {
        room[2 * i] = (uint8_t)digit[s.at[i] >> 4];
        room[2 * i + 1] = (uint8_t)digit[s.at[i] & 15];
    }
}

static const char base64_digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void writer_base64(struct writer *w, struct span s)
{
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i < 3 ? s.len - i : 3;
        uint32_t group = (uint32_t)s.at[i] << 16;
        if (n > 1)
            group |= (uint32_t)s.at[i + 1] << 8;
        if (n > 2)
            group |= s.at[i + 2];
        uint8_t out[4] = {
            (uint8_t)base64_digit[group >> 18],
            (uint8_t)base64_digit[group >> 12 & 63],
            n > 1 ? (uint8_t)base64_digit[group >> 6 & 63] : '=',
            n > 2 ? (uint8_t)base64_digit[group & 63] : '=',
        };
        writer_put(w, (struct span){out, sizeof out});
    }
}

static void put_integer(struct writer *w, uint64_t value, size_t len)
{
    uint8_t *room = writer_room(w, len);
    for (size_t i = len; room && i-- > 0; value >>= 8)
        room[i] = (uint8_t)value;
}

void writer_u8(struct writer *w, uint8_t value)
{
    put_integer(w, value, 1);
}

void writer_u16(struct writer *w, uint16_t value)
{
    put_integer(w, value, 2);
}

void writer_u32(struct writer *w, uint32_t value)
{
    put_integer(w, value, 4);
}

void writer_u64(struct writer *w, uint64_t value)
{
    put_integer(w, value, 8);
}

void writer_i64(struct writer *w, int64_t value)
{
    put_integer(w, (uint64_t)value, 8);
}

void writer_block(struct writer *w, struct span s)
{
    if (s.len > UINT32_MAX) {
        w->full = true;
        return;
    }
    writer_u32(w, (uint32_t)s.len);
    writer_put(w, s);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct span text, uint8_t *out, size_t len)
{
    if (text.len % 2 || text.len / 2 != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(text.at[2 * i]), low = hex_value(text.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct span text, uint8_t *out, size_t *len)
{
    uint32_t group = 0;
    size_t digits = 0, padding = 0, n = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (is_space(c))
            continue;
        if (c == '=') {
            /* Padding ends the last group; RFC 4648 3.2 wants it, and nothing but white space after it. */
            if (digits % 4 < 2 || ++padding > 2)
                return false;
            group <<= 6;
            digits++;
        } else {
            int value = base64_value(c);
            if (value < 0 || padding)
                return false;
            group = group << 6 | (uint32_t)value;
            digits++;
        }
        if (digits % 4 == 0) {
            size_t bytes = 3 - padding;
            /* Bits that padding leaves over must be zero, or one content would have several encodings. */
            if ((padding == 1 && (group & 0xff)) || (padding == 2 && (group & 0xffff)))
                return false;
            for (size_t b = 0; b < bytes; b++)
                out[n++] = (uint8_t)(group >> (16 - 8 * b));
            group = 0;
        }
    }
    *len = n;
    return digits % 4 == 0;
}

void bytes_wipe(void *at, size_t len)
{
    if (len)
        explicit_bzero(at, len);
}

bool bytes_equal_secret(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < len; i++)
        difference |= (uint8_t)(x[i] ^ y[i]);
    return difference == 0;
}
