/* Sealed-For: binds content to the part that it stands in and to that part's readers (protocol.md 2.1). */
#include "content_id.h"
#include "sealed_for.h"

enum { HASH_DIGITS = 2 * CERTIFICATE_HASH_LEN };

static bool listed(const struct sealed_for *s, const uint8_t hash[CERTIFICATE_HASH_LEN])
{
    for (size_t i = 0; i < s->reader_count; i++)
        if (memcmp(s->reader[i], hash, CERTIFICATE_HASH_LEN) == 0)
            return true;
    return false;
}

/* hash *(SP hash) DQUOTE; the cursor is past the opening quote. Entries are distinct: two entries for one reader would
 * leave room for a third that nobody named. */
static enum rule take_readers(struct cursor *c, struct sealed_for *s)
{
    do {
        struct span digits;
        uint8_t hash[CERTIFICATE_HASH_LEN];
        if (s->reader_count == CMS_READERS_MAX || !cursor_take(c, HASH_DIGITS, &digits) ||
            !hex_decode(digits, hash, sizeof hash))
            return RULE_CONTEXT_SYNTAX;
        if (listed(s, hash))
            return RULE_SEALED_FOR;
        memcpy(s->reader[s->reader_count++], hash, sizeof hash);
    } while (cursor_accept(c, ' '));
    return cursor_accept(c, '"') ? RULE_OK : RULE_CONTEXT_SYNTAX;
}

enum rule sealed_for_parse(struct span value, struct sealed_for *sealed_for)
{
    struct cursor c = cursor_over(value);
    *sealed_for = (struct sealed_for){0};
    if (content_id_take(&c, &sealed_for->cid) != RULE_OK || !cursor_accept(&c, ';'))
        return RULE_CONTEXT_SYNTAX;
    e2m_skip_space(&c);
    struct span name = span_part(cursor_rest(&c), 0, 7);
    if (!span_equal_nocase(name, SPAN("readers")))
        return RULE_CONTEXT_SYNTAX;
    c.at += name.len;
    e2m_skip_space(&c);
    if (!cursor_accept(&c, '='))
        return RULE_CONTEXT_SYNTAX;
    e2m_skip_space(&c);
    if (!cursor_accept(&c, '"'))
        return RULE_CONTEXT_SYNTAX;
    enum rule rule = take_readers(&c, sealed_for);
    e2m_skip_space(&c);
    return rule == RULE_OK && !cursor_done(&c) ? RULE_CONTEXT_SYNTAX : rule;
}

void sealed_for_write(struct writer *w, const struct sealed_for *s)
{
    writer_text(w, "Sealed-For: \"");
    writer_put(w, s->cid);
    writer_text(w, "\";readers=\"");
    for (size_t i = 0; i < s->reader_count; i++) {
        if (i > 0)
            writer_byte(w, ' ');
        writer_hex(w, span_of(s->reader[i], CERTIFICATE_HASH_LEN));
    }
    writer_text(w, "\"\r\n");
}

enum rule sealed_for_check(const struct sealed_for *sealed_for, struct span cid, const struct certificate *self,
                           size_t encrypted_keys)
{
    bool fits = cid.len > 0 && span_equal(sealed_for->cid, cid) && (!self || listed(sealed_for, self->hash)) &&
                sealed_for->reader_count == encrypted_keys;
    return fits ? RULE_OK : RULE_SEALED_FOR;
}
