/* Which transaction a message belongs to (RFC 3261 17.1.3, 17.2.3, 8.2.2.2). What must be equal goes into a keyed
 * digest of 128 bits that stands for it: nothing of the message is kept, and no stranger can find two that collide. */
#include "lex.h"
#include "transaction.h"

/* One digest for each kind of match, so that none can be taken for another. */
enum match_kind { MATCH_CLIENT = 'c', MATCH_SERVER = 's', MATCH_SERVER_2543 = '2', MATCH_MERGED = 'm' };

static void begin(const struct sip_transactions *t, struct siphash *h, enum match_kind kind)
{
    uint8_t byte = (uint8_t)kind;
    siphash_begin(h, t->settings.key);
    siphash_add(h, span_of(&byte, 1));
}

static void add_number(struct siphash *h, uint32_t number)
{
    uint8_t bytes[4];
    struct writer w = writer_over(bytes, sizeof bytes);
    writer_u32(&w, number);
    siphash_add(h, writer_span(&w));
}

/* Host names compare without regard to case. */
static void add_host(struct siphash *h, struct span host)
{
    uint8_t lower[256];
    size_t len = host.len < sizeof lower ? host.len : sizeof lower;
    for (size_t i = 0; i < len; i++)
        lower[i] = lex_lower(host.at[i]);
    siphash_add_field(h, span_of(lower, len));
}

struct digest match_client(const struct sip_transactions *t, struct span branch, struct span method)
{
    struct siphash h;
    begin(t, &h, MATCH_CLIENT);
    siphash_add_field(&h, branch);
    siphash_add_field(&h, method);
    return siphash_end(&h);
}

/* Branch, sent-by and method. */
static struct digest match_branch(const struct sip_transactions *t, const struct sip_via *via, struct span method)
{
    struct siphash h;
    begin(t, &h, MATCH_SERVER);
    siphash_add_field(&h, via->branch);
    add_host(&h, via->host);
    add_number(&h, via->port);
    siphash_add_field(&h, method);
    return siphash_end(&h);
}

/* A client of RFC 2543: Request-URI, tags, Call-ID, CSeq and the whole topmost Via. The To tag is left out for INVITE,
 * since its ACK has that of the response; what else is here names the request well enough. */
static struct digest match_2543(const struct sip_transactions *t, const struct sip_message *m, struct span method)
{
    struct siphash h;
    begin(t, &h, MATCH_SERVER_2543);
    siphash_add_field(&h, m->request_uri);
    siphash_add_field(&h, sip_method_of(method) == SIP_INVITE ? (struct span){0} : m->to.tag);
    siphash_add_field(&h, m->from.tag);
    siphash_add_field(&h, m->call_id);
    add_number(&h, m->cseq);
    siphash_add_field(&h, method);
    siphash_add_field(&h, m->via.text);
    return siphash_end(&h);
}

/* A branch that is nothing but the cookie is not unique (RFC 4475 3.2.1). */
struct digest match_server(const struct sip_transactions *t, const struct sip_message *request, struct span method)
{
    struct span cookie = SPAN(SIP_MAGIC_COOKIE), branch = request->via.branch;
    if (branch.len > cookie.len && span_starts(branch, cookie))
        return match_branch(t, &request->via, method);
    return match_2543(t, request, method);
}

struct digest match_merged(const struct sip_transactions *t, const struct sip_message *request)
{
    struct siphash h;
    begin(t, &h, MATCH_MERGED);
    siphash_add_field(&h, request->from.tag);
    siphash_add_field(&h, request->call_id);
    add_number(&h, request->cseq);
    siphash_add_field(&h, request->cseq_method);
    return siphash_end(&h);
}
