#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "child.h"
#include "cms/private_key.h"
#include "memory_search.h"
#include "pki.h"
#include "service/archive.h"
#include "sipseal/clock.h"
#include "sipseal/sender.h"

#define ALICE "sip:alice@home.example"
#define BOB "sip:bob@far.example"
#define PROXY "proxy1.home.example"
#define CID "body1@ua1.home.example"
#define SECRET "a sentence that stands nowhere else: 8f2b6c"

enum { ARENA = 8 * 1024 * 1024 };

static const char *program; /* set by main alone */

struct fixture {
    struct arena arena;
    struct child vault;
    struct identity authority, alice, bob, proxy, auditor;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_true(arena_open(&f->arena, ARENA));
    f->authority = pki_authority("Test");
    f->alice = pki_user(&f->authority, ALICE);
    f->bob = pki_user(&f->authority, BOB);
    f->proxy = pki_host(&f->authority, PROXY);
    f->auditor = pki_user(&f->authority, "sip:auditor@home.example");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    struct identity *const party[] = {&f->authority, &f->alice, &f->bob, &f->proxy, &f->auditor};
    child_clear(&f->vault);
    for (size_t i = 0; i < sizeof party / sizeof *party; i++)
        identity_clear(party[i]);
    arena_close(&f->arena);
    free(f);
    return 0;
}

/* --- setup --- */

static void give_blob(struct fixture *f, enum ipc_kind kind, struct span blob)
{
    struct writer w = child_writer(&f->vault);
    ipc_write_blob(&w, kind, blob);
    child_send(f->vault.control, &w);
}

static void give_identity(struct fixture *f, const struct identity *certificate, const struct identity *key)
{
    struct span der;
    struct writer w = child_writer(&f->vault);
    size_t mark = arena_mark(&f->arena);
    assert_rule(private_key_write(&f->arena, key->key, &der), RULE_OK);
    ipc_write_identity(&w, certificate->certificate->der, der);
    child_send(f->vault.control, &w);
    bytes_wipe(f->vault.room, IPC_MESSAGE_MAX);
    arena_rewind(&f->arena, mark);
}

static void end_setup(struct fixture *f)
{
    const struct ipc_vault_setup setup = {.name = {SPAN_INIT(PROXY)}, .name_count = 1,
                                          .limits = LIMITS_DEFAULT, .window = PROOF_WINDOW_DEFAULT};
    struct writer w = child_writer(&f->vault);
    ipc_write_vault_setup(&w, &setup);
    child_send(f->vault.control, &w);
}

static void start(struct fixture *f, const struct identity *archive_reader)
{
    child_start(&f->vault, program, "vault-1");
    give_blob(f, IPC_SETUP_ANCHOR, f->authority.certificate->der);
    give_identity(f, &f->proxy, &f->proxy);
    if (archive_reader)
        give_blob(f, IPC_SETUP_READER, archive_reader->certificate->der);
    end_setup(f);
    assert_rule(child_setup_result(&f->vault), RULE_OK);
    child_give_channel(&f->vault, IPC_CHANNEL_VAULT);
}

/* --- messages --- */

static struct message_context context_of(struct fixture *f)
{
    struct writer date = arena_writer(&f->arena, 64);
    clock_write_date(&date, PKI_NOW);
    return (struct message_context){.request_uri = SPAN(BOB), .from_uri = SPAN(ALICE), .from_tag = SPAN("a1"),
                                    .to_uri = SPAN(BOB), .call_id = SPAN("c1@ua1.home.example"), .cseq = 1,
                                    .method = SPAN("MESSAGE"), .date = writer_span(&date)};
}

static struct span message_around(struct fixture *f, struct span headers, struct span body)
{
    struct message_context m = context_of(f);
    struct writer w = arena_writer(&f->arena, 4096 + headers.len + body.len);
    writer_text(&w, "MESSAGE " BOB " SIP/2.0\r\nVia: SIP/2.0/TCP ua1.home.example;branch=z9hG4bKx\r\n"
                    "Max-Forwards: 70\r\nFrom: <" ALICE ">;tag=a1\r\nTo: <" BOB ">\r\n"
                    "Call-ID: c1@ua1.home.example\r\nCSeq: 1 MESSAGE\r\nDate: ");
    writer_put(&w, m.date);
    writer_text(&w, "\r\n");
    writer_put(&w, headers);
    writer_text(&w, "Content-Length: ");
    writer_decimal(&w, body.len);
    writer_text(&w, "\r\n\r\n");
    writer_put(&w, body);
    assert_false(w.full);
    return writer_span(&w);
}

