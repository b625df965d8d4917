#include "test.h"

#include <stdlib.h>

#include "memory_search.h"
#include "pki.h"
#include "service/archive.h"
#include "sipseal/cms.h"

enum { ARENA = 4 * 1024 * 1024, READERS = 3 };

struct fixture {
    struct arena arena;
    struct identity authority, reader[READERS], other;
    struct message_outline outline;
    struct verdict verdict;
    struct disclosed disclosed;
};

static struct certificate *const *certificates_of(struct fixture *f)
{
    static struct certificate *certificate[READERS];
    for (size_t i = 0; i < READERS; i++)
        certificate[i] = f->reader[i].certificate;
    return certificate;
}

/* A message with one part that was sealed and signed by alice. */
static void make_message(struct fixture *f)
{
    f->outline = (struct message_outline){
        .source.context = {.request_uri = SPAN("sip:bob@FAR.example;transport=tcp"),
                           .from_uri = SPAN("sips:alice@Home.Example:5061"),
                           .from_tag = SPAN("a1"),
                           .to_uri = SPAN("sip:bob@far.example"),
                           .call_id = SPAN("c1@ua1.home.example"),
                           .cseq = 7,
                           .method = SPAN("MESSAGE")},
    };
    f->verdict = (struct verdict){.part_count = 1};
    f->verdict.part[0] = (struct verdict_part){
        .cid = "body1@ua1.home.example",
        .state = PART_OPENED,
        .proof = PROOF_USER,
        .signer = "sip:alice@home.example",
        .has_replay_key = true,
        .archive_key = {1, 2, 3},
    };
    f->disclosed = (struct disclosed){.count = 1};
    f->disclosed.part[0].object = SPAN("Content-Type: text/plain\r\n\r\nhello");
}

static void add_part(struct fixture *f, const struct verdict_part *part, struct span object)
{
    f->disclosed.part[f->disclosed.count++] = (struct disclosed_part){object, f->verdict.part_count};
    f->verdict.part[f->verdict.part_count++] = *part;
}

static const struct verdict_part plain_part = {.state = PART_PLAIN, .signature = RULE_SIGNATURE_ABSENT};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_true(arena_open(&f->arena, ARENA));
    f->authority = pki_authority("Test");
    f->reader[0] = pki_user(&f->authority, "sip:auditor@home.example");
    f->reader[1] = pki_user(&f->authority, "sip:deputy@home.example");
    f->reader[2] = pki_host(&f->authority, "backup.home.example");
    f->other = pki_user(&f->authority, "sip:mallory@home.example");
    make_message(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < READERS; i++)
        identity_clear(&f->reader[i]);
    identity_clear(&f->other);
    identity_clear(&f->authority);
    arena_close(&f->arena);
    free(f);
    return 0;
}

static struct archive_sealer *new_sealer(struct fixture *f, size_t readers)
{
    struct archive_sealer *s = archive_sealer_new(certificates_of(f), readers);
    assert_non_null(s);
    return s;
}

static struct archive_record seal_at(struct fixture *f, struct archive_sealer *s, int64_t now)
{
    struct archive_record r;
    assert_rule(archive_seal(s, &f->outline, &f->verdict, &f->disclosed, now, &f->arena, &r), RULE_OK);
    return r;
}

static struct archive_record seal_once(struct fixture *f)
{
    struct archive_sealer *s = new_sealer(f, 1);
    struct archive_record r = seal_at(f, s, PKI_NOW);
    archive_sealer_free(s);
    return r;
}

static struct span write_record(struct fixture *f, const struct archive_record *r)
{
    struct writer w = arena_writer(&f->arena, 64 * 1024);
    archive_record_write(&w, r);
    assert_false(w.full);
    return writer_span(&w);
}

/* --- who can open --- */

static void each_of_several_readers_opens_a_record_and_nobody_else_does(void **state)
{
    struct fixture *f = *state;
    struct archive_content content;
    struct archive_sealer *s = new_sealer(f, READERS);
    struct archive_record r = seal_at(f, s, PKI_NOW);
    archive_sealer_free(s);
    for (size_t i = 0; i < READERS; i++) {
        assert_rule(archive_open(&r, &f->reader[i], &f->arena, &content), RULE_OK);
        assert_int_equal(content.count, 1);
        assert_span_text(content.object[0].cid, "body1@ua1.home.example");
        assert_span_text(content.object[0].object, "Content-Type: text/plain\r\n\r\nhello");
    }
    assert_rule(archive_open(&r, &f->other, &f->arena, &content), RULE_CMS_NOT_READER);
    assert_int_equal(content.count, 0);
    struct identity wrong_key = {f->reader[0].certificate, f->other.key};
    size_t used = f->arena.used;
    assert_rule(archive_open(&r, &wrong_key, &f->arena, &content), RULE_CMS_OPEN);
    assert_int_equal(f->arena.used, used);
}

