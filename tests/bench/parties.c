#include "parties.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "measure.h"
#include "sipseal/clock.h"
#include "sipseal/issue.h"
#include "sipseal/pem.h"
#include "sipseal/random.h"
#include "sipseal/sender.h"

enum { DAY = 86400, KEYS_ROOM = 1024 * 1024, FILE_MAX = 64 * 1024, HEAD_ROOM = 4096 };

static void make_one(struct arena *arena, const struct identity *authority, enum issue_kind kind, const char *name,
                     struct identity *one)
{
    struct span key, certificate;
    int64_t now = time(NULL);
    const struct issue_terms terms = {.kind = kind,
                                      .usage = ISSUE_SIGN_AND_SEAL,
                                      .name = span_text(name),
                                      .not_before = now - DAY,
                                      .not_after = now + DAY};
    NEED(issue_key(arena, &key) == RULE_OK);
    NEED(issue_certificate(arena, authority, key, &terms, &certificate) == RULE_OK);
    NEED(identity_load(certificate, key, one) == RULE_OK);
}

void parties_make(struct parties *p)
{
    struct arena arena = {0};
    struct identity authority;
    struct span key, certificate;
    int64_t now = time(NULL);
    *p = (struct parties){.trust = trust_new()};
    NEED(p->trust && arena_open(&arena, KEYS_ROOM));
    NEED(issue_key(&arena, &key) == RULE_OK);
    NEED(issue_authority(&arena, key, SPAN("Measured"), now - DAY, now + DAY, &certificate) == RULE_OK);
    NEED(identity_load(certificate, key, &authority) == RULE_OK);
    NEED(trust_add_anchor(p->trust, authority.certificate->der) == RULE_OK);
    make_one(&arena, &authority, ISSUE_USER, "sip:" ALICE, &p->alice);
    make_one(&arena, &authority, ISSUE_USER, "sip:" BOB, &p->bob);
    make_one(&arena, &authority, ISSUE_HOST, PROXY, &p->proxy);
    make_one(&arena, &authority, ISSUE_USER, "sip:carol@far.example", &p->third);
    p->authority = certificate_hold(authority.certificate);
    identity_clear(&authority);
    arena_close(&arena);
}

static struct span read_der(struct arena *arena, const char *folder_and_name, const char *ending, const char *type)
{
    char path[4096];
    struct span der;
    uint8_t *bytes = arena_take(arena, FILE_MAX);
    snprintf(path, sizeof path, "%s.%s", folder_and_name, ending);
    FILE *file = fopen(path, "r");
    if (!file || !bytes)
        DIE("%s cannot be read", path);
    size_t len = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
    if (pem_only(arena, span_of(bytes, len), type, &der) != RULE_OK)
        DIE("%s is not what it should be", path);
    return der;
}

static void load_one(const char *folder_and_name, struct identity *one)
{
    struct arena arena = {0};
    NEED(arena_open(&arena, KEYS_ROOM));
    struct span certificate = read_der(&arena, folder_and_name, "pem", PEM_CERTIFICATE);
    struct span key = read_der(&arena, folder_and_name, "key", PEM_PRIVATE_KEY);
    NEED(identity_load(certificate, key, one) == RULE_OK);
    arena_close(&arena);
}

void parties_load(struct parties *p, const char *alice, const char *bob, const char *proxy)
{
    *p = (struct parties){0};
    NEED(alice && bob && proxy);
    load_one(alice, &p->alice);
    load_one(bob, &p->bob);
    load_one(proxy, &p->proxy);
}

void parties_clear(struct parties *p)
{
    struct identity *const all[] = {&p->alice, &p->bob, &p->proxy, &p->third};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->certificate)
            identity_clear(all[i]);
    certificate_release(p->authority);
    trust_free(p->trust);
}

/* --- messages --- */

