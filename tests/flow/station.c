/* The proxies of a script: how they are configured, and what they do. */
#include <stdio.h>
#include <stdlib.h>

#include "config/endpoint.h"
#include "flow.h"
#include "proxy/address.h"

/* --- addresses --- */

bool hop_read(struct flow *f, const char *transport, const char *address, struct hop *hop)
{
    char text[128];
    snprintf(text, sizeof text, "%s://%s", transport, address);
    const char *problem = endpoint_read_listen(text, hop);
    return problem ? flow_fail(f, "%s: %s", text, problem) : true;
}

void hop_print(const struct hop *hop, char *out, size_t len)
{
    uint8_t host[ADDRESS_TEXT_MAX];
    struct writer w = writer_over(host, sizeof host);
    address_write_host(&w, &hop->address);
    bool ipv6 = hop->address.ss_family == AF_INET6;
    snprintf(out, len, "%s %s%.*s%s:%u",
             hop->transport == SIP_UDP   ? "udp"
             : hop->transport == SIP_TCP ? "tcp"
                                         : "tls",
             ipv6 ? "[" : "", SPAN_ARGS(writer_span(&w)), ipv6 ? "]" : "", address_port(&hop->address));
}

/* --- configuration --- */

static struct span keep_text(struct flow *f, const char *text)
{
    return arena_copy(&f->arena, span_text(text), NULL);
}

/* "a,b,c" */
static size_t keep_list(struct flow *f, const char *list, struct span *out, size_t max)
{
    size_t count = 0;
    while (list && *list && count < max) {
        size_t len = strcspn(list, ",");
        out[count++] = arena_copy(&f->arena, span_of(list, len), NULL);
        list += len + (list[len] == ',');
    }
    return count;
}

static void random_bytes(void *context, uint8_t *out, size_t len)
{
    struct station *s = context;
    for (size_t i = 0; i < len; i++) {
        s->random = s->random * 6364136223846793005 + 1442695040888963407;
        out[i] = (uint8_t)(s->random >> 56);
    }
}

static bool add_station(struct flow *f)
{
    if (f->station_count == PROXIES_MAX || f->statement.count < 2)
        return flow_fail(f, "proxy NAME...");
    struct station *s = f->current = &f->station[f->station_count++];
    s->random = f->station_count;
    for (size_t i = 1; i < f->statement.count && s->name_count < MIDDLE_NAMES_MAX; i++)
        s->name[s->name_count++] = keep_text(f, f->statement.word[i]);
    s->settings.limits = (struct limits)LIMITS_DEFAULT;
    s->settings.limits.transactions = s->settings.limits.bindings = 1000;
    s->settings.window = 600;
    return true;
}

/* An address that was there before keeps its socket. */
static bool open_socket(struct flow *f, struct station *s, const struct hop *hop, uint64_t *flow)
{
    size_t i = 0;
    while (i < s->socket_count && !hop_equal(&s->socket[i].hop, hop))
        i++;
    if (i == SOCKETS_MAX)
        return flow_fail(f, "too many sockets for a script");
    if (i == s->socket_count)
        s->socket[s->socket_count++] = (struct socket){.hop = *hop, .flow = s->socket_count + 1};
    s->socket[i].leaving = false;
    *flow = s->socket[i].flow;
    return true;
}

static bool add_listen(struct flow *f, struct station *s)
{
    if (f->statement.count != 3 || s->listen_count == CONFIG_LISTEN_MAX)
        return flow_fail(f, "listen udp|tcp|tls ADDRESS");
    struct hop *hop = &s->listen[s->listen_count];
    if (!hop_read(f, f->statement.word[1], f->statement.word[2], hop))
        return false;
    return hop->transport != SIP_UDP || open_socket(f, s, hop, &s->listen_flow[s->listen_count]) ? ++s->listen_count
                                                                                                 : false;
}

/* route DOMAIN [registrar] [no-record-route] [allow=BLOCK,...] [next=udp:ADDRESS] [uri=URI] */
static bool add_route(struct flow *f, struct station *s)
{
    struct span block[CONFIG_ALLOW_MAX];
    const char *next = statement_option(&f->statement, "next");
    if (f->statement.count < 3 || s->route_count == sizeof s->route / sizeof *s->route)
        return flow_fail(f, "route DOMAIN [registrar] [no-record-route] [allow=BLOCK,...] [next=udp:ADDRESS]");
    struct route *r = &s->route[s->route_count++];
    r->domain = keep_text(f, f->statement.word[1]);
    r->registrar = statement_flag(&f->statement, "registrar");
    r->record_route = !statement_flag(&f->statement, "no-record-route");
    if (r->registrar)
        s->policy.domain[s->policy.domain_count++] = r->domain;
    size_t blocks = keep_list(f, statement_option(&f->statement, "allow"), block, CONFIG_ALLOW_MAX);
    for (; r->allow_count < blocks; r->allow_count++) {
        char text[64];
        snprintf(text, sizeof text, "%.*s", SPAN_ARGS(block[r->allow_count]));
        if (endpoint_read_block(text, &r->allow[r->allow_count]))
            return flow_fail(f, "%s is no block of addresses", text);
    }
    if (!next)
        return true;
    const char *uri = statement_option(&f->statement, "uri");
    r->next_uri = uri ? keep_text(f, uri) : (struct span){0};
    char transport[4] = {next[0], next[1], next[2], '\0'};
    r->has_next = strlen(next) > 4 && next[3] == ':';
    return r->has_next ? hop_read(f, transport, next + 4, &r->next) : flow_fail(f, "next=udp:ADDRESS");
}