static void every_part_comes_back_in_order_with_its_content_id(void **state)
{
    struct fixture *f = *state;
    struct archive_content content;
    static uint8_t big[100000];
    memset(big, 'x', sizeof big);
    add_part(f, &plain_part, SPAN(""));
    add_part(f, &plain_part, span_of(big, sizeof big));
    struct archive_record r = seal_once(f);
    assert_rule(archive_open(&r, &f->reader[0], &f->arena, &content), RULE_OK);
    assert_int_equal(content.count, 3);
    assert_span_text(content.object[0].cid, "body1@ua1.home.example");
    assert_int_equal(content.object[1].cid.len, 0);
    assert_int_equal(content.object[1].object.len, 0);
    assert_span_equal(content.object[2].object, span_of(big, sizeof big));
}

static void the_record_does_not_show_what_it_holds(void **state)
{
    struct fixture *f = *state;
    struct archive_record r = seal_once(f);
    struct span bytes = write_record(f, &r);
    assert_int_equal(span_find_span(bytes, SPAN("hello")), bytes.len);
    assert_true(span_find_span(bytes, SPAN("c1@ua1.home.example")) < bytes.len);
}

/* --- what is bound --- */

static enum rule read_and_open(struct fixture *f, struct span bytes, struct archive_content *content)
{
    struct archive_record r;
    struct cursor c = cursor_over(bytes);
    enum rule rule = archive_record_read(&c, &r);
    return rule == RULE_OK ? archive_open(&r, &f->reader[0], &f->arena, content) : rule;
}

static void a_record_with_any_bit_changed_is_refused(void **state)
{
    struct fixture *f = *state;
    struct archive_record r = seal_once(f);
    struct span bytes = write_record(f, &r);
    uint8_t *altered = (uint8_t *)(uintptr_t)bytes.at;
    size_t key_at = span_find_span(bytes, r.epoch_key), opened = 0;
    struct archive_content content;
    assert_rule(read_and_open(f, bytes, &content), RULE_OK);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        size_t at = bit / 8, mark = arena_mark(&f->arena);
        altered[at] ^= (uint8_t)(1 << bit % 8);
        enum rule rule = read_and_open(f, bytes, &content);
        /* Whatever is said of the key, it either opens these bytes or does not. */
        if (at < key_at || at >= key_at + r.epoch_key.len)
            assert_int_not_equal(rule, RULE_OK);
        opened += rule == RULE_OK;
        if (rule == RULE_OK)
            assert_span_text(content.object[0].object, "Content-Type: text/plain\r\n\r\nhello");
        altered[at] ^= (uint8_t)(1 << bit % 8);
        arena_rewind(&f->arena, mark);
    }
    assert_int_equal(opened, 0);
}

static void a_record_is_read_whole_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct archive_record r = seal_once(f), back;
    struct span bytes = write_record(f, &r);
    for (size_t len = 0; len < bytes.len; len++) {
        struct cursor c = cursor_over(span_part(bytes, 0, len));
        assert_rule(archive_record_read(&c, &back), RULE_FILE_FORMAT);
    }
    struct writer longer = arena_writer(&f->arena, bytes.len + 1);
    writer_put(&longer, bytes);
    writer_byte(&longer, 0);
    struct cursor c = cursor_over(writer_span(&longer));
    assert_rule(archive_record_read(&c, &back), RULE_FILE_FORMAT);
    c = cursor_over(bytes);
    assert_rule(archive_record_read(&c, &back), RULE_OK);
    assert_span_equal(write_record(f, &back), bytes);
}

