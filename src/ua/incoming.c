#include "ua/incoming.h"

#include "sipseal/policy.h"

#define ALLOWED "MESSAGE, OPTIONS"
#define ALLOWED_IN_CALLS ", " INCOMING_CALL_METHODS

struct deciding {
    const struct incoming_terms *terms;
    const struct sip_message *request;
    struct incoming *out;
    struct writer headers;
};

static void answer(struct deciding *d, int status, enum rule broken)
{
    d->out->status = status;
    d->out->broken = broken;
}

/* The domain of the user names the agent in a Warning: no address of this machine is told (RFC 3261 20.43). */
static struct span agent_of(const struct deciding *d)
{
    struct sip_uri uri;
    return sip_uri_parse(d->terms->aor, &uri) == RULE_OK ? uri.host : SPAN("sipseal.invalid");
}

/* A recipient never asks for what only a middle's policy may ask for: 495 and 496 are a middle's (protocol.md 5). */
static int recipient_status(enum rule rule)
{
    int status = rule_status(rule);
    if (status == 496)
        return 493;
    if (status == 495)
        return 403;
    return status ? status : 500;
}

static void refuse(struct deciding *d, enum rule rule)
{
    answer(d, recipient_status(rule), rule);
    if (d->out->status == 403 || d->out->status == 493) {
        writer_text(&d->headers, "Warning: ");
        policy_write_warning(&d->headers, agent_of(d), rule);
        writer_text(&d->headers, "\r\n");
    }
}

static void allow(struct deciding *d)
{
    writer_text(&d->headers, "Allow: " ALLOWED);
    writer_text(&d->headers, d->terms->calls ? ALLOWED_IN_CALLS "\r\n" : "\r\n");
}

/* --- requests as such --- */

/* RFC 3261 8.2.2.3: no extension is supported, so each one that is required is named. */
static bool extensions_fit(struct deciding *d)
{
    const struct sip_header *h = NULL;
    bool fit = true;
    while ((h = sip_header_next(d->request, SIP_H_REQUIRE, h))) {
        writer_text(&d->headers, "Unsupported: ");
        for (size_t i = 0; i < h->value.len; i++) /* a folded value goes on one line */
            writer_byte(&d->headers, h->value.at[i] < ' ' ? ' ' : h->value.at[i]);
        writer_text(&d->headers, "\r\n");
        fit = false;
    }
    if (!fit)
        answer(d, 420, RULE_SIP_PROXY_REQUIRE);
    return fit;
}

/* RFC 3261 8.2.2.1: the Request-URI is the address-of-record, or the contact that was registered for it, which has the
 * same user. */
static bool is_addressed(struct deciding *d)
{
    struct sip_uri asked, own;
    if (sip_uri_parse(d->request->request_uri, &asked) != RULE_OK ||
        (asked.scheme != SIP_SCHEME_SIP && asked.scheme != SIP_SCHEME_SIPS)) {
        answer(d, 416, RULE_SIP_SCHEME);
        return false;
    }
    if (sip_uri_parse(d->terms->aor, &own) == RULE_OK && span_equal(asked.user, own.user))
        return true;
    if (sip_same_aor(d->request->request_uri, d->terms->aor))
        return true;
    answer(d, 404, RULE_SIP_NOT_REGISTERED);
    return false;
}

static void options(struct deciding *d)
{
    answer(d, 200, RULE_OK);
    allow(d);
    writer_text(&d->headers, "Accept: text/plain, ");
    writer_text(&d->headers, d->terms->calls ? INCOMING_SESSION_TYPES "\r\n"
                                             : "application/pkcs7-mime, multipart/mixed, multipart/signed\r\n");
}

/* RFC 3261 8.2.1: 405 for a method that is known, 501 for one that is not. */
static void other_method(struct deciding *d)
{
    switch (d->request->method) {
    case SIP_ACK:
        return;
    case SIP_CANCEL: /* nothing here waits to be cancelled (9.2) */
        answer(d, 481, RULE_SIP_METHOD);
        return;
    case SIP_METHOD_OTHER:
        answer(d, 501, RULE_SIP_METHOD);
        break;
    default:
        answer(d, 405, RULE_SIP_METHOD);
        break;
    }
    allow(d);
}

/* --- MESSAGE --- */

/* Every signature that was verified is spent when the message is delivered, and none may have been spent before. */
static size_t collect_replay(const struct deciding *d, struct replay_entry *entries, enum rule *rule)
{
    const struct received *r = &d->out->received;
    size_t count = 0;
    for (size_t i = 0; i < r->part_count && *rule == RULE_OK; i++) {
        const struct proof *proof = &r->part[i].proof;
        if (!proof->signer || !proof->has_frag)
            continue;
        *rule = proof_replay_key(proof, NULL, entries[count].key);
        entries[count++].expires = proof->frag.date + d->terms->recipient->window;
    }
    return count;
}

static enum rule check_replay(struct deciding *d)
{
    struct replay_entry entries[RECIPIENT_PARTS_MAX];
    enum rule rule = RULE_OK;
    size_t count = collect_replay(d, entries, &rule);
    if (rule == RULE_OK)
        rule = replay_set_check(d->terms->replay, entries, count, d->terms->now);
    if (rule == RULE_OK)
        replay_set_spend(d->terms->replay, entries, count);
    return rule;
}

