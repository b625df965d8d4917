#include "cli/policy_fetch.h"

#include "cli/exchange.h"
#include "ua/compose.h"
#include "ua/policy_trust.h"

enum { REQUEST_MAX = 4096 };

#define ANONYMOUS "sip:anonymous@anonymous.invalid" /* RFC 3323 4.1.1.3 */

struct asking {
    const struct policy_fetch *fetch;
    struct net_place place;
    struct exchange exchange;
};

static bool write_options(const struct asking *a, const struct compose_identifiers *ids, const char *sent_by,
                          struct writer *w)
{
    uint8_t to_room[PARTY_NAME_MAX + 32], from_room[PARTY_NAME_MAX + 64], uri_room[PARTY_NAME_MAX + 16];
    struct writer uri = writer_over(uri_room, sizeof uri_room), to = writer_over(to_room, sizeof to_room);
    struct writer from = writer_over(from_room, sizeof from_room);
    const struct party *self = a->fetch->self;
    writer_text(&uri, "sip:policy@");
    writer_put(&uri, a->fetch->host);
    compose_address(&to, writer_span(&uri), "");
    compose_address(&from, self ? span_text(self->uri) : SPAN(ANONYMOUS), ids->from_tag);
    const struct sip_request request = {
        .method = SPAN("OPTIONS"),
        .uri = writer_span(&uri),
        .transport = a->place.transport,
        .sent_by = span_text(sent_by),
        .branch = span_text(ids->branch),
        .max_forwards = SIP_MAX_FORWARDS,
        .from = writer_span(&from),
        .to = writer_span(&to),
        .call_id = span_text(ids->call_id),
        .cseq = ids->cseq,
        .headers = SPAN("Accept: application/pkcs7-mime\r\n"),
    };
    return !uri.full && !to.full && !from.full && sip_request_write(w, &request);
}

/* The response's bytes go with the exchange. */
static enum rule object_of(const struct asking *a, struct span *der)
{
    const struct sip_message *response = a->exchange.response;
    return response->status / 100 == 2 ? policy_object_of_response(response, a->fetch->arena, der)
                                       : RULE_POLICY_OBJECT_ABSENT;
}

static enum exit_code ask(struct asking *a, enum rule *broken, struct span *der)
{
    static const struct party nobody;
    const struct policy_fetch *fetch = a->fetch;
    struct compose_identifiers ids;
    uint8_t room[REQUEST_MAX];
    struct writer w = writer_over(room, sizeof room);
    enum exit_code code =
        exchange_open(&a->exchange, fetch->cli, &a->place, fetch->arena, fetch->self ? fetch->self : &nobody);
    if (code != EXIT_DONE)
        return code;
    if (!compose_identify(&ids, cli_now()) || !write_options(a, &ids, a->exchange.sent_by, &w))
        return cli_fail(EXIT_USAGE, "the question cannot be written; give a shorter name");
    const struct exchange_request request = {.bytes = writer_span(&w), .branch = span_text(ids.branch),
                                             .method = SPAN("OPTIONS"), .timeout_s = fetch->timeout_s};
    code = exchange_run(&a->exchange, &request);
    if (code != EXIT_DONE)
        return code;
    if (!a->exchange.response)
        return exchange_fail(&a->exchange);
    *broken = object_of(a, der);
    return EXIT_DONE;
}

enum exit_code policy_fetch(const struct policy_fetch *fetch, enum rule *broken, struct span *der)
{
    struct asking a = {.fetch = fetch, .place = *fetch->place};
    *broken = RULE_POLICY_OBJECT_ABSENT;
    *der = SPAN("");
    if (a.place.transport != SIP_TLS)
        a.place.transport = SIP_TCP;
    enum exit_code code = ask(&a, broken, der);
    exchange_close(&a.exchange);
    return code;
}