/* Alice's message, sealed to one reader or two; labelled for the proxy when that is one of them. */
static struct span sealed_message(struct fixture *f, const struct identity *one, const struct identity *other)
{
    struct certificate *reader[2] = {one->certificate, other ? other->certificate : NULL};
    bool labelled = one == &f->proxy || other == &f->proxy;
    struct sender_body body;
    struct sender_draft draft = {
        .context = context_of(f),
        .now = PKI_NOW,
        .signer = &f->alice,
        .part = {{
            .content_type = SPAN("text/plain"),
            .disposition = SPAN("render"),
            .content = SPAN(SECRET),
            .layer = {{.kind = SENDER_SIGNED}, {.kind = SENDER_SEALED, .cid = SPAN(CID)}},
            .layer_count = 2,
            .reader = reader,
            .reader_count = other ? 2 : 1,
        }},
        .part_count = 1,
    };
    if (labelled) {
        assert_rule(label_parse(SPAN(PROXY ";cid=\"" CID "\";action=\"view verify\""), &draft.labels.label[0]),
                    RULE_OK);
        draft.labels.count = 1;
    }
    assert_rule(sender_protect(&draft, &f->arena, &body), RULE_OK);
    return message_around(f, body.headers, body.body);
}

static struct span plain_message(struct fixture *f)
{
    return message_around(f, SPAN("Content-Type: text/plain\r\n"), SPAN(SECRET));
}

/* --- jobs --- */

static void send_job(struct fixture *f, uint64_t job, struct span message, bool archive)
{
    struct sip_message parsed;
    struct ipc_examine ask = {.now = PKI_NOW, .archive = archive};
    struct writer w = child_writer(&f->vault);
    assert_rule(sip_message_parse(message, SIP_STREAM, &parsed), RULE_OK);
    assert_rule(outline_source_of(&parsed, &ask.source), RULE_OK);
    ipc_write_examine(&w, job, &ask);
    child_send(f->vault.channel, &w);
}

/* The record points into what was received last. */
static const struct ipc_examined *answer_to(struct fixture *f, uint64_t job)
{
    static struct ipc_examined answer;
    struct ipc_header header;
    struct cursor fields;
    assert_true(child_receive(&f->vault, f->vault.channel, &header, &fields));
    assert_int_equal(header.kind, IPC_EXAMINED);
    assert_int_equal(header.job, job);
    assert_rule(ipc_read_examined(&fields, &answer), RULE_OK);
    return &answer;
}

static const struct ipc_examined *examined(struct fixture *f, struct span message, bool archive)
{
    send_job(f, 42, message, archive);
    return answer_to(f, 42);
}

static struct archive_record record_in(const struct ipc_examined *answer)
{
    struct archive_record r;
    struct cursor c = cursor_over(answer->record);
    assert_rule(archive_record_read(&c, &r), RULE_OK);
    return r;
}

static void assert_archived(struct fixture *f, const struct archive_record *r)
{
    struct archive_content content;
    assert_rule(archive_open(r, &f->auditor, &f->arena, &content), RULE_OK);
    assert_int_equal(content.count, 1);
    assert_true(span_find_span(content.object[0].object, SPAN(SECRET)) < content.object[0].object.len);
    assert_rule(archive_open(r, &f->bob, &f->arena, &content), RULE_CMS_NOT_READER);
    assert_rule(archive_open(r, &f->proxy, &f->arena, &content), RULE_CMS_NOT_READER);
}

/* --- cases --- */

