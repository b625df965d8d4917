#include "test.h"

#include <stdlib.h>

#include "daemon/vault.h"
#include "pki.h"

struct fixture {
    struct vault vault;
    struct identity authority, auditor;
    struct ipc_examine ask; /* a plain message that is to be archived */
    uint8_t reply[IPC_MESSAGE_MAX];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->authority = pki_authority("Test");
    f->auditor = pki_user(&f->authority, "sip:auditor@home.example");
    assert_true(arena_open(&f->vault.arena, VAULT_ARENA));
    f->vault.trust = pki_trust(&f->authority);
    f->vault.middle = (struct middle){
        .name = {SPAN_INIT("proxy1.home.example")}, .name_count = 1, .trust = f->vault.trust, .window = 600};
    f->vault.sealer = archive_sealer_new(&f->auditor.certificate, 1);
    assert_non_null(f->vault.sealer);
    f->ask = (struct ipc_examine){
        .now = PKI_NOW,
        .archive = true,
        .source = {.context = {.request_uri = SPAN("sip:bob@far.example"), .from_uri = SPAN("sip:alice@home.example"),
                               .to_uri = SPAN("sip:bob@far.example"), .call_id = SPAN("c1"), .cseq = 1,
                               .method = SPAN("MESSAGE")},
                   .body = {.type = SPAN("text/plain"), .body = SPAN("hello")}},
    };
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    archive_sealer_free(f->vault.sealer);
    trust_free(f->vault.trust);
    arena_close(&f->vault.arena);
    identity_clear(&f->auditor);
    identity_clear(&f->authority);
    free(f);
    return 0;
}

/* The answer that was written, as net reads it. */
static void read_answer(const struct writer *w, struct ipc_examined *answer)
{
    struct ipc_header header;
    struct cursor fields;
    assert_false(w->full);
    assert_rule(ipc_read_header(writer_span(w), &header, &fields), RULE_OK);
    assert_int_equal(header.job, 9);
    assert_rule(ipc_read_examined(&fields, answer), RULE_OK);
}

static void examine_into(struct fixture *f, size_t room, struct ipc_examined *answer)
{
    struct writer w = writer_over(f->reply, room);
    vault_examine(&f->vault, 9, &f->ask, &w);
    read_answer(&w, answer);
    assert_int_equal(f->vault.arena.used, 0);
}

static void an_answer_that_does_not_fit_refuses_the_message_as_too_large(void **state)
{
    struct fixture *f = *state;
    static struct ipc_examined answer;
    examine_into(f, sizeof f->reply, &answer);
    assert_rule(answer.verdict.broken, RULE_OK);
    assert_true(answer.record.len > 0);
    examine_into(f, answer.record.len, &answer);
    assert_rule(answer.verdict.broken, RULE_MIME_SIZE);
    assert_int_equal(answer.record.len, 0);
}

static void a_record_that_does_not_fit_refuses_the_message_as_too_large(void **state)
{
    struct fixture *f = *state;
    static struct ipc_examined answer;
    struct span body = {calloc(1, IPC_RECORD_MAX), IPC_RECORD_MAX};
    f->ask.source.body.body = body;
    examine_into(f, sizeof f->reply, &answer);
    free((void *)(uintptr_t)body.at);
    assert_rule(answer.verdict.broken, RULE_MIME_SIZE);
    assert_int_equal(answer.record.len, 0);
}

static void running_out_of_memory_anywhere_is_answered_and_archives_nothing_in_part(void **state)
{
    struct fixture *f = *state;
    static struct ipc_examined answer;
    enum rule broken = RULE_NO_MEMORY;
    size_t failures = 0;
    for (size_t after = 0; broken != RULE_OK; after++) {
        archive_sealer_end_epoch(f->vault.sealer);
        f->vault.arena.fail_after = after;
        examine_into(f, sizeof f->reply, &answer);
        f->vault.arena.fail_after = SIZE_MAX;
        broken = answer.verdict.broken;
        assert_true(broken == RULE_OK || broken == RULE_NO_MEMORY);
        assert_true((answer.record.len > 0) == (broken == RULE_OK));
        failures += broken != RULE_OK;
    }
    assert_true(failures > 8);
}

static void a_message_without_a_body_makes_no_record(void **state)
{
    struct fixture *f = *state;
    static struct ipc_examined answer;
    f->ask.source.body = (struct mime_entity){0};
    examine_into(f, sizeof f->reply, &answer);
    assert_rule(answer.verdict.broken, RULE_OK);
    assert_int_equal(answer.record.len, 0);
}

static void an_epoch_ends_with_its_time_though_no_message_comes(void **state)
{
    enum { BEGUN = 5000, LENGTH = ARCHIVE_EPOCH_SECONDS * 1000 };
    struct fixture *f = *state;
    struct vault *v = &f->vault;
    static struct ipc_examined answer;
    vault_watch_epoch(v, 1);
    assert_int_equal(vault_patience(v, 1), -1); /* no epoch, nothing to wait for */
    examine_into(f, sizeof f->reply, &answer);
    vault_watch_epoch(v, BEGUN);
    assert_int_equal(vault_patience(v, BEGUN), LENGTH);
    examine_into(f, sizeof f->reply, &answer);
    vault_watch_epoch(v, BEGUN + LENGTH - 1); /* a later message does not prolong it */
    assert_true(archive_sealer_holds_key(v->sealer));
    assert_int_equal(vault_patience(v, BEGUN + LENGTH - 1), 1);
    vault_watch_epoch(v, BEGUN + LENGTH);
    assert_false(archive_sealer_holds_key(v->sealer));
    assert_int_equal(vault_patience(v, BEGUN + LENGTH), -1);
    examine_into(f, sizeof f->reply, &answer);
    vault_watch_epoch(v, BEGUN + 3 * LENGTH);
    assert_int_equal(vault_patience(v, BEGUN + 3 * LENGTH), LENGTH);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(an_answer_that_does_not_fit_refuses_the_message_as_too_large),
        CASE(a_record_that_does_not_fit_refuses_the_message_as_too_large),
        CASE(running_out_of_memory_anywhere_is_answered_and_archives_nothing_in_part),
        CASE(a_message_without_a_body_makes_no_record),
        CASE(an_epoch_ends_with_its_time_though_no_message_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
