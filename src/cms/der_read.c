#include "cms/der.h"

#include "sipseal/clock.h"

enum { LONG_FORM = 0x80, TAG_NUMBER = 0x1f, CONSTRUCTED = 0x20, CLASS = 0xc0 };

/* Definite, and in the fewest octets (X.690 10.1). */
static bool take_length(struct cursor *c, size_t *len)
{
    uint8_t first, octet;
    if (!cursor_u8(c, &first))
        return false;
    if (first < LONG_FORM) {
        *len = first;
        return true;
    }
    size_t count = first & 0x7f, value = 0;
    if (count == 0 || count > 4) /* 0 is the indefinite form */
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!cursor_u8(c, &octet) || (i == 0 && octet == 0))
            return false;
        value = value << 8 | octet;
    }
    *len = value;
    return value >= LONG_FORM && value <= DER_LENGTH_MAX;
}

bool der_take(struct cursor *c, struct der *item)
{
    struct cursor at = *c;
    size_t len;
    if (!cursor_u8(&at, &item->tag) || (item->tag & TAG_NUMBER) == TAG_NUMBER || !take_length(&at, &len) ||
        !cursor_take(&at, len, &item->content))
        return false;
    item->whole = span_of(c->at, (size_t)(at.at - c->at));
    *c = at;
    return true;
}

bool der_take_tag(struct cursor *c, uint8_t tag, struct der *item)
{
    return der_next_is(c, tag) && der_take(c, item);
}

bool der_take_content(struct cursor *c, uint8_t tag, struct span *content)
{
    struct der item;
    if (!der_take_tag(c, tag, &item))
        return false;
    *content = item.content;
    return true;
}

bool der_enter(struct cursor *c, uint8_t tag, struct cursor *inside)
{
    struct span content;
    if (!der_take_content(c, tag, &content))
        return false;
    *inside = cursor_over(content);
    return true;
}

/* At least one octet, and no first octet that only repeats the sign (X.690 8.3.2). */
static bool integer_is_minimal(struct span s)
{
    if (s.len == 0)
        return false;
    return s.len == 1 || !((s.at[0] == 0x00 && s.at[1] < 0x80) || (s.at[0] == 0xff && s.at[1] >= 0x80));
}

bool der_take_small(struct cursor *c, uint32_t *value)
{
    struct cursor at = *c;
    struct span s;
    if (!der_take_content(&at, DER_INTEGER, &s) || !integer_is_minimal(s) || s.len > 4 || s.at[0] >= 0x80)
        return false;
    *value = 0;
    for (size_t i = 0; i < s.len; i++)
        *value = *value << 8 | s.at[i];
    *c = at;
    return true;
}

bool der_take_oid(struct cursor *c, enum oid *oid)
{
    struct span s;
    if (!der_take_content(c, DER_OID, &s))
        return false;
    *oid = oid_of(s);
    return true;
}

bool der_take_bits(struct cursor *c, struct span *octets)
{
    struct cursor at = *c;
    struct span s;
    if (!der_take_content(&at, DER_BIT_STRING, &s) || s.len == 0 || s.at[0] != 0)
        return false;
    *octets = span_part(s, 1, s.len);
    *c = at;
    return true;
}

/* Two digits of a time. */
static bool take_two(struct cursor *c, int *value)
{
    struct span s;
    uint32_t number;
    if (!cursor_take(c, 2, &s) || !span_decimal(s, 99, &number))
        return false;
    *value = (int)number;
    return true;
}

bool der_take_time(struct cursor *c, int64_t *seconds)
{
    struct cursor at = *c, in;
    int century = -1, year, month, day, hour, minute, second;
    bool utc = der_enter(&at, DER_UTC_TIME, &in);
    if (!utc && (!der_enter(&at, DER_GENERALIZED_TIME, &in) || !take_two(&in, &century)))
        return false;
    if (!take_two(&in, &year) || !take_two(&in, &month) || !take_two(&in, &day) || !take_two(&in, &hour) ||
        !take_two(&in, &minute) || !take_two(&in, &second) || !cursor_accept(&in, 'Z') || !cursor_done(&in))
        return false;
    if (utc)
        century = year >= 50 ? 19 : 20; /* RFC 5280 4.1.2.5.1 */
    if (!clock_from_civil(century * 100 + year, month, day, hour, minute, second, seconds))
        return false;
    *c = at;
    return true;
}