static void every_proof_and_every_rule_has_a_word_that_is_read_back(void **state)
{
    struct fixture *f = *state;
    struct archive_record r = seal_once(f), back;
    for (unsigned proof = PROOF_NONE; proof <= PROOF_USER; proof++)
        for (unsigned rule = 0; rule < RULE_COUNT; rule++) {
            size_t mark = arena_mark(&f->arena);
            r.meta.proof = (enum proof_kind)proof;
            r.meta.signature = (enum rule)rule;
            struct cursor c = cursor_over(write_record(f, &r));
            assert_rule(archive_record_read(&c, &back), RULE_OK);
            assert_int_equal(back.meta.proof, proof);
            assert_int_equal(back.meta.signature, rule);
            arena_rewind(&f->arena, mark);
        }
    enum proof_kind proof;
    enum rule rule;
    assert_false(archive_proof_of(SPAN("certain"), &proof));
    assert_false(archive_rule_of(SPAN("fine"), &rule));
}

/* --- the clear part --- */

static void the_clear_part_names_addresses_of_record_and_what_is_proven(void **state)
{
    struct fixture *f = *state;
    struct archive_meta m = seal_once(f).meta;
    assert_int_equal(m.received, PKI_NOW);
    assert_span_text(m.method, "MESSAGE");
    assert_span_text(m.request_uri, "sip:bob@far.example");
    assert_span_text(m.from, "sip:alice@home.example");
    assert_span_text(m.to, "sip:bob@far.example");
    assert_span_text(m.call_id, "c1@ua1.home.example");
    assert_int_equal(m.cseq, 7);
    assert_span_text(m.signer, "sip:alice@home.example");
    assert_int_equal(m.proof, PROOF_USER);
    assert_rule(m.signature, RULE_OK);
    assert_true(m.sealed);

    f->outline.source.context.to_uri = SPAN("tel:+358-555-1234567");
    assert_span_text(seal_once(f).meta.to, "tel:+358-555-1234567");
}

static void a_message_that_is_proven_only_in_part_is_not_called_proven(void **state)
{
    struct fixture *f = *state;
    add_part(f, &plain_part, SPAN("\r\nsomething that alice never signed"));
    struct archive_meta m = seal_once(f).meta;
    assert_int_equal(m.proof, PROOF_NONE);
    assert_rule(m.signature, RULE_SIGNATURE_ABSENT);
    assert_int_equal(m.signer.len, 0);
    assert_true(m.sealed); /* some of it */

    make_message(f);
    f->verdict.part[0].state = PART_SIGNED;
    f->verdict.part[0].proof = PROOF_NONE;
    f->verdict.part[0].signature = RULE_SIGNATURE_INVALID;
    m = seal_once(f).meta;
    assert_rule(m.signature, RULE_SIGNATURE_INVALID);
    assert_int_equal(m.signer.len, 0);
    assert_false(m.sealed);

    f->verdict.part[0].proof = PROOF_CONTENT; /* who wrote it, not that it belongs to this message */
    f->verdict.part[0].signature = RULE_CONTEXT_ABSENT;
    m = seal_once(f).meta;
    assert_rule(m.signature, RULE_CONTEXT_ABSENT);
    assert_int_equal(m.proof, PROOF_CONTENT);
    assert_span_text(m.signer, "sip:alice@home.example");
}

struct key {
    uint8_t bytes[32];
};

static struct key key_of(struct fixture *f)
{
    struct key key;
    struct archive_record r = seal_once(f);
    memcpy(key.bytes, r.meta.archive_key, sizeof key.bytes);
    return key;
}

#define assert_other_key(f, key)                                                                                       \
    do {                                                                                                               \
        assert_memory_not_equal(key_of(f).bytes, (key).bytes, 32);                                                     \
        make_message(f);                                                                                               \
    } while (0)

/* protocol.md 2.1, Replay: honest copies are archived once, and the Request-URI is left out. */
static void honest_copies_have_one_archive_key_and_other_messages_have_others(void **state)
{
    struct fixture *f = *state;
    struct message_context *m = &f->outline.source.context;
    struct key key = key_of(f);
    m->request_uri = SPAN("sip:bob@192.0.2.4"); /* a fork */
    m->to_tag = SPAN("b1");
    f->disclosed.part[0].object = SPAN("the same signed content, in another coding");
    assert_memory_equal(key_of(f).bytes, key.bytes, 32);
    make_message(f);

    m->call_id = SPAN("c2@ua1.home.example");
    assert_other_key(f, key);
    m->cseq = 8;
    assert_other_key(f, key);
    m->from_tag = SPAN("a2");
    assert_other_key(f, key);
    m->to_uri = SPAN("sip:carol@far.example");
    assert_other_key(f, key);
    m->is_response = true;
    m->status = 200;
    assert_other_key(f, key);
    f->verdict.part[0].archive_key[31] ^= 1;
    assert_other_key(f, key);
}