static enum rule read_body(struct deciding *d)
{
    struct outline_source source;
    enum rule rule = outline_source_of(d->request, &source);
    d->out->outline.source = source; /* what is known is shown, also of a message that is refused */
    if (rule == RULE_OK)
        rule = message_outline(&source, &d->out->outline);
    if (rule == RULE_OK && source.body.content_encoded)
        rule = RULE_MIME_CONTENT_ENCODING;
    return rule;
}

static void message(struct deciding *d, struct arena *arena)
{
    d->out->is_message = true;
    enum rule rule = read_body(d);
    if (rule == RULE_OK) {
        recipient_open(d->terms->recipient, &d->out->outline, d->terms->now, arena, &d->out->received);
        rule = d->out->received.broken;
    }
    if (rule == RULE_OK)
        rule = check_replay(d);
    if (rule != RULE_OK) {
        refuse(d, rule);
        return;
    }
    d->out->deliver = true;
    answer(d, 200, RULE_OK);
}

static void begin(struct deciding *d, const struct incoming_terms *terms, const struct sip_message *m,
                  struct incoming *out)
{
    memset(out, 0, sizeof *out);
    *d = (struct deciding){.terms = terms, .request = m, .out = out};
    d->headers = writer_over(out->header_room, sizeof out->header_room);
    out->for_me = sip_same_aor(m->to.uri, terms->aor);
}

static void end(struct deciding *d)
{
    d->out->headers = d->headers.full ? SPAN("") : writer_span(&d->headers);
}

void incoming_decide(const struct incoming_terms *terms, const struct sip_message *request, struct arena *arena,
                     struct incoming *out)
{
    struct deciding d;

    begin(&d, terms, request, out);
    if (request->method != SIP_MESSAGE && request->method != SIP_OPTIONS)
        other_method(&d);
    else if (terms->merged)
        answer(&d, 482, RULE_SIP_MERGED);
    else if (!is_addressed(&d) || !extensions_fit(&d))
        ;
    else if (request->method == SIP_OPTIONS)
        options(&d);
    else
        message(&d, arena);
    end(&d);
}

/* --- calls --- */

/* The session description: the first content of its type, wherever it stands at the top. */
static enum rule find_session(struct incoming *out, struct arena *arena)
{
    const struct received *r = &out->received;
    for (size_t i = 0; i < r->part_count && !out->has_session; i++) {
        const struct received_part *part = &r->part[i];
        if (!part->has_content || !mime_type_matches(part->content.type, SPAN("application/sdp")))
            continue;
        enum rule rule = mime_decode(&part->content, arena, &out->session);
        if (rule != RULE_OK)
            return rule;
        out->has_session = true;
    }
    return RULE_OK;
}

static enum rule open_body(struct deciding *d, struct arena *arena)
{
    d->out->is_offer = true;
    enum rule rule = read_body(d);
    if (rule == RULE_OK) {
        recipient_open(d->terms->recipient, &d->out->outline, d->terms->now, arena, &d->out->received);
        rule = d->out->received.broken;
    }
    return rule == RULE_OK ? find_session(d->out, arena) : rule;
}

bool incoming_offer(const struct incoming_terms *terms, const struct sip_message *request, bool in_dialog,
                    struct arena *arena, struct incoming *out)
{
    struct deciding d;
    bool taken = false;

    begin(&d, terms, request, out);
    if (terms->merged) {
        answer(&d, 482, RULE_SIP_MERGED);
    } else if ((in_dialog || is_addressed(&d)) && extensions_fit(&d)) {
        enum rule rule = open_body(&d, arena);
        if (rule == RULE_OK)
            rule = check_replay(&d);
        taken = rule == RULE_OK && (out->has_session || out->received.part_count == 0);
        if (rule != RULE_OK)
            refuse(&d, rule);
        else if (!taken) {
            answer(&d, 415, RULE_SIP_SESSION);
            writer_text(&d.headers, "Accept: " INCOMING_SESSION_TYPES "\r\n");
        }
    }
    end(&d);
    return taken;
}

void incoming_open(const struct incoming_terms *terms, const struct sip_message *m, struct arena *arena,
                   struct incoming *out)
{
    struct deciding d;
    begin(&d, terms, m, out);
    out->status = m->is_request ? 0 : m->status;
    out->broken = open_body(&d, arena);
}

void incoming_answer(const struct incoming_terms *terms, const struct sip_message *request, int status,
                     enum rule broken, struct incoming *out)
{
    struct deciding d;
    begin(&d, terms, request, out);
    answer(&d, status, broken);
    if (status == 405 || status == 501)
        allow(&d);
    end(&d);
}

void incoming_message(const struct incoming_terms *terms, const struct sip_message *request, struct arena *arena,
                      struct incoming *out)
{
    struct deciding d;
    begin(&d, terms, request, out);
    message(&d, arena);
    end(&d);
}

void incoming_options(const struct incoming_terms *terms, const struct sip_message *request, struct incoming *out)
{
    struct deciding d;
    begin(&d, terms, request, out);
    options(&d);
    end(&d);
}

bool incoming_extensions_fit(const struct incoming_terms *terms, const struct sip_message *request,
                             struct incoming *out)
{
    struct deciding d;
    begin(&d, terms, request, out);
    bool fit = extensions_fit(&d);
    end(&d);
    return fit;
}

void incoming_refuse(enum rule broken, struct incoming *out)
{
    memset(out, 0, sizeof *out);
    out->status = recipient_status(broken);
    out->broken = broken;
}

void incoming_clear(struct incoming *in)
{
    received_clear(&in->received);
    memset(in, 0, sizeof *in);
}
