/* DER (X.690 10 and 11): a strict reader and a writer.
 *
 * Reading: `der_well_formed` walks a whole object once, so that what is malformed is known before anything is believed;
 * the `der_take_` functions then descend it item by item, on cursors that cannot leave the item that they are in.
 * Nesting is bounded by DER_DEPTH_MAX in the walk, and by the code itself in the descent: nothing recurses.
 *
 * BER is refused: indefinite lengths, lengths that are longer than needed, strings in pieces, integers with needless
 * octets, BOOLEANs but 00 and FF, unused bits that are not zero. Tag numbers over 30 are not used by CMS and are
 * refused. The order of a SET OF is judged only where DER is needed for a hash (der_set_is_sorted; RFC 5652 5.4): the
 * order of certificates and RecipientInfos carries nothing, and peers write them as they come (protocol.md 2.4).
 *
 * Writing goes backwards, from the last byte to the first, so that every length is known when its header is written. */
#ifndef SIPSEAL_CMS_DER_H
#define SIPSEAL_CMS_DER_H

#include "cms/oid.h"
#include "sipseal/bytes.h"

enum {
    DER_DEPTH_MAX = 24,           /* a signingCertificateV2 with an issuer's name reaches 18 */
    DER_LENGTH_MAX = 0x0fffffff,  /* of one item's content */
};

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
};
#define DER_CONTEXT(n) (0x80 | (n))             /* [n] IMPLICIT of a primitive type */
#define DER_CONTEXT_CONSTRUCTED(n) (0xa0 | (n)) /* [n] EXPLICIT, or IMPLICIT of a constructed type */

struct der {
    uint8_t tag;
    struct span content;
    struct span whole; /* with tag and length */
};

/* --- reading --- */

/* Whether `s` is exactly one well-formed item, down to its leaves. */
bool der_well_formed(struct span s);

/* Whether the items in the content of a SET OF ascend as DER wants them (X.690 11.6). Equal items may follow each
 * other. */
bool der_set_is_sorted(struct span content);

/* The order of two items in a SET OF: less than, equal to or greater than zero. */
int der_compare(struct span a, struct span b);

/* Each takes one item and returns true, or takes nothing and returns false. */
bool der_take(struct cursor *c, struct der *item);
bool der_take_tag(struct cursor *c, uint8_t tag, struct der *item);
/* The inside of the item becomes `*inside`; `inside` may be `c` to go on within it alone. */
bool der_enter(struct cursor *c, uint8_t tag, struct cursor *inside);
bool der_take_content(struct cursor *c, uint8_t tag, struct span *content);
/* An INTEGER from 0 to 2^31 - 1. */
bool der_take_small(struct cursor *c, uint32_t *value);
/* An OBJECT IDENTIFIER; OID_UNKNOWN for one that is not in the table. */
bool der_take_oid(struct cursor *c, enum oid *oid);
/* A BIT STRING of whole octets. */
bool der_take_bits(struct cursor *c, struct span *octets);
/* UTCTime or GeneralizedTime to the second and in Z, as seconds since 1970 (RFC 5652 11.3). */
bool der_take_time(struct cursor *c, int64_t *seconds);

static inline bool der_next_is(const struct cursor *c, uint8_t tag)
{
    return cursor_peek(c) == tag;
}

/* An AlgorithmIdentifier (RFC 5280 4.1.1.2). */
struct der_algorithm {
    enum oid oid;
    struct span parameters; /* DER; empty when absent */
    struct span whole;
};
bool der_take_algorithm(struct cursor *c, struct der_algorithm *algorithm);
/* Whether the parameters are absent, or NULL. */
bool der_no_parameters(const struct der_algorithm *algorithm);

/* --- writing --- */

/* Fills `cap` bytes at `at` from the end: what is put first stands last. `start` is where the written part begins. What
 * does not fit is not written, and `full` is set and stays set. */
struct der_writer {
    uint8_t *at;
    size_t cap;
    size_t start;
    bool full;
};

struct der_writer der_writer_over(void *at, size_t cap);
struct span der_written(const struct der_writer *w);

/* Room for `len` bytes before what is written; null when there is none. */
uint8_t *der_room(struct der_writer *w, size_t len);
void der_put(struct der_writer *w, struct span s);

/* Everything put since the mark becomes the content of one item. */
size_t der_mark(const struct der_writer *w);
void der_wrap(struct der_writer *w, uint8_t tag, size_t mark);

void der_put_item(struct der_writer *w, uint8_t tag, struct span content);
void der_put_small(struct der_writer *w, uint32_t value);
void der_put_oid(struct der_writer *w, enum oid oid);
/* SEQUENCE { oid }: parameters absent. */
void der_put_algorithm(struct der_writer *w, enum oid oid);
void der_put_bits(struct der_writer *w, struct span octets);
/* UTCTime until 2049, GeneralizedTime after (RFC 5652 11.3). */
void der_put_time(struct der_writer *w, int64_t seconds);

/* The items in the order of DER's SET OF; `items` is sorted in place. */
void der_put_set_of(struct der_writer *w, uint8_t tag, struct span *items, size_t count);

#endif
