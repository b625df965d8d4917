/* Statements that say what must have happened since the last input. */
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"
#include "proxy/address.h"

/* The first thing of this kind that is not accounted for yet; null after flow_fail. */
static struct seen *first_seen(struct flow *f, enum proxy_action_kind kind, const char *what)
{
    for (size_t i = 0; i < f->current->seen_count; i++)
        if (f->current->seen[i].action.kind == kind)
            return &f->current->seen[i];
    flow_fail(f, "the proxy did not %s", what);
    return NULL;
}

static void account(struct flow *f, const struct seen *seen)
{
    station_forget(f->current, (size_t)(seen - f->current->seen));
}

/* --- messages --- */

static bool goes_to(struct flow *f, const struct seen *seen, struct hop *hop)
{
    char wanted[96], found[96];
    struct hop real = station_destination(f->current, &seen->action);
    if (!hop_read(f, f->statement.word[1], f->statement.word[2], hop))
        return false;
    if (hop_equal(hop, &real))
        return true;
    hop_print(hop, wanted, sizeof wanted);
    hop_print(&real, found, sizeof found);
    return flow_fail(f, "the message goes to %s, not to %s:\n%.*s", found, wanted, SPAN_ARGS(seen->action.bytes));
}

/* The last message for each address is what "again" compares with. */
static bool keep_last(struct flow *f, const struct hop *hop, struct span bytes)
{
    size_t i = 0;
    while (i < f->last_count && !hop_equal(&f->last[i].hop, hop))
        i++;
    uint8_t *copy = i < CONNECTIONS_MAX ? malloc(bytes.len + 1) : NULL;
    if (!copy)
        return flow_fail(f, "too many addresses for a script");
    memcpy(copy, bytes.at, bytes.len);
    if (i == f->last_count)
        f->last_count++;
    else
        free(f->last[i].bytes);
    f->last[i].hop = *hop;
    f->last[i].bytes = copy;
    f->last[i].len = bytes.len;
    return true;
}

/* Whom the other end must prove to be; nobody where the script says nothing. */
static bool leads_to(struct flow *f, const struct seen *seen)
{
    const char *host = statement_option(&f->statement, "host");
    if (span_equal(seen->action.host, span_text(host ? host : "")))
        return true;
    return flow_fail(f, "the message is for \"%.*s\", not for \"%s\"", SPAN_ARGS(seen->action.host), host ? host : "");
}

/* send udp|tcp|tls ADDRESS [host=NAME], with what the message must be like */
static bool expect_send(struct flow *f)
{
    struct hop hop;
    const struct seen *seen = first_seen(f, PROXY_SEND, "send anything");
    size_t words = statement_option(&f->statement, "host") ? 4 : 3;
    if (!seen || f->statement.count != words || !f->statement.has_block)
        return seen ? flow_fail(f, "send udp|tcp|tls ADDRESS [host=NAME], and the message") : false;
    if (!goes_to(f, seen, &hop) || !leads_to(f, seen) || !message_match(f, f->statement.block, seen->action.bytes))
        return false;
    f->current->last_transaction = seen->action.transaction;
    if (hop.transport != SIP_UDP && !station_connection(f, f->current, &hop))
        return false; /* from now on there is a connection */
    if (!keep_last(f, &hop, seen->action.bytes))
        return false;
    account(f, seen);
    return true;
}

/* again udp|tcp ADDRESS: the bytes that went there last */
static bool expect_again(struct flow *f)
{
    struct hop hop;
    const struct seen *seen = first_seen(f, PROXY_SEND, "send anything again");
    if (!seen || f->statement.count != 3)
        return seen ? flow_fail(f, "again udp|tcp ADDRESS") : false;
    if (!goes_to(f, seen, &hop))
        return false;
    for (size_t i = 0; i < f->last_count; i++)
        if (hop_equal(&f->last[i].hop, &hop)) {
            if (!span_equal(seen->action.bytes, span_of(f->last[i].bytes, f->last[i].len)))
                return flow_fail(f, "the message is another one:\n%.*s", SPAN_ARGS(seen->action.bytes));
            account(f, seen);
            return true;
        }
    return flow_fail(f, "nothing went there before");
}

/* --- questions to vaults and store --- */

static bool name_job(struct flow *f, const char *name, uint64_t job)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)job);
    return variable_set(f, name, span_text(text));
}

/* ask vault N JOB [archive] */
static bool expect_vault(struct flow *f)
{
    const struct statement *st = &f->statement;
    const struct seen *seen = first_seen(f, PROXY_ASK_VAULT, "ask a vault");
    struct ipc_header header;
    struct cursor fields;
    static struct ipc_examine ask;
    if (!seen)
        return false;
    if (seen->action.vault != strtoul(st->word[2], NULL, 10))
        return flow_fail(f, "it asked vault %u", seen->action.vault);
    if (ipc_read_header(seen->action.bytes, &header, &fields) != RULE_OK || header.kind != IPC_EXAMINE ||
        ipc_read_examine(&fields, &ask) != RULE_OK)
        return flow_fail(f, "the question is not well-formed");
    if (ask.archive != statement_flag(st, "archive"))
        return flow_fail(f, "it %s to archive", ask.archive ? "asks" : "does not ask");
    if (!name_job(f, st->word[3], seen->job))
        return false;
    account(f, seen);
    return true;
}

static bool number_is(struct flow *f, const char *name, uint64_t found)
{
    const char *text = statement_option(&f->statement, name);
    uint64_t wanted = text ? strtoull(text, NULL, 10) : 0;
    return wanted == found ? true : flow_fail(f, "%s is %llu", name, (unsigned long long)found);
}

