#include "test.h"

#include <stdlib.h>

#include "daemon/vault.h"
#include "pki.h"
#include "sipseal/cms.h"

enum { RATE = 10, BURST = 40, UNITS_A_SIGNER = 2 /* its certificate, and its chain */ };

struct fixture {
    struct vault vault;
    struct identity authority, auditor;
    struct ipc_examine ask; /* a plain message that is to be archived */
    struct arena arena;     /* of signers */
    uint8_t reply[IPC_MESSAGE_MAX];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->authority = pki_authority("Test");
    f->auditor = pki_user(&f->authority, "sip:auditor@home.example");
    assert_true(arena_open(&f->vault.arena, VAULT_ARENA));
    assert_true(arena_open(&f->arena, VAULT_ARENA));
    f->vault.trust = pki_trust(&f->authority);
    certificate_budget_open(&f->vault.budget, RATE, BURST);
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
    arena_close(&f->arena);
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

/* --- certificates never seen before --- */

static void sign(struct fixture *f, const struct identity *signer, struct certificate *const *others, size_t count)
{
    struct mime_entity *body = &f->ask.source.body;
    arena_reset(&f->arena);
    f->ask.archive = false;
    *body = (struct mime_entity){.kind = MIME_SIGNED, .encoding = MIME_BINARY,
                                 .type = SPAN("application/pkcs7-mime"),
                                 .type_params = SPAN(";smime-type=signed-data")};
    assert_rule(cms_sign(&f->arena, signer, others, count, SPAN("Content-Type: text/plain\r\n\r\nhello"), PKI_NOW,
                         &body->body), RULE_OK);
}

/* What becomes of the message: RULE_OK when its signer was checked and is trusted. */
static enum rule checked(struct fixture *f, uint64_t peer, bool proven)
{
    static struct ipc_examined answer;
    f->ask.peer = peer;
    f->ask.proven = proven;
    examine_into(f, sizeof f->reply, &answer);
    if (answer.verdict.broken == RULE_OK)
        assert_rule(answer.verdict.part[0].signature, RULE_CONTEXT_ABSENT); /* trusted; no copy of the headers */
    return answer.verdict.broken;
}

static enum rule checked_with_a_new_certificate(struct fixture *f, uint64_t peer, bool proven)
{
    struct identity signer = pki_user(&f->authority, "sip:alice@home.example");
    sign(f, &signer, NULL, 0);
    enum rule rule = checked(f, peer, proven);
    identity_clear(&signer);
    return rule;
}

static size_t flood(struct fixture *f, uint64_t peer, bool proven)
{
    size_t passed = 0;
    enum rule rule;
    while ((rule = checked_with_a_new_certificate(f, peer, proven)) == RULE_OK && passed <= BURST)
        passed++;
    assert_rule(rule, RULE_CERT_BUDGET);
    return passed;
}

static void a_peer_that_floods_with_new_certificates_uses_up_its_own_share(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(flood(f, 1, true), BURST / 2 / UNITS_A_SIGNER);
    uint64_t parsed = trust_work_of(f->vault.trust).parsed;
    assert_rule(checked_with_a_new_certificate(f, 1, true), RULE_CERT_BUDGET);
    assert_int_equal(trust_work_of(f->vault.trust).parsed, parsed); /* it is decided before the work */
    for (size_t i = 0; i < 4; i++)
        assert_rule(checked_with_a_new_certificate(f, 2, true), RULE_OK);
    assert_rule(checked_with_a_new_certificate(f, 3, false), RULE_OK);
    f->ask.clock = 1000;
    assert_in_range(flood(f, 1, true), 1, RATE / UNITS_A_SIGNER);
}

static void signers_that_are_known_are_not_touched_by_a_flood(void **state)
{
    struct fixture *f = *state;
    struct identity known = pki_user(&f->authority, "sip:bob@home.example");
    sign(f, &known, NULL, 0);
    assert_rule(checked(f, 1, true), RULE_OK);
    flood(f, 1, true);
    flood(f, 2, false);
    sign(f, &known, NULL, 0);
    struct trust_work before = trust_work_of(f->vault.trust);
    assert_rule(checked(f, 1, true), RULE_OK); /* of the very peer that floods */
    assert_rule(checked(f, 2, false), RULE_OK);
    struct trust_work after = trust_work_of(f->vault.trust);
    assert_int_equal(after.parsed, before.parsed);
    assert_int_equal(after.proven, before.proven);
    assert_int_equal(after.cached, before.cached + 2);
    identity_clear(&known);
}

/* Certificates in the bag are candidates: where the signer's chain is known, nobody parses them. */
static void what_else_a_known_signer_sends_along_costs_nothing(void **state)
{
    struct fixture *f = *state;
    struct identity known = pki_user(&f->authority, "sip:bob@home.example"), others[CERTIFICATES_IN_BAG_MAX - 1];
    struct certificate *bag[CERTIFICATES_IN_BAG_MAX - 1];
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < CERTIFICATES_IN_BAG_MAX - 1; i++) {
            others[i] = pki_user(&f->authority, "sip:eve@home.example");
            bag[i] = others[i].certificate;
        }
        sign(f, &known, bag, CERTIFICATES_IN_BAG_MAX - 1);
        assert_rule(checked(f, 1, true), RULE_OK);
        assert_int_equal(trust_work_of(f->vault.trust).parsed, CERTIFICATES_IN_BAG_MAX); /* of the first round */
        for (size_t i = 0; i < CERTIFICATES_IN_BAG_MAX - 1; i++)
            identity_clear(&others[i]);
    }
    identity_clear(&known);
}

/* A chain that cannot be proven is worked on again with each message, and pays each time. */
static void a_signer_who_is_not_trusted_uses_up_the_share_of_its_peer(void **state)
{
    struct fixture *f = *state;
    static struct ipc_examined answer;
    struct identity authority = pki_authority("Other"), stranger = pki_user(&authority, "sip:alice@home.example");
    size_t refused = 0;
    f->ask.proven = true;
    do {
        sign(f, &stranger, NULL, 0);
        examine_into(f, sizeof f->reply, &answer);
        if (answer.verdict.broken == RULE_OK)
            assert_rule(answer.verdict.part[0].signature, RULE_CERT_UNTRUSTED);
        refused++;
    } while (answer.verdict.broken == RULE_OK && refused <= BURST);
    assert_rule(answer.verdict.broken, RULE_CERT_BUDGET);
    assert_int_equal(refused, BURST / 2); /* one for its certificate, one for each chain; the last one fails */
    identity_clear(&stranger);
    identity_clear(&authority);
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
        CASE(a_peer_that_floods_with_new_certificates_uses_up_its_own_share),
        CASE(signers_that_are_known_are_not_touched_by_a_flood),
        CASE(what_else_a_known_signer_sends_along_costs_nothing),
        CASE(a_signer_who_is_not_trusted_uses_up_the_share_of_its_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