/* Else whoever repeats a message with something added would pass for archived. */
static void a_copy_with_other_content_beside_the_signed_part_has_another_archive_key(void **state)
{
    struct fixture *f = *state;
    struct key key = key_of(f);
    add_part(f, &plain_part, SPAN("\r\nadded"));
    struct key added = key_of(f);
    assert_memory_not_equal(added.bytes, key.bytes, 32);
    f->disclosed.part[1].object = SPAN("\r\nother");
    assert_other_key(f, added);
    /* A signature that does not hold vouches for no content. */
    f->verdict.part[0].signature = RULE_SIGNATURE_INVALID;
    struct key invalid = key_of(f);
    assert_memory_not_equal(invalid.bytes, key.bytes, 32);
    f->disclosed.part[0].object = SPAN("\r\nforged");
    assert_other_key(f, invalid);
}

/* --- epochs --- */

static void an_epoch_ends_after_its_number_of_records_and_no_nonce_comes_twice(void **state)
{
    struct fixture *f = *state;
    struct archive_sealer *s = new_sealer(f, 1);
    uint8_t first[ARCHIVE_EPOCH_ID_LEN], last[ARCHIVE_NONCE_LEN] = {0};
    for (int i = 0; i < ARCHIVE_EPOCH_RECORDS; i++) {
        size_t mark = arena_mark(&f->arena);
        struct archive_record r = seal_at(f, s, PKI_NOW);
        if (i == 0)
            memcpy(first, r.epoch, sizeof first);
        assert_memory_equal(r.epoch, first, sizeof first);
        if (i > 0)
            assert_true(memcmp(r.ciphertext.at, last, sizeof last) > 0);
        memcpy(last, r.ciphertext.at, sizeof last);
        assert_true(archive_sealer_holds_key(s) == (i + 1 < ARCHIVE_EPOCH_RECORDS));
        arena_rewind(&f->arena, mark);
    }
    struct archive_record r = seal_at(f, s, PKI_NOW);
    assert_memory_not_equal(r.epoch, first, sizeof first);
    archive_sealer_free(s);
}

static void an_epoch_ends_with_its_time_and_when_the_clock_goes_back(void **state)
{
    static const struct {
        int64_t later;
        bool same;
    } row[] = {{0, true}, {ARCHIVE_EPOCH_SECONDS - 1, true}, {ARCHIVE_EPOCH_SECONDS, false}, {-1, false}};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct archive_sealer *s = new_sealer(f, 1);
        struct archive_record one = seal_at(f, s, PKI_NOW), two = seal_at(f, s, PKI_NOW + row[i].later);
        assert_true((memcmp(one.epoch, two.epoch, sizeof one.epoch) == 0) == row[i].same);
        assert_true(span_equal(one.epoch_key, two.epoch_key) == row[i].same);
        struct archive_content content;
        assert_rule(archive_open(&one, &f->reader[0], &f->arena, &content), RULE_OK);
        assert_rule(archive_open(&two, &f->reader[0], &f->arena, &content), RULE_OK);
        archive_sealer_free(s);
    }
}

static void learn_key(struct fixture *f, const struct archive_record *r, uint8_t masked[MEMORY_PATTERN])
{
    struct span key;
    size_t mark = arena_mark(&f->arena);
    assert_rule(cms_open(&f->arena, r->epoch_key, &f->reader[0], &key), RULE_OK);
    assert_int_equal(key.len, MEMORY_PATTERN);
    memory_mask(masked, key.at);
    arena_rewind(&f->arena, mark);
}

static void the_key_of_an_epoch_that_ended_is_gone_from_memory(void **state)
{
    struct fixture *f = *state;
    struct archive_sealer *s = new_sealer(f, READERS);
    struct archive_content content;
    uint8_t masked[MEMORY_PATTERN];
    for (int how = 0; how < 3; how++) {
        struct archive_record r = seal_at(f, s, PKI_NOW + 10 * how * ARCHIVE_EPOCH_SECONDS);
        learn_key(f, &r, masked);
        assert_true(memory_count(getpid(), masked) > 0); /* the search finds what is there */
        if (how == 0)
            seal_at(f, s, PKI_NOW + ARCHIVE_EPOCH_SECONDS); /* the next epoch */
        else if (how == 1)
            archive_sealer_end_epoch(s);
        else
            archive_sealer_free(s);
        assert_int_equal(memory_count(getpid(), masked), 0);
        /* Nor does a reader leave it behind. */
        assert_rule(archive_open(&r, &f->reader[1], &f->arena, &content), RULE_OK);
        assert_int_equal(memory_count(getpid(), masked), 0);
    }
}

