/* Whatever strangers send, whatever vaults and store answer and whenever they end: the proxy core stays within its
 * limits, sends nothing that is not SIP, never changes a body, and at the end holds nothing.
 *
 * The input is a sequence of steps, separated by lines "%%". The first letter of a step says what happens: U and T a
 * message arrives by UDP or TCP, N from the next hop, R the next hop answers the last request with the status that
 * follows, t time passes (tenths of a second), v and V a vault answers or ends, s and S the store answers or ends, b the
 * store gives the bindings that it has (as records of one user, which the rest of the step is), B the proxy begins anew,
 * f a message could not be sent, c a connection closes, x what cannot be framed. */
#include <stdlib.h>

#include "proxy/address.h"
#include "proxy/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { JOBS_MAX = 32, TRANSACTIONS_MAX = 40, LAST_MAX = 64 * 1024 };

struct world {
    struct span name;
    struct hop listen[2];
    uint64_t listen_flow[2];
    struct route route[2];
    struct policy policy;
    struct proxy *proxy;
    struct proxy_time now;
    uint64_t random;
    uint64_t vault_job[JOBS_MAX], store_job[JOBS_MAX], transaction;
    uint8_t kept[LAST_MAX]; /* what the store was last asked to keep, as a page that gives it back */
    size_t kept_len;
    size_t vault_jobs, store_jobs;
    uint8_t last[LAST_MAX]; /* the last request that went to the next hop */
    size_t last_len;
    struct span input; /* all of it */
};

static struct ipc_examined examined;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void random_bytes(void *context, uint8_t *out, size_t len)
{
    struct world *w = context;
    for (size_t i = 0; i < len; i++) {
        w->random = w->random * 6364136223846793005 + 1442695040888963407;
        out[i] = (uint8_t)(w->random >> 56);
    }
}

static struct hop hop(enum sip_transport transport, const char *host, uint16_t port)
{
    struct hop h = {.transport = transport};
    require(address_of_host(span_text(host), port, &h.address, &h.address_len));
    return h;
}

static void start(struct world *w);

static void begin(struct world *w)
{
    *w = (struct world){.name = SPAN("p.example"), .now = {1000000, 1795438800}};
    w->listen[0] = hop(SIP_UDP, "192.0.2.1", 5060);
    w->listen[1] = hop(SIP_TCP, "192.0.2.1", 5060);
    w->listen_flow[0] = 1;
    w->route[0] = (struct route){.domain = SPAN("h.example"), .registrar = true, .allow_count = 1};
    w->route[0].allow[0].address = hop(SIP_UDP, "192.0.2.0", 1).address;
    w->route[0].allow[0].prefix = 24;
    w->route[1] = (struct route){.domain = SPAN("*"), .has_next = true, .next = hop(SIP_UDP, "198.51.100.1", 5060),
                                .record_route = true};
    w->policy.rule[0] = (struct policy_rule){.require = LABEL_VIEW | LABEL_VERIFY, .mode = POLICY_ENFORCE};
    w->policy.rule_count = 1;
    start(w);
    proxy_bindings(w->proxy, &(struct ipc_bindings){.last = true}, w->now);
    require(proxy_bindings_loaded(w->proxy));
}

static void start(struct world *w)
{
    const struct proxy_settings settings = {
        .name = &w->name, .name_count = 1, .listen = w->listen, .listen_flow = w->listen_flow, .listen_count = 2,
        .route = w->route, .route_count = 2, .policy = &w->policy, .vaults = 1, .archive = true, .window = 600, .keep_bindings = true,
        .limits = {.message_bytes = 65536, .transactions = TRANSACTIONS_MAX, .connections = 8, .jobs_per_vault = 8,
                   .store_jobs = 4, .bindings = 8, .bindings_per_user = 4, .branches = 4, .idle_seconds = 60,
                   .ringing_seconds = 200, .drain_seconds = 5,
                   .wait_seconds = 5, .examine_seconds = 15, .retry_after_seconds = 5, .registration_seconds = 7200},
        .random = random_bytes, .random_context = w};
    w->proxy = proxy_new(&settings, w->now);
    require(w->proxy != NULL);
    proxy_vault_ready(w->proxy, 0, w->now);
    proxy_store_ready(w->proxy, w->now);
}

/* --- what comes out --- */

/* What the store is asked to keep, it can be asked to give back. */
static void note_bind(struct world *w, struct cursor *fields)
{
    static struct ipc_bindings page;
    struct ipc_bind bind;
    struct writer out = writer_over(w->kept, sizeof w->kept);
    require(ipc_read_bind(fields, &bind) == RULE_OK && bind.count <= 8);
    page = (struct ipc_bindings){.last = true, .count = bind.count};
    memcpy(page.binding, bind.binding, bind.count * sizeof *bind.binding);
    ipc_write_bindings(&out, &page);
    require(!out.full);
    w->kept_len = out.len;
}

