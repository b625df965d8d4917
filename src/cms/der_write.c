#include "cms/der.h"

#include "sipseal/clock.h"

struct der_writer der_writer_over(void *at, size_t cap)
{
    return (struct der_writer){at, cap, cap, at == NULL};
}

struct span der_written(const struct der_writer *w)
{
    return w->at ? span_of(w->at + w->start, w->cap - w->start) : (struct span){0};
}

uint8_t *der_room(struct der_writer *w, size_t len)
{
    if (w->full || w->start < len) {
        w->full = true;
        return NULL;
    }
    w->start -= len;
    return w->at + w->start;
}

void der_put(struct der_writer *w, struct span s)
{
    uint8_t *room = der_room(w, s.len);
    if (room && s.len)
        memcpy(room, s.at, s.len);
}

static void put_byte(struct der_writer *w, size_t byte)
{
    uint8_t *room = der_room(w, 1);
    if (room)
        *room = (uint8_t)byte;
}

size_t der_mark(const struct der_writer *w)
{
    return w->start;
}

void der_wrap(struct der_writer *w, uint8_t tag, size_t mark)
{
    size_t len = mark - w->start, count = 0;
    if (len < 0x80) {
        put_byte(w, len);
    } else {
        for (size_t rest = len; rest; rest >>= 8, count++)
            put_byte(w, rest & 0xff);
        put_byte(w, 0x80 | count);
    }
    put_byte(w, tag);
}

void der_put_item(struct der_writer *w, uint8_t tag, struct span content)
{
    size_t mark = der_mark(w);
    der_put(w, content);
    der_wrap(w, tag, mark);
}

void der_put_small(struct der_writer *w, uint32_t value)
{
    size_t mark = der_mark(w);
    uint32_t rest = value;
    do {
        put_byte(w, rest & 0xff);
        rest >>= 8;
    } while (rest);
    uint8_t first = w->full ? 0 : w->at[w->start];
    if (first >= 0x80) /* it would read as negative */
        put_byte(w, 0);
    der_wrap(w, DER_INTEGER, mark);
}

void der_put_oid(struct der_writer *w, enum oid oid)
{
    der_put_item(w, DER_OID, oid_octets(oid));
}

void der_put_algorithm(struct der_writer *w, enum oid oid)
{
    size_t mark = der_mark(w);
    der_put_oid(w, oid);
    der_wrap(w, DER_SEQUENCE, mark);
}

void der_put_bits(struct der_writer *w, struct span octets)
{
    size_t mark = der_mark(w);
    der_put(w, octets);
    put_byte(w, 0); /* no unused bits */
    der_wrap(w, DER_BIT_STRING, mark);
}

static void write_two(struct writer *w, int value)
{
    writer_byte(w, (uint8_t)('0' + value / 10 % 10));
    writer_byte(w, (uint8_t)('0' + value % 10));
}

void der_put_time(struct der_writer *w, int64_t seconds)
{
    struct civil t = clock_to_civil(seconds);
    uint8_t text[16];
    struct writer digits = writer_over(text, sizeof text);
    bool utc = t.year >= 1950 && t.year < 2050;
    if (!utc)
        write_two(&digits, t.year / 100);
    write_two(&digits, t.year % 100);
    write_two(&digits, t.month);
    write_two(&digits, t.day);
    write_two(&digits, t.hour);
    write_two(&digits, t.minute);
    write_two(&digits, t.second);
    writer_byte(&digits, 'Z');
    der_put_item(w, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME, writer_span(&digits));
}

void der_put_set_of(struct der_writer *w, uint8_t tag, struct span *items, size_t count)
{
    size_t mark = der_mark(w);
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && der_compare(items[j - 1], items[j]) > 0; j--) {
            struct span swap = items[j];
            items[j] = items[j - 1];
            items[j - 1] = swap;
        }
    for (size_t i = count; i-- > 0;)
        der_put(w, items[i]);
    der_wrap(w, tag, mark);
}