/* --- faults --- */

static void what_was_not_disclosed_is_no_record(void **state)
{
    struct fixture *f = *state;
    struct archive_sealer *s = new_sealer(f, 1);
    struct archive_record r;
    f->disclosed.part[0].part = 1;
    assert_rule(archive_seal(s, &f->outline, &f->verdict, &f->disclosed, PKI_NOW, &f->arena, &r), RULE_INTERNAL);
    f->disclosed.count = 0;
    assert_rule(archive_seal(s, &f->outline, &f->verdict, &f->disclosed, PKI_NOW, &f->arena, &r), RULE_INTERNAL);
    static uint8_t long_text[ARCHIVE_TEXT_MAX + 1];
    memset(long_text, 'x', sizeof long_text);
    make_message(f);
    f->outline.source.context.call_id = span_of(long_text, sizeof long_text);
    assert_rule(archive_seal(s, &f->outline, &f->verdict, &f->disclosed, PKI_NOW, &f->arena, &r), RULE_MIME_SIZE);
    assert_false(archive_sealer_holds_key(s));
    archive_sealer_free(s);
    assert_null(archive_sealer_new(certificates_of(f), 0));
    assert_null(archive_sealer_new(certificates_of(f), ARCHIVE_READERS_MAX + 1));
}

static void running_out_of_memory_anywhere_is_told(void **state)
{
    struct fixture *f = *state;
    struct archive_record r;
    struct archive_content content;
    enum rule rule = RULE_NO_MEMORY;
    size_t failures = 0;
    for (size_t after = 0; rule != RULE_OK; after++) {
        struct archive_sealer *s = new_sealer(f, READERS);
        arena_reset(&f->arena);
        f->arena.fail_after = after;
        rule = archive_seal(s, &f->outline, &f->verdict, &f->disclosed, PKI_NOW, &f->arena, &r);
        f->arena.fail_after = SIZE_MAX;
        failures += rule == RULE_NO_MEMORY;
        if (rule != RULE_OK)
            assert_rule(rule, RULE_NO_MEMORY);
        archive_sealer_free(s);
    }
    assert_true(failures > 5);
    size_t mark = arena_mark(&f->arena);
    failures = 0;
    rule = RULE_NO_MEMORY;
    for (size_t after = 0; rule != RULE_OK; after++) {
        f->arena.fail_after = after;
        rule = archive_open(&r, &f->reader[2], &f->arena, &content);
        f->arena.fail_after = SIZE_MAX;
        failures += rule != RULE_OK;
        if (rule != RULE_OK) {
            assert_rule(rule, RULE_NO_MEMORY);
            assert_int_equal(arena_mark(&f->arena), mark);
        }
    }
    assert_true(failures > 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_of_several_readers_opens_a_record_and_nobody_else_does),
        CASE(every_part_comes_back_in_order_with_its_content_id),
        CASE(the_record_does_not_show_what_it_holds),
        CASE(a_record_with_any_bit_changed_is_refused),
        CASE(a_record_is_read_whole_or_not_at_all),
        CASE(every_proof_and_every_rule_has_a_word_that_is_read_back),
        CASE(the_clear_part_names_addresses_of_record_and_what_is_proven),
        CASE(a_message_that_is_proven_only_in_part_is_not_called_proven),
        CASE(honest_copies_have_one_archive_key_and_other_messages_have_others),
        CASE(a_copy_with_other_content_beside_the_signed_part_has_another_archive_key),
        CASE(an_epoch_ends_after_its_number_of_records_and_no_nonce_comes_twice),
        CASE(an_epoch_ends_with_its_time_and_when_the_clock_goes_back),
        CASE(the_key_of_an_epoch_that_ended_is_gone_from_memory),
        CASE(what_was_not_disclosed_is_no_record),
        CASE(running_out_of_memory_anywhere_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
