/* Any bytes as DER: what is well-formed can be taken apart to its leaves and written again to the same bytes, and
 * OpenSSL takes it for one object too. Values that can be read are written so that they read the same. */
#include <stdlib.h>

#include <openssl/asn1.h>
#include <openssl/err.h>

#include "cms/der.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4096, CONSTRUCTED = 0x20 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void look_at_values(struct span item)
{
    uint8_t room[64];
    struct der_writer w = der_writer_over(room, sizeof room);
    struct cursor c = cursor_over(item);
    uint32_t number;
    int64_t seconds, again;
    enum oid oid;
    struct der_algorithm algorithm;
    struct span bits;
    if (der_take_small(&c, &number)) {
        der_put_small(&w, number);
        require(span_equal(der_written(&w), span_of(item.at, (size_t)(c.at - item.at))));
    } else if (der_take_oid(&c, &oid) && oid != OID_UNKNOWN) {
        der_put_oid(&w, oid);
        require(span_equal(der_written(&w), span_of(item.at, (size_t)(c.at - item.at))));
    } else if (der_take_time(&c, &seconds)) {
        der_put_time(&w, seconds);
        c = cursor_over(der_written(&w));
        require(der_take_time(&c, &again) && again == seconds);
    }
    c = cursor_over(item);
    if (der_take_bits(&c, &bits))
        require(span_within(bits, item) || bits.len == 0);
    c = cursor_over(item);
    if (der_take_algorithm(&c, &algorithm))
        require(algorithm.whole.at == item.at && algorithm.whole.len == item.len - cursor_left(&c) &&
                (span_within(algorithm.parameters, item) || algorithm.parameters.len == 0));
}

/* Writes the items again, from the last to the first. */
static void write_again(struct der_writer *w, struct span items, unsigned depth)
{
    struct span each[INPUT_MAX / 2];
    size_t count = 0;
    struct cursor c = cursor_over(items);
    struct der item;
    require(depth <= DER_DEPTH_MAX);
    for (; !cursor_done(&c); each[count++] = item.whole)
        require(count < sizeof each / sizeof *each && der_take(&c, &item) && span_within(item.whole, items));
    while (count-- > 0) {
        c = cursor_over(each[count]);
        require(der_take(&c, &item) && cursor_done(&c));
        look_at_values(item.whole);
        size_t mark = der_mark(w);
        if (item.tag & CONSTRUCTED)
            write_again(w, item.content, depth + 1);
        else
            der_put(w, item.content);
        der_wrap(w, item.tag, mark);
    }
}

static void look_at_sets(struct span items)
{
    struct span item[64];
    size_t count = 0;
    uint8_t *room = malloc(items.len + 16);
    struct der_writer w = der_writer_over(room, items.len + 16);
    struct cursor c = cursor_over(items);
    struct der one;
    while (count < 64 && der_take(&c, &one))
        item[count++] = one.whole;
    if (cursor_done(&c)) {
        der_put_set_of(&w, DER_SET, item, count);
        c = cursor_over(der_written(&w));
        require(!w.full && der_take_tag(&c, DER_SET, &one) && cursor_done(&c) && der_set_is_sorted(one.content));
        if (der_set_is_sorted(items))
            require(span_equal(one.content, items));
    }
    free(room);
}

static bool openssl_reads(struct span s)
{
    const unsigned char *at = s.at;
    ASN1_TYPE *type = d2i_ASN1_TYPE(NULL, &at, (long)s.len);
    bool read = type && at == s.at + s.len;
    ASN1_TYPE_free(type);
    ERR_clear_error();
    return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span s = span_of(data, size);
    static uint8_t room[INPUT_MAX + 16];
    if (size == 0 || size > INPUT_MAX)
        return 0;
    look_at_values(s);
    look_at_sets(s);
    if (!der_well_formed(s))
        return 0;
    struct der_writer w = der_writer_over(room, sizeof room);
    write_again(&w, s, 1);
    require(!w.full && span_equal(der_written(&w), s));
    /* OpenSSL looks into no constructed item here, and knows the universal types; others it takes as they are. */
    if (s.at[0] & CONSTRUCTED)
        require(openssl_reads(s));
    return 0;
}
