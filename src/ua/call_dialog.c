/* What the other side sends inside a dialog (RFC 3261 12.2.2, 14.2, 15.1.2; RFC 3311, RFC 6086). */
#include "sipseal/random.h"
#include "ua/call_core.h"

enum { RETRY_AFTER_MAX_S = 10 /* what a 500 to a crossing offer says at most (14.2) */ };

/* A request that this side answers by itself: `out` has the status. */
struct handling {
    struct calls *c;
    struct call *call;
    unsigned fork;
    const struct call_request *r;
    struct arena *arena;
    struct incoming *out;
};

static void reply(const struct handling *h, int status, enum rule rule)
{
    incoming_answer(h->r->terms, h->r->request, status, rule, h->out);
}

static void add_line(struct incoming *out, struct span line)
{
    struct writer w = writer_over(out->header_room, sizeof out->header_room);
    w.len = out->headers.len;
    writer_put(&w, line);
    out->headers = writer_span(&w);
}

/* --- BYE --- */

/* What still waits for an answer gets 487 (15.1.2). */
static void bye(const struct handling *h)
{
    struct call *call = h->call;
    reply(h, 200, RULE_OK);
    if (call->offer.id && call->offer.fork == h->fork && !call->offer.answered)
        offer_refuse(h->c, call, h->r->now, 487);
    fork_end(call->fork[h->fork]);
    if (call->main != h->fork)
        return; /* one of several phones that rang */
    call_about(h->c, call, h->r, NULL);
    call_over(call, call->state == CALL_LEAVING ? call->end : CALL_END_OTHER, 0,
              call->state == CALL_LEAVING ? call->end_rule : RULE_OK);
}

/* --- offers --- */

static bool crosses(const struct handling *h)
{
    const struct call *call = h->call;
    return call->reoffer.due || call->reoffer.id != 0 || (call->is_caller && call->main == CALL_FORKS_MAX);
}

/* Another request of the other side waits: it is to come again later (14.2, RFC 3311 5.2). */
static void come_again(const struct handling *h)
{
    uint8_t random = 0;
    char line[32];
    struct writer w = writer_over(line, sizeof line);
    reply(h, 500, RULE_SIP_ORDER);
    writer_text(&w, "Retry-After: ");
    writer_decimal(&w, random_bytes(&random, 1) ? random % (RETRY_AFTER_MAX_S + 1) : RETRY_AFTER_MAX_S);
    writer_text(&w, "\r\n");
    add_line(h->out, writer_span(&w));
}

static void reoffered(const struct handling *h)
{
    struct call *call = h->call;
    if (crosses(h)) {
        reply(h, 491, RULE_SIP_PENDING);
        return;
    }
    if (call->offer.id != 0) {
        come_again(h);
        return;
    }
    if (!incoming_offer(h->r->terms, h->r->request, true, h->arena, h->out))
        return;
    if (call->state != CALL_UP || call->main != h->fork || !offer_begin(call, h->fork, true, h->r)) {
        incoming_clear(h->out);
        reply(h, 500, RULE_INTERNAL);
        return;
    }
    dialog_refresh_target(&call->fork[h->fork]->dialog, h->r->request);
    call->fork[h->fork]->has_way = false;
    call_about(h->c, call, h->r, h->out);
    call_tell(call, CALL_REOFFERED);
}

/* An UPDATE that offers nothing says where the other side is, or only that it is still there. */
static void update(const struct handling *h)
{
    if (h->r->request->body.len > 0) {
        reoffered(h);
        return;
    }
    struct fork *f = h->call->fork[h->fork];
    char line[DIALOG_URI_MAX + 32];
    struct writer w = writer_over(line, sizeof line);
    dialog_refresh_target(&f->dialog, h->r->request);
    f->has_way = false;
    reply(h, 200, RULE_OK);
    call_write_contact(&w, h->call);
    add_line(h->out, writer_span(&w));
}

/* --- the rest --- */

static bool names_package(const struct sip_message *m)
{
    for (size_t i = 0; i < m->header_count; i++)
        if (span_equal_nocase(m->headers[i].name, SPAN("Info-Package")))
            return true;
    return false;
}

/* No package is known (RFC 6086 4.2.2), and no content outside of one; without content it asks whether the call is
 * there.
 */
static void info(const struct handling *h)
{
    if (names_package(h->r->request)) {
        reply(h, 469, RULE_SIP_METHOD);
        add_line(h->out, SPAN("Recv-Info:\r\n"));
    } else {
        bool empty = h->r->request->body.len == 0;
        reply(h, empty ? 200 : 415, empty ? RULE_OK : RULE_SIP_SESSION);
    }
}

static void other(const struct handling *h)
{
    switch (h->r->request->method) {
    case SIP_PRACK: /* this side sends no reliable provisional response (RFC 3262 3) */
        reply(h, 481, RULE_SIP_NO_TRANSACTION);
        break;
    case SIP_OPTIONS:
        incoming_options(h->r->terms, h->r->request, h->out);
        break;
    case SIP_MESSAGE:
        incoming_message(h->r->terms, h->r->request, h->arena, h->out);
        break;
    default:
        reply(h, h->r->request->method == SIP_METHOD_OTHER ? 501 : 405, RULE_SIP_METHOD);
        break;
    }
}

void call_dialog_request(struct calls *c, struct call *call, unsigned fork, const struct call_request *r,
                         struct arena *arena, struct incoming *out)
{
    const struct handling h = {c, call, fork, r, arena, out};
    enum rule rule = dialog_take_request(&call->fork[fork]->dialog, r->request);
    if (rule != RULE_OK) {
        reply(&h, 500, rule);
        return;
    }
    if (!incoming_extensions_fit(r->terms, r->request, out))
        return;
    switch (r->request->method) {
    case SIP_BYE:
        bye(&h);
        break;
    case SIP_INVITE:
        reoffered(&h);
        break;
    case SIP_UPDATE:
        update(&h);
        break;
    case SIP_INFO:
        info(&h);
        break;
    default:
        other(&h);
        break;
    }
}