/* REQ-CONF-1: several readers, one of them this server; what it may read is archived for the auditor alone. */
static void what_is_sealed_to_the_server_is_opened_verified_and_archived_for_the_readers(void **state)
{
    struct fixture *f = *state;
    start(f, &f->auditor);
    const struct ipc_examined *answer = examined(f, sealed_message(f, &f->bob, &f->proxy), true);
    assert_rule(answer->verdict.broken, RULE_OK);
    assert_int_equal(answer->verdict.part_count, 1);
    assert_int_equal(answer->verdict.part[0].state, PART_OPENED);
    assert_int_equal(answer->verdict.part[0].proof, PROOF_USER);
    assert_string_equal(answer->verdict.part[0].signer, ALICE);
    assert_int_equal(span_find_span(answer->record, SPAN(SECRET)), answer->record.len);
    struct archive_record r = record_in(answer);
    assert_span_text(r.meta.signer, ALICE);
    assert_rule(r.meta.signature, RULE_OK);
    assert_true(r.meta.sealed);
    assert_archived(f, &r);
    answer = examined(f, sealed_message(f, &f->bob, &f->proxy), false);
    assert_int_equal(answer->verdict.part[0].state, PART_OPENED);
    assert_int_equal(answer->record.len, 0); /* nobody asked for it */
    assert_int_equal(child_stop(&f->vault), 0);
}

static void plain_content_is_archived_as_unsigned_and_closed_content_is_not(void **state)
{
    struct fixture *f = *state;
    start(f, &f->auditor);
    const struct ipc_examined *answer = examined(f, plain_message(f), true);
    assert_rule(answer->verdict.broken, RULE_OK);
    assert_int_equal(answer->verdict.part[0].state, PART_PLAIN);
    struct archive_record r = record_in(answer);
    assert_rule(r.meta.signature, RULE_SIGNATURE_ABSENT);
    assert_int_equal(r.meta.signer.len, 0);
    assert_false(r.meta.sealed);
    assert_archived(f, &r);
    answer = examined(f, sealed_message(f, &f->bob, NULL), true); /* REQ-CONF-2 */
    assert_rule(answer->verdict.broken, RULE_OK);
    assert_int_equal(answer->verdict.part[0].state, PART_CLOSED);
    assert_int_equal(answer->record.len, 0);
    assert_int_equal(child_stop(&f->vault), 0);
}

static void without_readers_what_should_be_archived_is_refused(void **state)
{
    struct fixture *f = *state;
    start(f, NULL);
    const struct ipc_examined *answer = examined(f, plain_message(f), true);
    assert_rule(answer->verdict.broken, RULE_STORE_GONE);
    assert_int_equal(answer->record.len, 0);
    assert_rule(examined(f, plain_message(f), false)->verdict.broken, RULE_OK);
    assert_int_equal(child_stop(&f->vault), 0);
}

static void a_broken_body_is_answered_and_the_next_message_is_examined(void **state)
{
    static const struct {
        struct span headers, body;
        enum rule broken;
    } row[] = {
        {SPAN_INIT("Content-Type: multipart/mixed\r\n"), SPAN_INIT("no boundary"), RULE_MIME_SYNTAX},
        {SPAN_INIT("Content-Type: application/pkcs7-mime;smime-type=authEnveloped-data\r\nContent-Encoding: gzip\r\n"),
         SPAN_INIT("x"), RULE_MIME_CONTENT_ENCODING},
        {SPAN_INIT("Content-Type: multipart/mixed;boundary=b\r\n"),
         SPAN_INIT("--b\r\nContent-ID: <a@b>\r\n\r\n\r\n--b\r\nContent-ID: <a@b>\r\n\r\n\r\n--b--\r\n"),
         RULE_MIME_CONTENT_ID_TWICE},
        {SPAN_INIT("Content-Type: application/pkcs7-mime;smime-type=authEnveloped-data\r\nContent-ID: <a@b>\r\n"
                   "Proxy-Inspect-Body: " PROXY ";cid=\"a@b\"\r\n"),
         SPAN_INIT("no DER"), RULE_CMS_DER},
    };
    struct fixture *f = *state;
    start(f, &f->auditor);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const struct ipc_examined *answer = examined(f, message_around(f, row[i].headers, row[i].body), true);
        assert_rule(answer->verdict.broken, row[i].broken);
        assert_int_equal(answer->record.len, 0);
    }
    assert_rule(examined(f, sealed_message(f, &f->bob, &f->proxy), true)->verdict.part[0].signature, RULE_OK);
    assert_int_equal(child_stop(&f->vault), 0);
}