static struct span compose(struct arena *arena, const struct parties_draft *draft, const struct sender_draft *sending,
                           const struct sender_body *body)
{
    struct writer w = arena_writer(arena, HEAD_ROOM + body->headers.len + body->body.len);
    writer_text(&w, "MESSAGE sip:" BOB " SIP/2.0\r\nVia: SIP/2.0/TCP ");
    writer_text(&w, draft->sent_by);
    writer_text(&w, ";branch=z9hG4bKbench");
    writer_decimal(&w, draft->number);
    writer_text(&w, "\r\nMax-Forwards: 70\r\nFrom: <sip:" ALICE ">;tag=a1\r\nTo: <sip:" BOB ">\r\nCall-ID: ");
    writer_put(&w, sending->context.call_id);
    writer_text(&w, "\r\nCSeq: 1 MESSAGE\r\nDate: ");
    writer_put(&w, sending->context.date);
    writer_text(&w, "\r\n");
    writer_put(&w, body->headers);
    writer_text(&w, "Content-Length: ");
    writer_decimal(&w, body->body.len);
    writer_text(&w, "\r\n\r\n");
    writer_put(&w, body->body);
    NEED(!w.full);
    return writer_span(&w);
}

/* Text that differs from message to message. */
static struct span text_of(struct arena *arena, unsigned long number)
{
    struct writer w = arena_writer(arena, PARTIES_TEXT_LEN + 64);
    writer_text(&w, "Message ");
    writer_decimal(&w, number);
    writer_text(&w, ": the parcel is in the blue locker, and the code is ");
    writer_decimal(&w, number * 7919 % 10000);
    while (w.len < PARTIES_TEXT_LEN)
        writer_byte(&w, (uint8_t)('a' + w.len % 26));
    NEED(!w.full);
    return span_part(writer_span(&w), 0, PARTIES_TEXT_LEN);
}

struct span parties_message(const struct parties *p, const struct parties_draft *draft, struct arena *arena,
                            struct span *body_out)
{
    struct certificate *readers[PARTIES_READERS_MAX] = {p->bob.certificate, p->proxy.certificate, p->third.certificate};
    struct writer call_id = arena_writer(arena, 64), date = arena_writer(arena, 64);
    writer_text(&call_id, "bench");
    writer_decimal(&call_id, draft->number);
    writer_text(&call_id, "@ua1.home.example");
    clock_write_date(&date, draft->now);
    struct sender_draft sending = {.context = {.request_uri = SPAN("sip:" BOB),
                                               .from_uri = SPAN("sip:" ALICE),
                                               .from_tag = SPAN("a1"),
                                               .to_uri = SPAN("sip:" BOB),
                                               .call_id = writer_span(&call_id),
                                               .cseq = 1,
                                               .method = SPAN("MESSAGE"),
                                               .date = writer_span(&date)},
                                   .now = draft->now,
                                   .signer = &p->alice,
                                   .part = {{
                                       .content_type = SPAN("text/plain;charset=UTF-8"),
                                       .disposition = SPAN("render"),
                                       .content = text_of(arena, draft->number),
                                       .layer = {{.kind = SENDER_SIGNED},
                                                 {.kind = SENDER_SEALED, .cid = SPAN(CONTENT_ID)}},
                                       .layer_count = 2,
                                       .reader = readers,
                                       .reader_count = draft->readers,
                                   }},
                                   .part_count = 1};
    struct sender_body body;
    NEED(!call_id.full && !date.full && draft->readers >= 1 && draft->readers <= PARTIES_READERS_MAX);
    NEED(label_parse(SPAN(PROXY ";cid=\"" CONTENT_ID "\";action=\"view verify\""), &sending.labels.label[0]) ==
         RULE_OK);
    sending.labels.count = 1;
    NEED(random_bytes(sending.random, sizeof sending.random));
    NEED(sender_protect(&sending, arena, &body) == RULE_OK);
    if (body_out)
        *body_out = body.body;
    return compose(arena, draft, &sending, &body);
}
