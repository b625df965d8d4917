#include <stdlib.h>

#include "service/archive.h"
#include "sipseal/aead.h"
#include "sipseal/cms.h"
#include "sipseal/digest.h"
#include "sipseal/random.h"

_Static_assert((int)ARCHIVE_KEY_LEN == (int)AEAD_KEY_LEN && (int)ARCHIVE_NONCE_LEN == (int)AEAD_NONCE_LEN &&
                   (int)ARCHIVE_TAG_LEN == (int)AEAD_TAG_LEN,
               "records are sealed with AES-256-GCM");

struct archive_sealer {
    struct certificate *reader[ARCHIVE_READERS_MAX];
    size_t reader_count;
    bool live; /* an epoch is under way */
    uint8_t key[ARCHIVE_KEY_LEN];
    uint8_t epoch[ARCHIVE_EPOCH_ID_LEN];
    uint8_t *sealed_key; /* owned */
    size_t sealed_key_len;
    uint32_t records; /* that the epoch has: the number in the next nonce */
    int64_t begun;
};

struct archive_sealer *archive_sealer_new(struct certificate *const *readers, size_t reader_count)
{
    if (reader_count == 0 || reader_count > ARCHIVE_READERS_MAX)
        return NULL;
    struct archive_sealer *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    for (size_t i = 0; i < reader_count; i++)
        s->reader[s->reader_count++] = certificate_hold(readers[i]);
    return s;
}

void archive_sealer_free(struct archive_sealer *s)
{
    if (!s)
        return;
    archive_sealer_end_epoch(s);
    for (size_t i = 0; i < s->reader_count; i++)
        certificate_release(s->reader[i]);
    free(s);
}

/* --- epochs --- */

bool archive_sealer_holds_key(const struct archive_sealer *s)
{
    return s->live;
}

void archive_sealer_end_epoch(struct archive_sealer *s)
{
    bytes_wipe(s->key, sizeof s->key);
    free(s->sealed_key);
    s->sealed_key = NULL;
    s->sealed_key_len = 0;
    s->records = 0;
    s->live = false;
}

static bool epoch_is_spent(const struct archive_sealer *s, int64_t now)
{
    /* A clock that went back ends it too: nobody knows how long it has lasted. */
    return !s->live || s->records >= ARCHIVE_EPOCH_RECORDS || now < s->begun ||
           now - s->begun >= ARCHIVE_EPOCH_SECONDS;
}

static enum rule keep_sealed_key(struct archive_sealer *s, struct span der)
{
    if (der.len == 0 || der.len > ARCHIVE_EPOCH_KEY_MAX)
        return RULE_INTERNAL;
    s->sealed_key = malloc(der.len);
    if (!s->sealed_key)
        return RULE_NO_MEMORY;
    memcpy(s->sealed_key, der.at, der.len);
    s->sealed_key_len = der.len;
    return RULE_OK;
}

static enum rule begin_epoch(struct archive_sealer *s, int64_t now, struct arena *arena)
{
    struct span der;
    archive_sealer_end_epoch(s);
    size_t mark = arena_mark(arena);
    enum rule rule = random_bytes(s->key, sizeof s->key) && random_bytes(s->epoch, sizeof s->epoch) ? RULE_OK
                                                                                                      : RULE_NO_RANDOM;
    if (rule == RULE_OK)
        rule = cms_seal(arena, s->reader, s->reader_count, span_of(s->key, sizeof s->key), &der);
    if (rule == RULE_OK)
        rule = keep_sealed_key(s, der);
    arena_rewind(arena, mark);
    if (rule != RULE_OK) {
        archive_sealer_end_epoch(s);
        return rule;
    }
    s->begun = now;
    s->live = true;
    return RULE_OK;
}

/* --- the clear part --- */

static const struct verdict_part *part_of(const struct verdict *verdict, const struct disclosed_part *disclosed)
{
    return disclosed->part < verdict->part_count ? &verdict->part[disclosed->part] : NULL;
}

static bool is_proven(const struct verdict_part *part)
{
    return part->signature == RULE_OK && part->proof != PROOF_NONE;
}

/* The part that speaks for the message: an archive must not call proven what is so only in part. */
static const struct verdict_part *speaking_part(const struct verdict *verdict, const struct disclosed *disclosed)
{
    for (size_t i = 0; i < disclosed->count; i++)
        if (!is_proven(part_of(verdict, &disclosed->part[i])))
            return part_of(verdict, &disclosed->part[i]);
    return part_of(verdict, &disclosed->part[0]);
}

/* A URI without an address-of-record (tel:, urn:) stays as it stands. */
static struct span address_of_record(struct arena *arena, struct span uri, bool *ok)
{
    struct writer w = arena_writer(arena, uri.len + sizeof "sips:");
    if (w.full)
        *ok = false;
    return sip_write_aor(&w, uri) && !w.full ? writer_span(&w) : uri;
}

static void hash_block(struct sha256 *h, struct span s)
{
    uint8_t len[4];
    struct writer w = writer_over(len, sizeof len);
    writer_u32(&w, (uint32_t)s.len);
    sha256_more(h, writer_span(&w));
    sha256_more(h, s);
}

static void hash_number(struct sha256 *h, uint32_t number)
{
    uint8_t bytes[4];
    struct writer w = writer_over(bytes, sizeof bytes);
    writer_u32(&w, number);
    sha256_more(h, writer_span(&w));
}

/* What honest copies of a message have in common (protocol.md 2.1, Replay): the message that it is, and everything that
 * is archived of it, so that no copy with other content passes for archived. A signed part counts by its signer and
 * signed attributes, others by their bytes; the Request-URI, which forks change, is left out. */
