/* Records of the archive. An input that begins with the record's version is a record as it stands: what is read is
 * written again to the same bytes. Any other input is sealed as the payload of a record for a reader who opens it: it
 * is opened, or refused as no payload, and its objects are all that it holds. */
#include "../unit/test.h"

#include <stdlib.h>

#include "../unit/pki.h"
#include "fixed_random.h"
#include "service/archive.h"
#include "sipseal/aead.h"
#include "sipseal/cms.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA = 4 * 1024 * 1024, INPUT_MAX = 64 * 1024, RECORD_VERSION = 1 };

static struct {
    struct arena keep, arena;
    struct identity reader;
    struct archive_record record;
    uint8_t key[ARCHIVE_KEY_LEN];
} world;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_record(struct span s)
{
    struct cursor c = cursor_over(s);
    struct archive_record record;
    struct archive_content content;
    if (archive_record_read(&c, &record) != RULE_OK)
        return;
    struct writer w = arena_writer(&world.arena, s.len), bound = arena_writer(&world.arena, archive_record_room(&record));
    archive_record_write(&w, &record);
    require(!w.full && span_equal(writer_span(&w), s));
    archive_bound_write(&bound, &record);
    require(!bound.full);
    size_t before = world.arena.used;
    /* Nobody without the reader's key writes what it opens. */
    require(archive_open(&record, &world.reader, &world.arena, &content) != RULE_OK);
    require(content.count == 0 && world.arena.used == before);
}

static void open_payload(struct span payload)
{
    struct archive_record record = world.record;
    struct archive_content content;
    struct writer bound = arena_writer(&world.arena, archive_record_room(&record));
    size_t len = ARCHIVE_NONCE_LEN + payload.len + ARCHIVE_TAG_LEN;
    uint8_t *sealed = arena_take(&world.arena, len);
    archive_bound_write(&bound, &record);
    require(!bound.full && aead_seal(world.key, sealed, writer_span(&bound), payload, sealed + ARCHIVE_NONCE_LEN));
    record.ciphertext = span_of(sealed, len);
    enum rule rule = archive_open(&record, &world.reader, &world.arena, &content);
    require(rule == RULE_OK || (rule == RULE_FILE_FORMAT && content.count == 0));
    if (rule != RULE_OK)
        return;
    require(content.count <= VERDICT_PARTS_MAX);
    size_t told = 2;
    for (size_t i = 0; i < content.count; i++)
        told += 8 + content.object[i].cid.len + content.object[i].object.len;
    require(told == payload.len);
    sealed[len - 1] ^= 1;
    require(archive_open(&record, &world.reader, &world.arena, &content) == RULE_CMS_OPEN);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    require(arena_open(&world.keep, ARENA) && arena_open(&world.arena, ARENA));
    fixed_random_install();
    struct identity authority = pki_authority("Authority");
    world.reader = pki_user(&authority, "sip:archivist@home.example");
    identity_clear(&authority);
    world.record.meta = (struct archive_meta){.received = PKI_NOW, .method = SPAN("MESSAGE")};
    require(cms_seal(&world.keep, &world.reader.certificate, 1, span_of(world.key, sizeof world.key),
                     &world.record.epoch_key) == RULE_OK);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_MAX)
        return 0;
    fixed_random_restart(size);
    arena_reset(&world.arena);
    if (data[0] == RECORD_VERSION)
        read_record(span_of(data, size));
    else
        open_payload(span_of(data + 1, size - 1));
    return 0;
}
