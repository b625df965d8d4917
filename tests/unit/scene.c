#include "test.h"

#include "scene.h"
#include "sipseal/clock.h"
#include "sipseal/issue.h"
#include "sipseal/mime.h"

enum { HOUR = 3600, YEAR = 365 * 24 * HOUR, SCENE_BYTES = 16 * 1024 * 1024, OPENING_BYTES = 1024 * 1024 };

static void make_authority(struct scene *s, const char *name, struct identity *authority)
{
    struct span key, certificate;
    assert_rule(issue_key(&s->arena, &key), RULE_OK);
    assert_rule(issue_authority(&s->arena, key, span_text(name), SCENE_NOW - YEAR, SCENE_NOW + YEAR, &certificate),
                RULE_OK);
    assert_rule(identity_load(certificate, key, authority), RULE_OK);
}

static void make_party(struct scene *s, const struct identity *authority, enum issue_kind kind, const char *name,
                       int64_t not_after, struct identity *party)
{
    struct span key, certificate;
    struct issue_terms terms = {
        .kind = kind,
        .usage = ISSUE_SIGN_AND_SEAL,
        .name = span_text(name),
        .not_before = SCENE_NOW - YEAR,
        .not_after = not_after,
    };
    assert_rule(issue_key(&s->arena, &key), RULE_OK);
    assert_rule(issue_certificate(&s->arena, authority, key, &terms, &certificate), RULE_OK);
    assert_rule(identity_load(certificate, key, party), RULE_OK);
}

static void revoke(struct scene *s, const struct identity *authority, const struct identity *party)
{
    struct span serial = certificate_serial(party->certificate), crl;
    assert_rule(issue_crl(&s->arena, authority, &serial, 1, 1, SCENE_NOW - HOUR, SCENE_NOW + YEAR, &crl), RULE_OK);
    assert_rule(trust_add_crl(s->trust, crl), RULE_OK);
}

void scene_open(struct scene *s)
{
    struct identity authority, other;
    *s = (struct scene){0};
    assert_true(arena_open(&s->arena, SCENE_BYTES));
    assert_true(arena_open(&s->opening, OPENING_BYTES));
    s->trust = trust_new();
    assert_non_null(s->trust);
    make_authority(s, "Home", &authority);
    make_authority(s, "Another", &other);
    assert_rule(trust_add_anchor(s->trust, authority.certificate->der), RULE_OK);
    make_party(s, &authority, ISSUE_USER, "sip:" ALICE, SCENE_NOW + YEAR, &s->alice);
    make_party(s, &authority, ISSUE_USER, "sip:" BOB, SCENE_NOW + YEAR, &s->bob);
    make_party(s, &authority, ISSUE_HOST, PROXY, SCENE_NOW + YEAR, &s->proxy);
    make_party(s, &authority, ISSUE_USER, "sip:mallory@home.example", SCENE_NOW + YEAR, &s->mallory);
    make_party(s, &authority, ISSUE_HOST, "home.example", SCENE_NOW + YEAR, &s->domain);
    make_party(s, &other, ISSUE_USER, "sip:" ALICE, SCENE_NOW + YEAR, &s->stranger);
    make_party(s, &authority, ISSUE_USER, "sip:" ALICE, SCENE_NOW - HOUR, &s->expired);
    make_party(s, &authority, ISSUE_USER, "sip:" ALICE, SCENE_NOW + YEAR, &s->revoked);
    revoke(s, &authority, &s->revoked);
    identity_clear(&authority);
    identity_clear(&other);
}

void scene_close(struct scene *s)
{
    struct identity *const party[] = {&s->alice, &s->bob, &s->proxy, &s->mallory, &s->domain, &s->stranger, &s->expired,
                                      &s->revoked};
    for (size_t i = 0; i < sizeof party / sizeof *party; i++)
        identity_clear(party[i]);
    trust_free(s->trust);
    arena_close(&s->opening);
    arena_close(&s->arena);
}

struct scene_draft scene_draft(const struct scene *s)
{
    return (struct scene_draft){
        .signer = &s->alice,
        .reader = {&s->bob, &s->proxy},
        .reader_count = 2,
        .date = SCENE_NOW,
        .label = PROXY ";cid=\"" CID "\";action=\"view verify\"",
        .call_id = "c1@ua1.home.example",
        .text = "hello",
    };
}

static struct span date_text(struct scene *s, int64_t date)
{
    struct writer w = arena_writer(&s->arena, 64);
    clock_write_date(&w, date);
    return writer_span(&w);
}