static bool make_archive_key(const struct message_context *m, const struct verdict *verdict,
                             const struct disclosed *disclosed, uint8_t key[SHA256_LEN])
{
    struct sha256 h = {0};
    sha256_begin(&h);
    hash_number(&h, m->is_response ? m->status : 0);
    hash_number(&h, m->cseq);
    hash_block(&h, m->method);
    hash_block(&h, m->call_id);
    hash_block(&h, m->from_uri);
    hash_block(&h, m->from_tag);
    hash_block(&h, m->to_uri);
    for (size_t i = 0; i < disclosed->count; i++) {
        const struct verdict_part *part = part_of(verdict, &disclosed->part[i]);
        bool by_signature = is_proven(part) && part->has_replay_key;
        hash_number(&h, by_signature);
        hash_block(&h, span_text(part->cid));
        hash_block(&h, by_signature ? span_of(part->archive_key, sizeof part->archive_key)
                                    : disclosed->part[i].object);
    }
    return sha256_end(&h, key);
}

static enum rule describe(const struct message_outline *outline, const struct verdict *verdict,
                          const struct disclosed *disclosed, int64_t now, struct arena *arena,
                          struct archive_meta *meta)
{
    const struct message_context *m = &outline->source.context;
    const struct verdict_part *part = speaking_part(verdict, disclosed);
    bool ok = true;
    *meta = (struct archive_meta){
        .received = now,
        .method = m->method,
        .request_uri = address_of_record(arena, m->request_uri, &ok),
        .from = address_of_record(arena, m->from_uri, &ok),
        .to = address_of_record(arena, m->to_uri, &ok),
        .call_id = m->call_id,
        .cseq = m->cseq,
        .proof = part->proof,
        .signature = part->signature,
    };
    if (part->proof != PROOF_NONE)
        meta->signer = span_text(part->signer);
    for (size_t i = 0; i < disclosed->count; i++)
        meta->sealed |= part_of(verdict, &disclosed->part[i])->state == PART_OPENED;
    const struct span text[] = {meta->method, meta->request_uri, meta->from, meta->to, meta->call_id};
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
        if (text[i].len > ARCHIVE_TEXT_MAX)
            return RULE_MIME_SIZE;
    if (!ok)
        return RULE_NO_MEMORY;
    return make_archive_key(m, verdict, disclosed, meta->archive_key) ? RULE_OK : RULE_CRYPTO_LIBRARY;
}

/* --- the payload --- */

static size_t payload_size(const struct disclosed *disclosed)
{
    size_t size = 2; /* version and count */
    for (size_t i = 0; i < disclosed->count; i++)
        size += 4 + LABEL_CID_MAX + 4 + disclosed->part[i].object.len;
    return size;
}

static struct writer write_payload(const struct verdict *verdict, const struct disclosed *disclosed,
                                   struct arena *arena)
{
    struct writer w = arena_writer(arena, payload_size(disclosed));
    writer_u8(&w, ARCHIVE_PAYLOAD_VERSION);
    writer_u8(&w, (uint8_t)disclosed->count);
    for (size_t i = 0; i < disclosed->count; i++) {
        writer_block(&w, span_text(part_of(verdict, &disclosed->part[i])->cid));
        writer_block(&w, disclosed->part[i].object);
    }
    return w;
}

/* Under one key the nonce is the number of the record: it never comes twice. */
static enum rule encrypt(struct archive_sealer *s, struct span payload, struct arena *arena,
                         struct archive_record *record)
{
    size_t len = ARCHIVE_NONCE_LEN + payload.len + ARCHIVE_TAG_LEN;
    struct writer bound = arena_writer(arena, archive_record_room(record)), nonce;
    uint8_t *ciphertext = arena_take(arena, len);
    archive_bound_write(&bound, record);
    if (!ciphertext || bound.full)
        return RULE_NO_MEMORY;
    nonce = writer_over(ciphertext, ARCHIVE_NONCE_LEN);
    writer_u64(&nonce, 0);
    writer_u32(&nonce, s->records++);
    if (!aead_seal(s->key, ciphertext, writer_span(&bound), payload, ciphertext + ARCHIVE_NONCE_LEN))
        return RULE_CRYPTO_LIBRARY;
    record->ciphertext = span_of(ciphertext, len);
    return RULE_OK;
}

static bool is_consistent(const struct verdict *verdict, const struct disclosed *disclosed)
{
    bool fits = disclosed->count > 0 && disclosed->count <= VERDICT_PARTS_MAX;
    for (size_t i = 0; fits && i < disclosed->count; i++)
        fits = part_of(verdict, &disclosed->part[i]) != NULL;
    return fits;
}

enum rule archive_seal(struct archive_sealer *s, const struct message_outline *outline, const struct verdict *verdict,
                       const struct disclosed *disclosed, int64_t now, struct arena *arena,
                       struct archive_record *record)
{
    *record = (struct archive_record){0};
    if (!is_consistent(verdict, disclosed))
        return RULE_INTERNAL;
    enum rule rule = describe(outline, verdict, disclosed, now, arena, &record->meta);
    if (rule == RULE_OK && epoch_is_spent(s, now))
        rule = begin_epoch(s, now, arena);
    if (rule != RULE_OK)
        return rule;
    memcpy(record->epoch, s->epoch, sizeof record->epoch);
    bool ok;
    record->epoch_key = arena_copy(arena, span_of(s->sealed_key, s->sealed_key_len), &ok);
    struct writer payload = write_payload(verdict, disclosed, arena);
    if (!ok || payload.full)
        return RULE_NO_MEMORY;
    rule = encrypt(s, writer_span(&payload), arena, record);
    if (s->records >= ARCHIVE_EPOCH_RECORDS)
        archive_sealer_end_epoch(s);
    return rule;
}
