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
    if (l->lines < NET_LOG_LINES_A_SECOND) {
        l->lines++;
        return true;
    }
    l->suppressed++;
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

void net_log_counters(const struct net_log *l, const struct proxy *proxy, const struct transports *transports)
{
    struct proxy_counters p;
    struct transports_counters t;
    proxy_count(proxy, &p);
    transports_count(transports, &t);
    LOG(l->log, LOG_LEVEL_INFO, "counters", log_number("requests", (int64_t)p.requests),
        log_number("retransmissions", (int64_t)p.retransmissions), log_number("responses", (int64_t)p.responses),
        log_number("forwarded", (int64_t)p.forwarded), log_number("examined", (int64_t)p.examined),
        log_number("admitted", (int64_t)p.admitted), log_number("refused", (int64_t)p.event[PROXY_EVENT_REFUSED]),
        log_number("dropped", (int64_t)p.event[PROXY_EVENT_DROPPED]),
        log_number("monitored", (int64_t)p.event[PROXY_EVENT_MONITORED]),
        log_number("jobs_lost", (int64_t)p.event[PROXY_EVENT_JOB_LOST]),
        log_number("completions_lost", (int64_t)p.completions_lost), log_number("open", (int64_t)p.open),
        log_number("bindings", (int64_t)p.bindings), log_number("connections", (int64_t)t.connections),
        log_number("connections_refused", (int64_t)t.refused),
        log_number("datagrams_lost", (int64_t)t.datagrams_lost),
        log_number("tls_handshakes", (int64_t)t.tls_handshakes), log_number("tls_resumed", (int64_t)t.tls_resumed),
        log_number("tls_failed_protocol", (int64_t)t.tls_failed[TLS_FAILED_PROTOCOL]),
        log_number("tls_failed_certificate", (int64_t)t.tls_failed[TLS_FAILED_CERTIFICATE]),
        log_number("tls_failed_absent", (int64_t)t.tls_failed[TLS_FAILED_ABSENT]),
        log_number("tls_failed_name", (int64_t)t.tls_failed[TLS_FAILED_NAME]),
        log_number("tls_failed_time", (int64_t)t.tls_failed[TLS_FAILED_TIME]));
}