static void note_job(struct world *w, uint64_t *jobs, size_t *count, struct span datagram)
{
    struct ipc_header header;
    struct cursor fields;
    require(ipc_read_header(datagram, &header, &fields) == RULE_OK);
    if (header.kind == IPC_BIND)
        note_bind(w, &fields);
    if (header.job && *count < JOBS_MAX)
        jobs[(*count)++] = header.job;
}

static void note_send(struct world *w, const struct proxy_action *a)
{
    static struct sip_message m;
    enum rule rule = sip_message_parse(a->bytes, SIP_STREAM, &m);
    if (!a->request) {
        /* A response repeats what a request said, which may have been broken; but a start line it always has. */
        require(span_starts(a->bytes, SPAN("SIP/2.0 ")));
        return;
    }
    require((rule == RULE_OK || rule == RULE_SIP_CONTENT_LENGTH) && m.is_request);
    require(m.has_max_forwards && span_equal(m.via.host, w->name));
    /* But for a MESSAGE there is a way back from TCP (RFC 3261 18.1.1). */
    require(a->hop.transport != SIP_UDP || a->bytes.len <= PROXY_UDP_MAX || m.method != SIP_MESSAGE);
    /* REQ-GEN-2, REQ-GEN-3: the body is one that came. */
    require(m.body.len == 0 || span_find_span(w->input, m.body) < w->input.len);
    w->transaction = a->transaction;
    w->last_len = a->bytes.len < LAST_MAX ? a->bytes.len : 0;
    memcpy(w->last, a->bytes.at, w->last_len);
}

static void drain(struct world *w)
{
    struct proxy_action a;
    struct proxy_counters counters;
    while (proxy_next(w->proxy, &a)) {
        if (a.kind == PROXY_SEND)
            note_send(w, &a);
        else if (a.kind == PROXY_ASK_VAULT)
            note_job(w, w->vault_job, &w->vault_jobs, a.bytes);
        else if (a.kind == PROXY_ASK_STORE)
            note_job(w, w->store_job, &w->store_jobs, a.bytes);
    }
    proxy_count(w->proxy, &counters);
    require(counters.open <= TRANSACTIONS_MAX && counters.bindings <= 8);
}

/* --- what goes in --- */

static void receive(struct world *w, enum sip_transport transport, const char *from, struct span bytes)
{
    struct hop h = hop(transport, from, 5060);
    const struct proxy_source source = {.transport = transport, .address = h.address, .address_len = h.address_len,
                                        .flow = transport == SIP_UDP ? 1 : 1000};
    proxy_received(w->proxy, &source, bytes, w->now);
}

/* A response to the last request: its status line, and the headers that a response repeats. */
static void respond(struct world *w, struct span status)
{
    static struct sip_message m;
    static uint8_t text[LAST_MAX + 256];
    struct writer out = writer_over(text, sizeof text);
    if (sip_message_parse(span_of(w->last, w->last_len), SIP_DATAGRAM, &m) != RULE_OK)
        return;
    writer_text(&out, "SIP/2.0 ");
    writer_put(&out, span_part(status, 0, 3));
    writer_text(&out, " X\r\n");
    for (size_t i = 0; i < m.header_count; i++)
        if (m.headers[i].id == SIP_H_VIA || m.headers[i].id == SIP_H_FROM || m.headers[i].id == SIP_H_TO ||
            m.headers[i].id == SIP_H_CALL_ID || m.headers[i].id == SIP_H_CSEQ)
            writer_put(&out, m.headers[i].line);
    writer_text(&out, "Content-Length: 0\r\n\r\n");
    receive(w, SIP_UDP, "198.51.100.1", writer_span(&out));
}

/* Opened and good, closed, broken, or opened and without a record. */
static void vault_answers(struct world *w, struct span how)
{
    if (w->vault_jobs == 0)
        return;
    memset(&examined, 0, sizeof examined);
    struct verdict_part *part = &examined.verdict.part[0];
    examined.verdict.part_count = 1;
    switch (how.len ? how.at[0] : 0) {
    case 'c':
        *part = (struct verdict_part){.state = PART_CLOSED, .signature = RULE_SIGNATURE_ABSENT};
        break;
    case 'b':
        examined.verdict.broken = RULE_CMS_DER;
        break;
    default:
        *part = (struct verdict_part){.state = PART_OPENED, .proof = PROOF_USER, .has_replay_key = true,
                                      .signer = "sip:a@h.example", .type = {"text/plain"}, .type_count = 1};
        examined.record = how.len && how.at[0] == 'n' ? (struct span){0} : SPAN("a record");
    }
    proxy_examined(w->proxy, 0, w->vault_job[--w->vault_jobs], &examined, w->now);
}

