#include "service/archive.h"
#include "sipseal/aead.h"
#include "sipseal/cms.h"

static bool read_payload(struct span payload, struct archive_content *content)
{
    struct cursor c = cursor_over(payload);
    uint8_t version, count;
    if (!cursor_u8(&c, &version) || version != ARCHIVE_PAYLOAD_VERSION || !cursor_u8(&c, &count) ||
        count > VERDICT_PARTS_MAX)
        return false;
    for (content->count = 0; content->count < count; content->count++) {
        struct archive_object *o = &content->object[content->count];
        if (!cursor_block(&c, &o->cid) || !cursor_block(&c, &o->object))
            return false;
    }
    return cursor_done(&c);
}

static enum rule decrypt(const struct archive_record *record, struct span key, struct arena *arena,
                         struct span *payload)
{
    size_t len = record->ciphertext.len;
    if (key.len != ARCHIVE_KEY_LEN || len < ARCHIVE_NONCE_LEN + ARCHIVE_TAG_LEN)
        return RULE_FILE_FORMAT;
    struct writer bound = arena_writer(arena, archive_record_room(record));
    archive_bound_write(&bound, record);
    struct span sealed = span_part(record->ciphertext, ARCHIVE_NONCE_LEN, len);
    size_t plain_len = sealed.len - ARCHIVE_TAG_LEN;
    uint8_t *plain = arena_take(arena, plain_len);
    if (bound.full || !plain)
        return RULE_NO_MEMORY;
    if (!aead_open(key.at, record->ciphertext.at, writer_span(&bound), sealed, plain))
        return RULE_CMS_OPEN;
    *payload = span_of(plain, plain_len);
    return RULE_OK;
}

enum rule archive_open(const struct archive_record *record, const struct identity *reader, struct arena *arena,
                       struct archive_content *content)
{
    struct span key, payload;
    *content = (struct archive_content){0};
    size_t mark = arena_mark(arena);
    enum rule rule = cms_open(arena, record->epoch_key, reader, &key);
    if (rule == RULE_OK) {
        rule = decrypt(record, key, arena, &payload);
        bytes_wipe((void *)(uintptr_t)key.at, key.len); /* it opens the whole epoch; the content opens one message */
    }
    if (rule == RULE_OK && !read_payload(payload, content))
        rule = RULE_FILE_FORMAT;
    if (rule != RULE_OK) {
        *content = (struct archive_content){0};
        arena_rewind(arena, mark);
    }
    return rule;
}