static struct span message_around(struct scene *s, const char *call_id, struct span date, struct span headers,
                                  struct span body)
{
    struct writer w = arena_writer(&s->arena, 4096 + headers.len + body.len);
    writer_text(&w, "MESSAGE sip:" BOB " SIP/2.0\r\n"
                    "Via: SIP/2.0/TCP ua1.home.example;branch=z9hG4bKscene\r\nMax-Forwards: 70\r\n"
                    "From: <sip:" ALICE ">;tag=a1\r\nTo: <sip:" BOB ">\r\nCall-ID: ");
    writer_text(&w, call_id);
    writer_text(&w, "\r\nCSeq: 1 MESSAGE\r\nDate: ");
    writer_put(&w, date);
    writer_text(&w, "\r\n");
    writer_put(&w, headers);
    writer_text(&w, "Content-Length: ");
    writer_decimal(&w, body.len);
    writer_text(&w, "\r\n\r\n");
    writer_put(&w, body);
    assert_false(w.full);
    return writer_span(&w);
}

struct span scene_message_of(struct scene *s, const char *call_id, struct span headers, struct span body)
{
    return message_around(s, call_id, date_text(s, SCENE_NOW), headers, body);
}

struct span scene_message(struct scene *s, const struct scene_draft *draft)
{
    struct certificate *readers[4];
    for (size_t i = 0; i < draft->reader_count; i++)
        readers[i] = draft->reader[i]->certificate;
    struct sender_draft sending = {
        .context = {.request_uri = SPAN("sip:" BOB),
                    .from_uri = SPAN("sip:" ALICE),
                    .from_tag = SPAN("a1"),
                    .to_uri = SPAN("sip:" BOB),
                    .call_id = span_text(draft->call_id),
                    .cseq = 1,
                    .method = SPAN("MESSAGE"),
                    .date = date_text(s, draft->date)},
        .now = draft->date,
        .signer = draft->signer,
        .part = {{
            .content_type = SPAN("text/plain;charset=UTF-8"),
            .disposition = SPAN("render"),
            .content = span_text(draft->text),
            .layer = {{.kind = SENDER_SIGNED, .cid = SPAN(CID)}, {.kind = SENDER_SEALED, .cid = SPAN(CID)}},
            .layer_count = draft->reader_count ? 2 : 1,
            .reader = readers,
            .reader_count = draft->reader_count,
        }},
        .part_count = 1,
    };
    if (draft->reader_count)
        sending.part[0].layer[0].cid = SPAN("");
    if (draft->sealed.len) {
        sending.part[0].content = draft->sealed;
        sending.part[0].content_type = SPAN("application/pkcs7-mime;smime-type=authEnveloped-data");
        sending.part[0].disposition = SPAN("attachment;handling=required");
    }
    if (draft->label) {
        assert_rule(label_parse(span_text(draft->label), &sending.labels.label[0]), RULE_OK);
        sending.labels.count = 1;
    }
    struct sender_body body;
    assert_rule(sender_protect(&sending, &s->arena, &body), RULE_OK);
    return message_around(s, draft->call_id, sending.context.date, body.headers, body.body);
}

struct span scene_body(struct span message)
{
    struct span end = SPAN("\r\n\r\n");
    size_t at = span_find_span(message, end);
    assert_true(at < message.len);
    return span_part(message, at + end.len, message.len);
}

struct span scene_replace(struct scene *s, struct span message, const char *old, const char *new)
{
    size_t at = span_find_span(message, span_text(old));
    if (at == message.len)
        fail_msg("the message does not hold \"%s\"", old);
    struct writer w = arena_writer(&s->arena, message.len + strlen(new));
    writer_put(&w, span_part(message, 0, at));
    writer_text(&w, new);
    writer_put(&w, span_part(message, at + strlen(old), message.len));
    assert_false(w.full);
    return writer_span(&w);
}

enum rule scene_outline(struct span message, struct message_outline *outline)
{
    struct sip_message parsed;
    struct outline_source source;
    enum rule rule = sip_message_parse(message, SIP_STREAM, &parsed);
    if (rule == RULE_OK)
        rule = outline_source_of(&parsed, &source);
    return rule == RULE_OK ? message_outline(&source, outline) : rule;
}

enum rule scene_examine(struct scene *s, struct span message, struct verdict *verdict, struct disclosed *disclosed)
{
    const struct middle middle = {
        .name = {SPAN_INIT(PROXY)},
        .name_count = 1,
        .identity = {&s->proxy},
        .identity_count = 1,
        .trust = s->trust,
        .window = PROOF_WINDOW_DEFAULT,
        .legacy = s->legacy,
    };
    struct message_outline outline;
    enum rule rule = scene_outline(message, &outline);
    if (rule == RULE_OK)
        middle_examine(&middle, &outline, SCENE_NOW, &s->opening, verdict, disclosed);
    return rule;
}

void scene_receive(struct scene *s, const struct identity *who, struct span message, struct received *received)
{
    const struct recipient recipient = {
        .identity = {who},
        .identity_count = 1,
        .trust = s->trust,
        .window = PROOF_WINDOW_DEFAULT,
        .legacy = s->legacy,
    };
    struct message_outline outline;
    assert_rule(scene_outline(message, &outline), RULE_OK);
    arena_reset(&s->opening);
    recipient_open(&recipient, &outline, SCENE_NOW, &s->opening, received);
}