static void store_answers(struct world *w, struct span how)
{
    struct ipc_admitted answer = {.rule = RULE_OK, .record_id = 7};
    if (w->store_jobs == 0)
        return;
    if (how.len && how.at[0] == 'r')
        answer.rule = RULE_REPLAY;
    if (how.len && how.at[0] == 'g')
        answer.rule = RULE_STORE_GONE;
    uint64_t job = w->store_job[--w->store_jobs];
    proxy_admitted(w->proxy, job, &answer, w->now); /* one of them is about it, the other about nothing */
    proxy_bound(w->proxy, job, answer.rule, w->now);
}

/* The proxy begins anew, and takes back what was kept last, or what the step says. */
static void begin_anew(struct world *w)
{
    proxy_free(w->proxy);
    w->vault_jobs = w->store_jobs = 0;
    start(w);
}

static void store_gives(struct world *w, struct span record)
{
    static struct ipc_bindings page;
    struct ipc_header header;
    struct cursor fields;
    page = (struct ipc_bindings){.last = true, .count = 1,
                                 .binding = {{SPAN("sip:a@h.example"), w->now.wall + 100, record}}};
    if (record.len == 0 && w->kept_len > 0)
        require(ipc_read_header(span_of(w->kept, w->kept_len), &header, &fields) == RULE_OK &&
                ipc_read_bindings(&fields, &page) == RULE_OK);
    proxy_bindings(w->proxy, &page, w->now);
}

static void pass_time(struct world *w, struct span tenths)
{
    uint32_t n = 0;
    span_decimal(span_part(tenths, 0, 3), 999, &n);
    w->now.monotonic += (uint64_t)n * 100;
    w->now.wall += n / 10;
    proxy_tick(w->proxy, w->now);
}

static void unreadable(struct world *w, struct span bytes)
{
    struct hop h = hop(SIP_TCP, "192.0.2.10", 5060);
    const struct proxy_source source = {
        .transport = SIP_TCP, .address = h.address, .address_len = h.address_len, .flow = 1000};
    proxy_unreadable(w->proxy, &source, bytes, RULE_SIP_CONTENT_LENGTH, w->now);
}

static void vault_ends(struct world *w)
{
    proxy_vault_lost(w->proxy, 0, w->now);
    drain(w);
    proxy_vault_ready(w->proxy, 0, w->now);
}

static void store_ends(struct world *w)
{
    proxy_store_lost(w->proxy, w->now);
    drain(w);
    proxy_store_ready(w->proxy, w->now);
}

static void step(struct world *w, struct span s)
{
    struct span rest = span_part(s, 1, s.len);
    struct hop next = hop(SIP_TCP, "198.51.100.1", 5060);
    switch (s.len ? s.at[0] : 0) {
    case 'U':
        receive(w, SIP_UDP, "192.0.2.10", rest);
        break;
    case 'T':
        receive(w, SIP_TCP, "192.0.2.10", rest);
        break;
    case 'N':
        receive(w, SIP_UDP, "198.51.100.1", rest);
        break;
    case 'R':
        respond(w, rest);
        break;
    case 't':
        pass_time(w, rest);
        break;
    case 'v':
        vault_answers(w, rest);
        break;
    case 'V':
        vault_ends(w);
        break;
    case 's':
        store_answers(w, rest);
        break;
    case 'S':
        store_ends(w);
        break;
    case 'b':
        store_gives(w, rest);
        break;
    case 'B':
        begin_anew(w);
        break;
    case 'f':
        proxy_send_failed(w->proxy, w->transaction, w->now);
        break;
    case 'c':
        proxy_connection_closed(w->proxy, &next, w->now);
        break;
    case 'x':
        unreadable(w, rest);
        break;
    default:
        break;
    }
    drain(w);
}

static void end_step(struct world *w)
{
    pass_time(w, SPAN("005"));
    drain(w);
}

/* After all limits of time, whatever happened, nothing is open and nobody waits. */
static void end(struct world *w)
{
    struct proxy_counters counters;
    for (int i = 0; i < 200; i++)
        end_step(w);
    proxy_count(w->proxy, &counters);
    require(proxy_idle(w->proxy) && counters.open == 0);
    proxy_free(w->proxy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct span rest = span_of(data, size);
    begin(&w);
    w.input = rest;
    for (int steps = 0; rest.len > 0 && steps < 200; steps++) {
        size_t at = span_find_span(rest, SPAN("\n%%\n"));
        step(&w, span_part(rest, 0, at));
        rest = span_part(rest, at + 4, rest.len);
    }
    end(&w);
    return 0;
}