static void every_altered_body_is_answered_and_none_is_called_proven(void **state)
{
    struct fixture *f = *state;
    struct span message = sealed_message(f, &f->proxy, NULL);
    uint8_t *altered = (uint8_t *)(uintptr_t)message.at;
    size_t body = span_find_span(message, SPAN("\r\n\r\n")) + 4;
    start(f, &f->auditor);
    for (size_t at = body; at < message.len; at += 13) {
        altered[at] ^= (uint8_t)(1 << at % 8);
        const struct ipc_examined *answer = examined(f, message, true);
        assert_true(answer->verdict.broken != RULE_OK || answer->verdict.part[0].signature != RULE_OK);
        altered[at] ^= (uint8_t)(1 << at % 8);
    }
    assert_rule(examined(f, message, true)->verdict.part[0].signature, RULE_OK);
    assert_int_equal(child_stop(&f->vault), 0);
}

static void once_it_is_set_up_it_opens_nothing(void **state)
{
    struct fixture *f = *state;
    start(f, &f->auditor);
    assert_int_equal(examined(f, plain_message(f), false)->record.len, 0); /* it has taken its channel */
    struct rlimit limit;
    assert_int_equal(prlimit(f->vault.pid, RLIMIT_NOFILE, NULL, &limit), 0);
    const struct rlimit no_more = {2, limit.rlim_max}; /* so many are open, and poll wants them */
    assert_int_equal(prlimit(f->vault.pid, RLIMIT_NOFILE, &no_more, NULL), 0);
    const struct ipc_examined *answer = examined(f, sealed_message(f, &f->bob, &f->proxy), true);
    assert_rule(answer->verdict.broken, RULE_OK);
    assert_rule(answer->verdict.part[0].signature, RULE_OK);
    struct archive_record r = record_in(answer);
    assert_archived(f, &r);
    /* A sanitizer looks for leaks at the end. */
    assert_int_equal(prlimit(f->vault.pid, RLIMIT_NOFILE, &limit, NULL), 0);
    assert_int_equal(child_stop(&f->vault), 0);
}

static void the_plaintext_of_a_job_is_gone_from_memory_when_it_is_answered(void **state)
{
    static const char secret[] = SECRET;
    uint8_t masked[MEMORY_PATTERN], known[MEMORY_PATTERN];
    struct fixture *f = *state;
    start(f, &f->auditor);
    memory_mask(masked, secret);
    assert_int_equal(examined(f, sealed_message(f, &f->bob, &f->proxy), true)->verdict.part[0].state, PART_OPENED);
    assert_int_equal(memory_count(f->vault.pid, masked), 0);
    assert_int_equal(examined(f, plain_message(f), true)->verdict.part[0].state, PART_PLAIN);
    assert_int_equal(memory_count(f->vault.pid, masked), 0);
    memory_mask(known, f->proxy.certificate->der.at);
    assert_true(memory_count(f->vault.pid, known) > 0); /* the search finds what is there */
    assert_int_equal(child_stop(&f->vault), 0);
}

static void a_new_channel_replaces_the_old_one(void **state)
{
    struct fixture *f = *state;
    start(f, &f->auditor);
    assert_rule(examined(f, plain_message(f), true)->verdict.broken, RULE_OK);
    child_give_channel(&f->vault, IPC_CHANNEL_VAULT);
    assert_rule(examined(f, plain_message(f), true)->verdict.broken, RULE_OK);
    close(f->vault.channel); /* net is gone: the vault waits for another */
    f->vault.channel = -1;
    child_give_channel(&f->vault, IPC_CHANNEL_VAULT);
    assert_rule(examined(f, plain_message(f), true)->verdict.broken, RULE_OK);
    assert_int_equal(child_stop(&f->vault), 0);
}

