#include "daemon/net_log.h"

static const struct {
    const char *name;
    enum log_level level;
} kinds[PROXY_EVENT_COUNT] = {
    [PROXY_EVENT_ANSWERED] = {"answered", LOG_LEVEL_INFO},
    [PROXY_EVENT_SERVED] = {"served", LOG_LEVEL_INFO},
    [PROXY_EVENT_REFUSED] = {"refused", LOG_LEVEL_WARNING},
    [PROXY_EVENT_DROPPED] = {"dropped", LOG_LEVEL_WARNING},
    [PROXY_EVENT_MONITORED] = {"monitored", LOG_LEVEL_WARNING},
    [PROXY_EVENT_UNANSWERED] = {"unanswered", LOG_LEVEL_WARNING},
    [PROXY_EVENT_JOB_LOST] = {"job-lost", LOG_LEVEL_ERROR},
};

/* Whether one more line may be written in this second. */
static bool may_write(struct net_log *l, int64_t now)
{
    if (now != l->second) {
        if (l->suppressed)
            LOG(l->log, LOG_LEVEL_WARNING, "lines-left-out", log_number("count", l->suppressed));
        l->second = now;
        l->lines = l->suppressed = 0;
    }
    if (l->lines < l->lines_max) {
        l->lines++;
        return true;
    }
    l->suppressed++;
    l->left_out++;
    return false;
}

void net_log_event(struct net_log *l, const struct proxy_event *e, int64_t now)
{
    uint8_t body[8];
    struct writer w = writer_over(body, sizeof body);
    if (kinds[e->kind].level < l->log->level || !may_write(l, now))
        return;
    writer_u64(&w, e->body);
    LOG(l->log, kinds[e->kind].level, kinds[e->kind].name, e->rule == RULE_OK ? log_none() : log_rule(e->rule),
        e->status ? log_number("status", e->status) : log_none(),
        e->method[0] ? log_text("method", span_text(e->method)) : log_none(),
        e->call_id[0] ? log_text("call_id", span_text(e->call_id)) : log_none(),
        log_address("source", (const struct sockaddr *)&e->source),
        log_word("transport", sip_transport_name(e->transport)),
        e->record_id ? log_number("record", e->record_id) : log_none(),
        e->body ? log_hex("body", writer_span(&w)) : log_none());
}

void net_log_handshake(struct net_log *l, const struct hop *remote, struct span host, enum rule why, int64_t now)
{
    if (LOG_LEVEL_WARNING < l->log->level || !may_write(l, now))
        return;
    LOG(l->log, LOG_LEVEL_WARNING, "tls-failed", log_rule(why),
        log_address("peer", (const struct sockaddr *)&remote->address),
        host.len ? log_text("host", host) : log_none());
}

static void count_proxy(const struct counters_to *to, const struct proxy *proxy)
{
    struct proxy_counters COUNTED;
    proxy_count(proxy, &COUNTED);
    const struct counter counter[] = {
        PROXY_COUNTERS(COUNTER_VALUE)
        {"answered", COUNTED.event[PROXY_EVENT_ANSWERED]},
        {"served", COUNTED.event[PROXY_EVENT_SERVED]},
        {"refused", COUNTED.event[PROXY_EVENT_REFUSED]},
        {"dropped", COUNTED.event[PROXY_EVENT_DROPPED]},
        {"monitored", COUNTED.event[PROXY_EVENT_MONITORED]},
        {"unanswered", COUNTED.event[PROXY_EVENT_UNANSWERED]},
        {"jobs_lost", COUNTED.event[PROXY_EVENT_JOB_LOST]},
        {"open", COUNTED.open},
        {"waiting", COUNTED.waiting},
        {"lines", COUNTED.lines},
        {"bindings", COUNTED.bindings},
    };
    counters_put(to, "sip", counter, sizeof counter / sizeof *counter);
    counters_put_rules(to, COUNTED.rule);
}

static void count_transports(const struct counters_to *to, const struct net_log *l, const struct transports *transports)
{
    struct transports_counters COUNTED;
    transports_count(transports, &COUNTED);
    const struct counter counter[] = {
        TRANSPORTS_COUNTERS(COUNTER_VALUE)
        {"connections", COUNTED.connections},
        {"tls_failed_protocol", COUNTED.tls_failed[TLS_FAILED_PROTOCOL]},
        {"tls_failed_certificate", COUNTED.tls_failed[TLS_FAILED_CERTIFICATE]},
        {"tls_failed_absent", COUNTED.tls_failed[TLS_FAILED_ABSENT]},
        {"tls_failed_name", COUNTED.tls_failed[TLS_FAILED_NAME]},
        {"tls_failed_time", COUNTED.tls_failed[TLS_FAILED_TIME]},
        {"log_lines_left_out", l->left_out},
    };
    counters_put(to, "transport", counter, sizeof counter / sizeof *counter);
}

void net_log_count(const struct net_log *l, const struct counters_to *to, const struct proxy *proxy,
                   const struct transports *transports)
{
    count_proxy(to, proxy);
    count_transports(to, l, transports);
}
