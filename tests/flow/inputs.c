/* Statements by which something happens: messages arrive, processes answer or end, time passes. */
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"
#include "proxy/address.h"

static uint8_t composed[BLOCK_MAX];

/* The socket that the statement names by at=ADDRESS; else any that is configured. */
static bool is_meant(const struct flow *f, const struct socket *socket)
{
    char shown[96];
    const char *at = statement_option(&f->statement, "at");
    hop_print(&socket->hop, shown, sizeof shown);
    return at ? strcmp(at, shown + strlen("udp ")) == 0 : !socket->leaving;
}

/* From where a message comes: a UDP socket of the proxy, or a connection. */
static bool source_of(struct flow *f, const struct hop *from, struct proxy_source *source)
{
    struct station *s = f->current;
    const char *peer = statement_option(&f->statement, "peer");
    *source = (struct proxy_source){.transport = from->transport, .address = from->address,
                                    .address_len = from->address_len, .peer = span_text(peer)};
    for (size_t i = 0; from->transport == SIP_UDP && i < s->socket_count; i++)
        if (s->socket[i].hop.address.ss_family == from->address.ss_family && is_meant(f, &s->socket[i])) {
            source->flow = s->socket[i].flow;
            source->leaving = s->socket[i].leaving;
        }
    if (from->transport != SIP_UDP) {
        const struct connection *c = station_connection(f, s, from);
        source->flow = c ? c->flow : 0;
    }
    return source->flow ? true : flow_fail(f, "the proxy listens on nothing that this could arrive at");
}

/* What arrives: the block, or without one the message that is kept. */
static bool arriving(struct flow *f, struct span *bytes)
{
    size_t len;
    *bytes = span_of(f->kept, f->kept_len);
    if (!f->statement.has_block)
        return f->kept ? true : flow_fail(f, "no message is kept");
    if (!message_compose(f, f->statement.block, composed, sizeof composed, &len))
        return false;
    *bytes = span_of(composed, len);
    return true;
}

/* receive udp|tcp|tls ADDRESS [peer=DOMAIN], unreadable tcp ADDRESS RULE */
static bool receive(struct flow *f, bool readable)
{
    const struct statement *st = &f->statement;
    struct hop from;
    struct proxy_source source;
    struct span bytes;
    size_t words = (readable ? 3 : 4) + (statement_option(st, "peer") ? 1 : 0) + (statement_option(st, "at") ? 1 : 0);
    if (st->count != words)
        return flow_fail(f, "receive udp|tcp|tls ADDRESS [peer=DOMAIN] [at=ADDRESS], and the message");
    if (!hop_read(f, st->word[1], st->word[2], &from) || !source_of(f, &from, &source) || !arriving(f, &bytes))
        return false;
    if (readable) {
        proxy_received(f->current->proxy, &source, bytes, f->now);
        return true;
    }
    for (int i = 0; i < RULE_COUNT; i++)
        if (strcmp(rule_name((enum rule)i), st->word[3]) == 0) {
            proxy_unreadable(f->current->proxy, &source, bytes, (enum rule)i, f->now);
            return true;
        }
    return flow_fail(f, "%s is no rule", st->word[3]);
}

/* close tcp ADDRESS */
static bool close_connection(struct flow *f)
{
    struct hop remote;
    if (f->statement.count != 3 || !hop_read(f, f->statement.word[1], f->statement.word[2], &remote))
        return flow_fail(f, "close tcp ADDRESS");
    struct connection *c = station_connection(f, f->current, &remote);
    if (!c)
        return false;
    c->open = false;
    proxy_connection_closed(f->current->proxy, &remote, f->now);
    return true;
}

/* --- processes --- */

static bool job_named(struct flow *f, const char *name, uint64_t *job)
{
    const char *value = variable_get(f, name);
    if (!value)
        return flow_fail(f, "no job is called %s", name);
    *job = strtoull(value, NULL, 10);
    return true;
}

/* vault N ready|lost|retire, vault N answers JOB [record=TEXT] with a verdict */
static bool vault(struct flow *f)
{
    static struct ipc_examined answer;
    const struct statement *st = &f->statement;
    uint64_t job;
    uint32_t number = st->count > 2 ? (uint32_t)strtoul(st->word[1], NULL, 10) : 0;
    const char *record = statement_option(st, "record");
    if (st->count == 3 && strcmp(st->word[2], "ready") == 0) {
        proxy_vault_ready(f->current->proxy, number, f->now);
    } else if (st->count == 3 && strcmp(st->word[2], "lost") == 0) {
        proxy_vault_lost(f->current->proxy, number, f->now);
    } else if (st->count == 3 && strcmp(st->word[2], "retire") == 0) {
        proxy_vault_retire(f->current->proxy, number, f->now);
    } else if (st->count >= 4 && strcmp(st->word[2], "answers") == 0) {
        if (!job_named(f, st->word[3], &job) || !verdict_compose(f, st->block, &answer.verdict))
            return false;
        answer.record = record ? span_text(record) : (struct span){0};
        proxy_examined(f->current->proxy, number, job, &answer, f->now);
    } else {
        return flow_fail(f, "vault N ready|lost|retire, or vault N answers JOB");
    }
    return true;
}