/* ask store JOB [record=TEXT] [replay=N] */
static bool expect_admit(struct flow *f)
{
    const struct statement *st = &f->statement;
    const struct seen *seen = first_seen(f, PROXY_ASK_STORE, "ask the store");
    const char *record = statement_option(st, "record");
    struct ipc_header header;
    struct cursor fields;
    struct ipc_admit ask;
    if (!seen)
        return false;
    if (ipc_read_header(seen->action.bytes, &header, &fields) != RULE_OK || header.kind != IPC_ADMIT ||
        ipc_read_admit(&fields, &ask) != RULE_OK)
        return flow_fail(f, "the question is none of admission");
    if (!span_equal(ask.record, span_text(record ? record : "")))
        return flow_fail(f, "the record is \"%.*s\"", SPAN_ARGS(ask.record));
    for (size_t i = 0; i < ask.replay_count; i++)
        if (ask.replay[i].expires != f->now.wall + 1200)
            return flow_fail(f, "a replay key is remembered until %lld", (long long)ask.replay[i].expires);
    if (!number_is(f, "replay", ask.replay_count) || !name_job(f, st->word[2], seen->job))
        return false;
    account(f, seen);
    return true;
}

/* complete STATUS [record=N] [replay=N] */
static bool expect_complete(struct flow *f)
{
    const struct seen *seen = first_seen(f, PROXY_ASK_STORE, "tell the store anything");
    struct ipc_header header;
    struct cursor fields;
    struct ipc_complete told;
    if (!seen || f->statement.count < 2)
        return false;
    if (ipc_read_header(seen->action.bytes, &header, &fields) != RULE_OK || header.kind != IPC_COMPLETE ||
        ipc_read_complete(&fields, &told) != RULE_OK)
        return flow_fail(f, "the store is not told of a final response");
    if (told.status != strtoul(f->statement.word[1], NULL, 10))
        return flow_fail(f, "the store is told of %u", told.status);
    if (!number_is(f, "record", (uint64_t)told.record_id) || !number_is(f, "replay", told.replay_count))
        return false;
    account(f, seen);
    return true;
}

/* --- the log --- */

static const char *const event_names[PROXY_EVENT_COUNT] = {"answered",  "served",     "refused", "dropped",
                                                           "monitored", "unanswered", "job-lost"};

/* log EVENT [RULE] [STATUS] [body=HASH] */
static bool expect_log(struct flow *f)
{
    const struct statement *st = &f->statement;
    const struct seen *seen = first_seen(f, PROXY_LOG, "log anything");
    if (!seen || st->count < 2)
        return false;
    const struct proxy_event *e = &seen->action.event;
    const char *rule = e->rule == RULE_OK ? NULL : rule_name(e->rule);
    const char *body = statement_option(st, "body");
    char status[8];
    snprintf(status, sizeof status, "%d", e->status);
    size_t words = 1 + (rule ? 1 : 0) + (e->status ? 1 : 0), written = st->count - 1 - (body ? 1 : 0);
    bool fits = written == words && strcmp(st->word[1], event_names[e->kind]) == 0 &&
                (!rule || strcmp(st->word[2], rule) == 0) && (!e->status || strcmp(st->word[words], status) == 0);
    if (!fits)
        return flow_fail(f, "it logged %s %s %s", event_names[e->kind], rule ? rule : "", e->status ? status : "");
    if (body && strtoull(body, NULL, 16) != e->body)
        return flow_fail(f, "it logged body=%llx", (unsigned long long)e->body);
    account(f, seen);
    return true;
}

/* --- what is counted --- */

static bool expect_count(struct flow *f)
{
    struct proxy_counters c;
    proxy_count(f->current->proxy, &c);
    const struct {
        const char *name;
        uint64_t found;
    } counters[] = {{"open", c.open}, {"bindings", c.bindings}, {"forwarded", c.forwarded},
                    {"retransmissions", c.retransmissions}, {"requests", c.requests}, {"responses", c.responses},
                    {"completions_lost", c.completions_lost}, {"kept", c.kept}, {"restored", c.restored},
                    {"restored_not", c.restored_not}};
    for (size_t i = 0; f->statement.count == 3 && i < sizeof counters / sizeof *counters; i++)
        if (strcmp(counters[i].name, f->statement.word[1]) == 0)
            return counters[i].found == strtoull(f->statement.word[2], NULL, 10)
                       ? true
                       : flow_fail(f, "%s is %llu", counters[i].name, (unsigned long long)counters[i].found);
    return flow_fail(f, "count NAME NUMBER");
}

bool expectation_statement(struct flow *f, bool *known)
{
    const struct statement *st = &f->statement;
    const char *word = st->word[0];
    *known = true;
    if (strcmp(word, "send") == 0)
        return expect_send(f);
    if (strcmp(word, "again") == 0)
        return expect_again(f);
    if (strcmp(word, "ask") == 0 && st->count >= 4 && strcmp(st->word[1], "vault") == 0)
        return expect_vault(f);
    if (strcmp(word, "ask") == 0 && st->count >= 3 && strcmp(st->word[1], "store") == 0)
        return expect_admit(f);
    if (strcmp(word, "complete") == 0)
        return expect_complete(f);
    if (strcmp(word, "log") == 0)
        return expect_log(f);
    if (strcmp(word, "count") == 0)
        return expect_count(f);
    if (strcmp(word, "idle") == 0 || strcmp(word, "busy") == 0)
        return proxy_idle(f->current->proxy) == (word[0] == 'i') ? true : flow_fail(f, "it is not %s", word);
    if (strcmp(word, "nothing") == 0)
        return station_settled(f, f->current);
    *known = false;
    return true;
}