bool der_take_algorithm(struct cursor *c, struct der_algorithm *algorithm)
{
    struct cursor at = *c, in;
    struct der item, parameters = {0};
    if (!der_take_tag(&at, DER_SEQUENCE, &item))
        return false;
    in = cursor_over(item.content);
    if (!der_take_oid(&in, &algorithm->oid) || (!cursor_done(&in) && !der_take(&in, &parameters)) || !cursor_done(&in))
        return false;
    algorithm->parameters = parameters.whole;
    algorithm->whole = item.whole;
    *c = at;
    return true;
}

bool der_no_parameters(const struct der_algorithm *algorithm)
{
    return algorithm->parameters.len == 0 || span_equal(algorithm->parameters, SPAN("\x05\x00"));
}

/* Base-128 groups without padding, the last one ended (X.690 8.19). */
static bool oid_is_well_formed(struct span s)
{
    bool first = true;
    for (size_t i = 0; i < s.len; i++) {
        if (first && s.at[i] == 0x80)
            return false;
        first = s.at[i] < 0x80;
    }
    return s.len > 0 && first;
}

static bool bits_are_well_formed(struct span s)
{
    if (s.len == 0 || s.at[0] > 7 || (s.len == 1 && s.at[0] != 0))
        return false;
    return s.len == 1 || (s.at[s.len - 1] & ((1u << s.at[0]) - 1)) == 0; /* unused bits are zero, X.690 11.2.1 */
}

/* A leaf of the universal class. Other classes say nothing of their content. */
static bool leaf_is_well_formed(const struct der *item)
{
    if (item->tag & CLASS)
        return true;
    switch (item->tag) {
    case 0x00: /* the end of an indefinite length */
    case 0x0f: /* reserved */
    case DER_SEQUENCE & TAG_NUMBER:
    case DER_SET & TAG_NUMBER: /* these have an inside */
        return false;
    case DER_BOOLEAN:
        return item->content.len == 1 && (item->content.at[0] == 0x00 || item->content.at[0] == 0xff);
    case DER_INTEGER:
    case 0x0a: /* ENUMERATED */
        return integer_is_minimal(item->content);
    case DER_BIT_STRING:
        return bits_are_well_formed(item->content);
    case DER_NULL:
        return item->content.len == 0;
    case DER_OID:
        return oid_is_well_formed(item->content);
    default:
        return true;
    }
}

/* Of the universal class only SEQUENCE and SET have an inside: strings in pieces are BER. */
static bool may_have_inside(uint8_t tag)
{
    return tag & CLASS || tag == DER_SEQUENCE || tag == DER_SET;
}

bool der_well_formed(struct span s)
{
    struct cursor inside[DER_DEPTH_MAX];
    struct cursor top = cursor_over(s);
    struct der item;
    size_t depth = 0;
    if (!der_take(&top, &item) || !cursor_done(&top))
        return false;
    for (;;) {
        if (item.tag & CONSTRUCTED) {
            if (!may_have_inside(item.tag) || depth == DER_DEPTH_MAX)
                return false;
            inside[depth++] = cursor_over(item.content);
        } else if (!leaf_is_well_formed(&item)) {
            return false;
        }
        while (depth && cursor_done(&inside[depth - 1]))
            depth--;
        if (!depth)
            return true;
        if (!der_take(&inside[depth - 1], &item))
            return false;
    }
}

/* Complete items differ before either ends, unless they are equal: what pads the shorter one does not matter. */
int der_compare(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.at, b.at, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool der_set_is_sorted(struct span content)
{
    struct cursor c = cursor_over(content);
    struct der item;
    struct span before = {0};
    while (!cursor_done(&c)) {
        if (!der_take(&c, &item) || der_compare(before, item.whole) > 0)
            return false;
        before = item.whole;
    }
    return true;
}
