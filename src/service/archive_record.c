#include "service/archive.h"

/* The formats of the archive. They change only together with these numbers. */
enum { META_VERSION = 1, RECORD_VERSION = 1 };

static const char *const proof_names[] = {
    [PROOF_NONE] = "none",
    [PROOF_CONTENT] = "content",
    [PROOF_DOMAIN] = "domain",
    [PROOF_USER] = "user",
};
enum { PROOF_NAMES = sizeof proof_names / sizeof proof_names[0] };

const char *archive_proof_name(enum proof_kind proof)
{
    return (unsigned)proof < PROOF_NAMES ? proof_names[proof] : "none";
}

bool archive_proof_of(struct span name, enum proof_kind *proof)
{
    for (unsigned i = 0; i < PROOF_NAMES; i++)
        if (span_equal(name, span_text(proof_names[i]))) {
            *proof = (enum proof_kind)i;
            return true;
        }
    return false;
}

bool archive_rule_of(struct span name, enum rule *rule)
{
    for (unsigned i = 0; i < RULE_COUNT; i++)
        if (span_equal(name, span_text(rule_name((enum rule)i)))) {
            *rule = (enum rule)i;
            return true;
        }
    return false;
}

void archive_meta_write(struct writer *w, const struct archive_meta *meta)
{
    writer_u8(w, META_VERSION);
    writer_i64(w, meta->received);
    writer_block(w, meta->method);
    writer_block(w, meta->request_uri);
    writer_block(w, meta->from);
    writer_block(w, meta->to);
    writer_block(w, meta->call_id);
    writer_u32(w, meta->cseq);
    writer_block(w, meta->signer);
    writer_block(w, span_text(archive_proof_name(meta->proof)));
    writer_block(w, span_text(rule_name(meta->signature)));
    writer_u8(w, meta->sealed);
    writer_put(w, span_of(meta->archive_key, sizeof meta->archive_key));
}

static bool take_text(struct cursor *c, struct span *text)
{
    return cursor_block(c, text) && text->len <= ARCHIVE_TEXT_MAX;
}

static bool take_proof(struct cursor *c, struct archive_meta *meta)
{
    struct span proof, signature;
    return cursor_block(c, &proof) && archive_proof_of(proof, &meta->proof) && cursor_block(c, &signature) &&
           archive_rule_of(signature, &meta->signature);
}

static bool take_bytes(struct cursor *c, uint8_t *to, size_t len)
{
    struct span s;
    if (!cursor_take(c, len, &s))
        return false;
    memcpy(to, s.at, len);
    return true;
}

enum rule archive_meta_read(struct cursor *c, struct archive_meta *meta)
{
    uint8_t version, sealed;
    *meta = (struct archive_meta){0};
    bool read = cursor_u8(c, &version) && version == META_VERSION && cursor_i64(c, &meta->received) &&
                take_text(c, &meta->method) && take_text(c, &meta->request_uri) && take_text(c, &meta->from) &&
                take_text(c, &meta->to) && take_text(c, &meta->call_id) && cursor_u32(c, &meta->cseq) &&
                take_text(c, &meta->signer) && take_proof(c, meta) && cursor_u8(c, &sealed) && sealed <= 1 &&
                take_bytes(c, meta->archive_key, sizeof meta->archive_key);
    if (!read)
        return RULE_FILE_FORMAT;
    meta->sealed = sealed;
    return RULE_OK;
}

void archive_record_write(struct writer *w, const struct archive_record *record)
{
    writer_u8(w, RECORD_VERSION);
    archive_meta_write(w, &record->meta);
    writer_put(w, span_of(record->epoch, sizeof record->epoch));
    writer_block(w, record->epoch_key);
    writer_block(w, record->ciphertext);
}

size_t archive_record_room(const struct archive_record *record)
{
    const struct archive_meta *m = &record->meta;
    const size_t others = 512; /* numbers, lengths, names of rules, the key, the epoch, the mark of additional data */
    return others + m->method.len + m->request_uri.len + m->from.len + m->to.len + m->call_id.len + m->signer.len +
           record->epoch_key.len + record->ciphertext.len;
}

enum rule archive_record_read(struct cursor *c, struct archive_record *record)
{
    uint8_t version;
    *record = (struct archive_record){0};
    if (!cursor_u8(c, &version) || version != RECORD_VERSION ||
        archive_meta_read(c, &record->meta) != RULE_OK || !take_bytes(c, record->epoch, sizeof record->epoch) ||
        !cursor_block(c, &record->epoch_key) || !cursor_block(c, &record->ciphertext) || !cursor_done(c))
        return RULE_FILE_FORMAT;
    bool bounded = record->epoch_key.len > 0 && record->epoch_key.len <= ARCHIVE_EPOCH_KEY_MAX &&
                   record->ciphertext.len >= ARCHIVE_NONCE_LEN + ARCHIVE_TAG_LEN;
    return bounded ? RULE_OK : RULE_FILE_FORMAT;
}

void archive_bound_write(struct writer *w, const struct archive_record *record)
{
    writer_text(w, "sipseal archive record");
    writer_u8(w, RECORD_VERSION);
    writer_put(w, span_of(record->epoch, sizeof record->epoch));
    archive_meta_write(w, &record->meta);
}