/* store ready|lost, store answers JOB ok|RULE [record=N] */
static bool store(struct flow *f)
{
    const struct statement *st = &f->statement;
    struct ipc_admitted answer = {0};
    uint64_t job;
    const char *record = statement_option(st, "record");
    if (st->count == 2 && strcmp(st->word[1], "ready") == 0) {
        proxy_store_ready(f->current->proxy, f->now);
    } else if (st->count == 2 && strcmp(st->word[1], "lost") == 0) {
        proxy_store_lost(f->current->proxy, f->now);
    } else if (st->count >= 4 && strcmp(st->word[1], "answers") == 0) {
        for (int i = 0; i < RULE_COUNT; i++)
            if (strcmp(rule_name((enum rule)i), st->word[3]) == 0)
                answer.rule = (enum rule)i;
        if (answer.rule == RULE_OK && strcmp(st->word[3], "ok") != 0)
            return flow_fail(f, "%s is no rule", st->word[3]);
        answer.record_id = record ? strtoll(record, NULL, 10) : 0;
        if (!job_named(f, st->word[2], &job))
            return false;
        proxy_admitted(f->current->proxy, job, &answer, f->now);
    } else {
        return flow_fail(f, "store ready|lost, or store answers JOB ok|RULE");
    }
    return true;
}

/* --- time --- */

/* wait NUMBER ms|s: every timer on the way fires at its own time. */
static bool wait_for(struct flow *f)
{
    const struct statement *st = &f->statement;
    bool seconds = st->count == 3 && strcmp(st->word[2], "s") == 0;
    if (st->count != 3 || (!seconds && strcmp(st->word[2], "ms") != 0))
        return flow_fail(f, "wait NUMBER ms|s");
    uint64_t begin = f->now.monotonic, end = begin + strtoull(st->word[1], NULL, 10) * (seconds ? 1000 : 1);
    int64_t wall = f->now.wall;
    struct station *s = f->current;
    for (;;) {
        uint64_t deadline = proxy_deadline(s->proxy);
        uint64_t at = deadline < end ? deadline : end;
        f->now.monotonic = at > f->now.monotonic ? at : f->now.monotonic;
        f->now.wall = wall + (int64_t)((f->now.monotonic - begin) / 1000);
        proxy_tick(s->proxy, f->now);
        if (!station_drain(f, s))
            return false;
        if (deadline > end)
            return true;
    }
}

/* --- several proxies --- */

static struct station *station_named(struct flow *f, const char *name)
{
    for (size_t i = 0; i < f->station_count; i++)
        if (span_equal(f->station[i].name[0], span_text(name)))
            return &f->station[i];
    flow_fail(f, "there is no proxy %s", name);
    return NULL;
}

static bool listens_on(const struct station *s, const struct hop *hop)
{
    for (size_t i = 0; i < s->listen_count; i++)
        if (hop_equal(&s->listen[i], hop))
            return true;
    return false;
}

/* What a message of `s` seems to come from: the socket it leaves by. */
static struct hop origin_of(const struct station *s, const struct proxy_action *a)
{
    for (size_t i = 0; a->hop.transport == SIP_UDP && i < s->socket_count; i++)
        if (s->socket[i].flow == a->flow)
            return s->socket[i].hop;
    struct hop hop = s->listen[0];
    for (size_t i = 0; i < s->listen_count; i++)
        if (s->listen[i].transport == SIP_TCP)
            hop = s->listen[i];
    return hop;
}

/* carry FROM TO: the next message that FROM has sent arrives at TO. */
static bool carry(struct flow *f)
{
    struct station *from = f->statement.count == 3 ? station_named(f, f->statement.word[1]) : NULL;
    struct station *to = from ? station_named(f, f->statement.word[2]) : NULL;
    struct proxy_source source;
    if (!to)
        return flow_fail(f, "carry FROM TO");
    for (size_t i = 0; i < from->seen_count; i++) {
        const struct proxy_action *a = &from->seen[i].action;
        struct hop hop = station_destination(from, a), origin = origin_of(from, a);
        if (a->kind != PROXY_SEND)
            continue;
        if (!listens_on(to, &hop))
            return flow_fail(f, "the next message of %s is not for %s", f->statement.word[1], f->statement.word[2]);
        f->current = to;
        if (!station_start(f, to) || !source_of(f, &origin, &source))
            return false;
        proxy_received(to->proxy, &source, a->bytes, f->now);
        station_forget(from, i);
        return true;
    }
    return flow_fail(f, "%s has sent nothing", f->statement.word[1]);
}

/* --- */

static bool run_input(struct flow *f, const char *word, bool *known)
{
    if (strcmp(word, "receive") == 0)
        return receive(f, true);
    if (strcmp(word, "unreadable") == 0)
        return receive(f, false);
    if (strcmp(word, "close") == 0)
        return close_connection(f);
    if (strcmp(word, "vault") == 0)
        return vault(f);
    if (strcmp(word, "store") == 0)
        return store(f);
    if (strcmp(word, "wait") == 0)
        return wait_for(f);
    if (strcmp(word, "carry") == 0)
        return carry(f);
    if (strcmp(word, "fail") == 0) {
        proxy_send_failed(f->current->proxy, f->current->last_transaction, f->now);
        return true;
    }
    if (strcmp(word, "reconfigure") == 0) {
        station_reconfigure(f->current);
        return true;
    }
    if (strcmp(word, "stop") == 0) {
        proxy_stop(f->current->proxy, f->now);
        return true;
    }
    *known = false;
    return true;
}

bool input_statement(struct flow *f, bool *known)
{
    const char *word = f->statement.word[0];
    *known = true;
    if (strcmp(word, "at") == 0) {
        f->current = f->statement.count == 2 ? station_named(f, f->statement.word[1]) : NULL;
        return f->current ? true : flow_fail(f, "at PROXY");
    }
    if (!f->current || !station_start(f, f->current))
        return flow_fail(f, "a script begins with a proxy");
    static const char *const inputs[] = {"receive", "unreadable", "close", "vault", "store", "wait", "fail", "stop",
                                        "reconfigure"};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        if (strcmp(word, inputs[i]) == 0 && !station_settled(f, f->current))
            return false;
    if (!run_input(f, word, known) || !*known)
        return !*known;
    return station_drain(f, f->current);
}