static void what_it_was_asked_is_answered_before_it_ends(void **state)
{
    struct fixture *f = *state;
    start(f, &f->auditor);
    child_tell_to_stop(&f->vault);
    assert_rule(examined(f, plain_message(f), true)->verdict.broken, RULE_OK);
    assert_rule(examined(f, plain_message(f), true)->verdict.broken, RULE_OK);
    close(f->vault.channel);
    f->vault.channel = -1;
    assert_int_equal(child_wait(&f->vault), 0);
}

static void assert_ends_both_ways(struct fixture *f, struct span garbage)
{
    start(f, NULL);
    assert_int_equal(channel_send(f->vault.channel, garbage, NULL, 0), CHANNEL_DONE);
    assert_int_equal(child_wait(&f->vault), 1);
    start(f, NULL);
    assert_int_equal(channel_send(f->vault.control, garbage, NULL, 0), CHANNEL_DONE);
    assert_int_equal(child_wait(&f->vault), 1);
}

static void garbage_on_a_channel_ends_the_process(void **state)
{
    struct fixture *f = *state;
    uint8_t room[64];
    struct writer w = writer_over(room, sizeof room);
    ipc_write_blob(&w, IPC_SETUP_ANCHOR, SPAN("x"));
    struct span anchor = writer_span(&w);
    assert_ends_both_ways(f, SPAN("x"));
    assert_ends_both_ways(f, child_odd_message(IPC_EXAMINE, 0, ""));
    assert_ends_both_ways(f, child_odd_message(IPC_EXAMINE, 4, "abcd"));
    assert_ends_both_ways(f, child_odd_message(IPC_ADMIT, 0, "")); /* a message of another channel */
    assert_ends_both_ways(f, anchor);                              /* a trust anchor after the setup */
    start(f, NULL);
    close(f->vault.control); /* the parent is gone */
    f->vault.control = -1;
    assert_int_equal(child_wait(&f->vault), 0);
}

static void assert_setup_fails(struct fixture *f, enum rule why)
{
    assert_rule(child_setup_result(&f->vault), why);
    assert_int_equal(child_wait(&f->vault), 1);
}

static void what_is_unfit_for_its_use_fails_the_setup_with_its_rule(void **state)
{
    struct fixture *f = *state;
    child_start(&f->vault, program, "vault-1");
    give_blob(f, IPC_SETUP_ANCHOR, SPAN("no certificate"));
    assert_setup_fails(f, RULE_CERT_SYNTAX);

    child_start(&f->vault, program, "vault-1");
    give_identity(f, &f->proxy, &f->bob);
    assert_setup_fails(f, RULE_CERT_KEY);

    /* Nothing can be sealed to a certificate that is for signing alone. */
    const struct issue_terms terms = {ISSUE_USER, ISSUE_SIGN, SPAN("sip:auditor@home.example"), PKI_FROM, PKI_UNTIL};
    struct identity signer = pki_issue(&f->authority, &terms);
    child_start(&f->vault, program, "vault-1");
    give_blob(f, IPC_SETUP_READER, signer.certificate->der);
    end_setup(f);
    assert_setup_fails(f, RULE_CERT_USAGE);
    identity_clear(&signer);
}

int main(int argc, char **argv)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_is_sealed_to_the_server_is_opened_verified_and_archived_for_the_readers),
        CASE(plain_content_is_archived_as_unsigned_and_closed_content_is_not),
        CASE(without_readers_what_should_be_archived_is_refused),
        CASE(a_broken_body_is_answered_and_the_next_message_is_examined),
        CASE(every_altered_body_is_answered_and_none_is_called_proven),
        CASE(once_it_is_set_up_it_opens_nothing),
        CASE(the_plaintext_of_a_job_is_gone_from_memory_when_it_is_answered),
        CASE(a_new_channel_replaces_the_old_one),
        CASE(what_it_was_asked_is_answered_before_it_ends),
        CASE(garbage_on_a_channel_ends_the_process),
        CASE(what_is_unfit_for_its_use_fails_the_setup_with_its_rule),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: %s SIPSEALD-VAULT\n", argv[0]);
        return 2;
    }
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