static unsigned actions_of(const char *list)
{
    return (list && strstr(list, "view") ? LABEL_VIEW : 0) | (list && strstr(list, "verify") ? LABEL_VERIFY : 0);
}

/* rule [methods=A,B] [direction=from-domain|to-domain] [content=a/b,...] [require=view,verify] [plain=refuse]
 * [mode=monitor] */
static bool add_rule(struct flow *f, struct station *s)
{
    const struct statement *st = &f->statement;
    struct policy_rule *r = &s->policy.rule[s->policy.rule_count++];
    const char *direction = statement_option(st, "direction"), *plain = statement_option(st, "plain");
    const char *mode = statement_option(st, "mode");
    r->method_count = keep_list(f, statement_option(st, "methods"), r->method, POLICY_METHODS_MAX);
    r->content_count = keep_list(f, statement_option(st, "content"), r->content, POLICY_CONTENT_MAX);
    r->require = actions_of(statement_option(st, "require"));
    r->direction = POLICY_BOTH;
    if (direction)
        r->direction = strcmp(direction, "from-domain") == 0 ? POLICY_FROM_DOMAIN : POLICY_TO_DOMAIN;
    r->plain = plain && strcmp(plain, "refuse") == 0 ? POLICY_PLAIN_REFUSE : POLICY_PLAIN_ALLOW;
    r->mode = mode && strcmp(mode, "monitor") == 0 ? POLICY_MONITOR : POLICY_ENFORCE;
    return true;
}

static bool set_limit(struct flow *f, struct station *s)
{
    struct limits *l = &s->settings.limits;
    const struct {
        const char *name;
        uint32_t *limit;
    } limits[] = {
#define LIMIT_NAMED(name, kind, default_value, least, most) {#name, &l->name},
        LIMITS(LIMIT_NAMED)
#undef LIMIT_NAMED
    };
    for (size_t i = 0; f->statement.count == 3 && i < sizeof limits / sizeof *limits; i++)
        if (strcmp(limits[i].name, f->statement.word[1]) == 0) {
            *limits[i].limit = (uint32_t)strtoul(f->statement.word[2], NULL, 10);
            return true;
        }
    return flow_fail(f, "limit NAME NUMBER");
}

bool station_configure(struct flow *f, bool *known)
{
    const char *word = f->statement.word[0];
    struct station *s = f->current;
    *known = true;
    if (strcmp(word, "proxy") == 0)
        return add_station(f);
    if (!s || (s->proxy && !s->reconfiguring)) {
        *known = false;
        return true;
    }
    if (strcmp(word, "listen") == 0)
        return add_listen(f, s);
    if (strcmp(word, "route") == 0)
        return add_route(f, s);
    if (strcmp(word, "rule") == 0)
        return add_rule(f, s);
    if (strcmp(word, "limit") == 0)
        return set_limit(f, s);
    if (strcmp(word, "archive") == 0)
        return s->settings.archive = true;
    if (strcmp(word, "keep-bindings") == 0)
        return s->settings.keep_bindings = true;
    if (strcmp(word, "policy-object") == 0 && f->statement.count == 2) {
        s->settings.policy_object = keep_text(f, f->statement.word[1]);
        return true;
    }
    if (strcmp(word, "vaults") == 0 && f->statement.count == 2) {
        s->settings.vaults = (uint32_t)strtoul(f->statement.word[1], NULL, 10);
        return true;
    }
    *known = false;
    return true;
}

/* What the proxy borrows, apart from what the script goes on to change. */
struct given {
    struct span name[MIDDLE_NAMES_MAX];
    struct hop listen[CONFIG_LISTEN_MAX];
    uint64_t listen_flow[CONFIG_LISTEN_MAX];
    struct route route[sizeof((struct station *)0)->route / sizeof(struct route)];
    struct policy policy;
};

static bool give_settings(struct flow *f, struct station *s)
{
    struct given *given = arena_take(&f->arena, sizeof *given);
    if (!given)
        return false;
    memcpy(given->name, s->name, sizeof s->name);
    memcpy(given->listen, s->listen, sizeof s->listen);
    memcpy(given->listen_flow, s->listen_flow, sizeof s->listen_flow);
    memcpy(given->route, s->route, sizeof s->route);
    given->policy = s->policy;
    s->settings.name = given->name;
    s->settings.name_count = s->name_count;
    s->settings.listen = given->listen;
    s->settings.listen_flow = given->listen_flow;
    s->settings.listen_count = s->listen_count;
    s->settings.route = given->route;
    s->settings.route_count = s->route_count;
    s->settings.policy = &given->policy;
    s->settings.random = random_bytes;
    s->settings.random_context = s;
    return true;
}

