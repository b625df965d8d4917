/* The message archive (use case 2.2.1): records encrypted for the archive's readers, by epoch keys.
 *
 * A vault makes an epoch key, seals it to the readers once, encrypts ARCHIVE_EPOCH_RECORDS records or for
 * ARCHIVE_EPOCH_SECONDS with it (AES-256-GCM), and wipes it. So neither the store nor the vault can read back what was
 * archived. What is in the clear (who, when, Call-ID, verdict) is bound to the ciphertext as additional data. */
#ifndef SIPSEAL_SERVICE_ARCHIVE_H
#define SIPSEAL_SERVICE_ARCHIVE_H

#include "sipseal/arena.h"
#include "sipseal/certificate.h"
#include "sipseal/middle.h"
#include "sipseal/rule.h"

enum {
    ARCHIVE_EPOCH_RECORDS = 1000,
    ARCHIVE_EPOCH_SECONDS = 600,
    ARCHIVE_EPOCH_ID_LEN = 16,
    ARCHIVE_READERS_MAX = 8,
    ARCHIVE_KEY_LEN = 32, /* AES-256 */
    ARCHIVE_NONCE_LEN = 12,
    ARCHIVE_TAG_LEN = 16,
    ARCHIVE_PAYLOAD_VERSION = 1, /* of what is encrypted */
    ARCHIVE_TEXT_MAX = 8192, /* bytes of one text in the clear part */
    ARCHIVE_EPOCH_KEY_MAX = 64 * 1024,
};

/* What stands in the clear beside a record. */
struct archive_meta {
    int64_t received; /* seconds */
    struct span method, request_uri, from, to, call_id; /* URIs as addresses-of-record */
    uint32_t cseq;
    struct span signer;      /* proven identity, or empty */
    enum proof_kind proof;
    enum rule signature;     /* RULE_OK, or why nothing is proven; RULE_SIGNATURE_ABSENT for a plain message */
    bool sealed;             /* it came sealed */
    uint8_t archive_key[32]; /* the same for honest copies of one message: archived once */
};

/* The bytes of the clear part: how it travels, and what the ciphertext is bound to. Numbers and words in it are those
 * of this format, not of the program that runs, so that an archive outlives changes of `enum rule`. Reading gives
 * RULE_FILE_FORMAT; spans point into what was read. */
void archive_meta_write(struct writer *w, const struct archive_meta *meta);
enum rule archive_meta_read(struct cursor *c, struct archive_meta *meta);

/* The words for a proof in an archive: "none", "content", "domain", "user". A signature is named by rule_name. */
const char *archive_proof_name(enum proof_kind proof);
bool archive_proof_of(struct span name, enum proof_kind *proof);
bool archive_rule_of(struct span name, enum rule *rule);

/* A record as it goes from vault to store. */
struct archive_record {
    struct archive_meta meta;
    uint8_t epoch[ARCHIVE_EPOCH_ID_LEN];
    struct span epoch_key;  /* AuthEnvelopedData for the readers; the same bytes for a whole epoch */
    struct span ciphertext; /* nonce (12), ciphertext, tag (16) */
};
void archive_record_write(struct writer *w, const struct archive_record *record);
/* Enough bytes for it, and for its additional data: what is taken of an arena is wiped, so nobody takes the most that
 * there can be. */
size_t archive_record_room(const struct archive_record *record);
/* Reads exactly one record, to the cursor's end. RULE_FILE_FORMAT. */
enum rule archive_record_read(struct cursor *c, struct archive_record *record);

/* The additional data of a record's encryption: format, epoch and clear part. */
void archive_bound_write(struct writer *w, const struct archive_record *record);

/* --- in the vault --- */

struct archive_sealer;
/* Readers' certificates (1 to ARCHIVE_READERS_MAX), referenced until freed. Whether they are fit to seal to is for the
 * caller to check. Null when there is no memory or their number is out of bounds. */
struct archive_sealer *archive_sealer_new(struct certificate *const *readers, size_t reader_count);
void archive_sealer_free(struct archive_sealer *s);

/* Whether an epoch is under way, and its key in memory. */
bool archive_sealer_holds_key(const struct archive_sealer *s);
/* Ends the epoch: wipes its key. The next record begins another. For when no record comes that would end it. */
void archive_sealer_end_epoch(struct archive_sealer *s);

/* Encrypts what was disclosed of a message; begins a new epoch when the old one is spent. The record's bytes are in
 * the arena, and so is its plaintext until the arena is reset. The clear part speaks of the message as a whole: of its
 * disclosed parts the first that proves nothing, or else the first, gives signer, proof and signature. */
enum rule archive_seal(struct archive_sealer *s, const struct message_outline *outline, const struct verdict *verdict,
                       const struct disclosed *disclosed, int64_t now, struct arena *arena,
                       struct archive_record *record);

/* --- for a reader --- */

/* The parts of an opened record: each is an entity with its head, signed or plain, as it was disclosed. */
struct archive_content {
    struct archive_object {
        struct span cid;
        struct span object;
    } object[VERDICT_PARTS_MAX];
    size_t count;
};

/* Opens a record with a reader's key: RULE_CMS_NOT_READER, RULE_CMS_OPEN (also when the clear part was altered),
 * RULE_FILE_FORMAT when what was sealed is not an archive's payload. The content is in the arena. */
enum rule archive_open(const struct archive_record *record, const struct identity *reader, struct arena *arena,
                       struct archive_content *content);

#endif