void station_reconfigure(struct station *s)
{
    s->reconfiguring = true;
    for (size_t i = 0; i < s->socket_count; i++)
        s->socket[i].leaving = true;
    s->listen_count = s->route_count = 0;
    memset(s->route, 0, sizeof s->route);
    s->policy = (struct policy){0};
    s->settings.archive = false;
}

bool station_start(struct flow *f, struct station *s)
{
    if (s->proxy && !s->reconfiguring)
        return true;
    if (!give_settings(f, s))
        return flow_fail(f, "no memory for a configuration");
    if (s->reconfiguring) {
        s->reconfiguring = false;
        return proxy_reconfigure(s->proxy, &s->settings, f->now) && station_drain(f, s);
    }
    s->proxy = proxy_new(&s->settings, f->now);
    return s->proxy ? true : flow_fail(f, "no memory for a proxy");
}

void station_free(struct station *s)
{
    for (size_t i = 0; i < s->seen_count; i++)
        free(s->seen[i].bytes);
    station_forget_kept(s);
    proxy_free(s->proxy);
}

/* --- what a proxy does --- */

static bool remember(struct flow *f, struct station *s, const struct proxy_action *action)
{
    if (s->seen_count == SEEN_MAX)
        return flow_fail(f, "the proxy does more than a script can follow");
    struct seen *seen = &s->seen[s->seen_count++];
    *seen = (struct seen){.action = *action, .bytes = malloc(action->bytes.len + action->host.len + 1)};
    if (!seen->bytes)
        return flow_fail(f, "no memory");
    if (action->bytes.len)
        memcpy(seen->bytes, action->bytes.at, action->bytes.len);
    if (action->host.len)
        memcpy(seen->bytes + action->bytes.len, action->host.at, action->host.len);
    seen->action.bytes = span_of(seen->bytes, action->bytes.len);
    seen->action.host = span_of(seen->bytes + action->bytes.len, action->host.len);
    struct ipc_header header;
    struct cursor fields;
    if (action->kind == PROXY_ASK_VAULT || action->kind == PROXY_ASK_STORE) {
        if (ipc_read_header(seen->action.bytes, &header, &fields) != RULE_OK)
            return flow_fail(f, "the proxy asks what is not well-formed");
        seen->job = header.job;
    }
    return true;
}

bool station_drain(struct flow *f, struct station *s)
{
    struct proxy_action action;
    while (proxy_next(s->proxy, &action))
        if (!remember(f, s, &action))
            return false;
    return true;
}

void station_forget(struct station *s, size_t seen)
{
    free(s->seen[seen].bytes);
    memmove(&s->seen[seen], &s->seen[seen + 1], (s->seen_count - seen - 1) * sizeof s->seen[0]);
    s->seen_count--;
}

static const char *const event_names[PROXY_EVENT_COUNT] = {"answered",  "served",     "refused", "dropped",
                                                           "monitored", "unanswered", "job-lost"};

bool station_settled(struct flow *f, const struct station *s)
{
    for (size_t i = 0; i < s->seen_count; i++) {
        const struct proxy_action *a = &s->seen[i].action;
        char to[96];
        struct hop hop = station_destination(s, a);
        hop_print(&hop, to, sizeof to);
        switch (a->kind) {
        case PROXY_SEND:
            return flow_fail(f, "before this the proxy also sent to %s:\n%.*s", to, SPAN_ARGS(a->bytes));
        case PROXY_ASK_VAULT:
            return flow_fail(f, "before this the proxy also asked vault %u", a->vault);
        case PROXY_ASK_STORE:
            return flow_fail(f, "before this the proxy also asked the store");
        case PROXY_LOG:
            return flow_fail(f, "before this the proxy also logged %s %s %d", event_names[a->event.kind],
                             rule_name(a->event.rule), a->event.status);
        }
    }
    return true;
}

/* --- connections, as the shell keeps them --- */

struct connection *station_connection(struct flow *f, struct station *s, const struct hop *remote)
{
    for (size_t i = 0; i < s->connection_count; i++)
        if (s->connection[i].open && hop_equal(&s->connection[i].remote, remote))
            return &s->connection[i];
    if (s->connection_count == CONNECTIONS_MAX) {
        flow_fail(f, "too many connections for a script");
        return NULL;
    }
    struct connection *c = &s->connection[s->connection_count++];
    *c = (struct connection){.remote = *remote, .flow = f->next_flow++, .open = true};
    return c;
}

struct hop station_destination(const struct station *s, const struct proxy_action *action)
{
    for (size_t i = 0; i < s->connection_count; i++)
        if (s->connection[i].open && action->flow == s->connection[i].flow)
            return s->connection[i].remote;
    return action->hop;
}
