/* What the proxy asks of its shell: a queue, and the events of the log. */
#include <stdlib.h>

#include "proxy/core.h"

struct packet *packet_new(size_t len)
{
    struct packet *packet = malloc(sizeof *packet + len);
    if (packet)
        packet->len = len;
    return packet;
}

struct packet *packet_copy(struct span bytes)
{
    struct packet *packet = packet_new(bytes.len);
    if (packet && bytes.len)
        memcpy(packet->bytes, bytes.at, bytes.len);
    return packet;
}

void action_push(struct proxy *p, const struct proxy_action *action, struct packet *packet)
{
    struct queued_action *queued = malloc(sizeof *queued);
    if (!queued) {
        free(packet);
        return;
    }
    queued->action = *action;
    queued->action.bytes = packet_span(packet);
    queued->packet = packet;
    STAILQ_INSERT_TAIL(&p->actions, queued, link);
}

bool action_push_sending(struct proxy *p, const struct proxy_action *action, struct span bytes)
{
    struct proxy_action own = *action;
    struct packet *packet = packet_new(bytes.len + action->host.len);
    if (!packet)
        return false;
    struct writer w = writer_over(packet->bytes, packet->len);
    writer_put(&w, bytes);
    writer_put(&w, action->host);
    packet->len = bytes.len;
    own.host = span_of(packet->bytes + bytes.len, action->host.len);
    action_push(p, &own, packet);
    return true;
}

void actions_free(struct action_list *list)
{
    while (!STAILQ_EMPTY(list)) {
        struct queued_action *queued = STAILQ_FIRST(list);
        STAILQ_REMOVE_HEAD(list, link);
        free(queued->packet);
        free(queued);
    }
}

/* Cut where it is too long, and ended by a NUL; a NUL inside is shown as a question mark. */
static void copy_text(char *out, size_t max, struct span text)
{
    size_t len = text.len < max ? text.len : max;
    for (size_t i = 0; i < len; i++)
        out[i] = text.at[i] ? (char)text.at[i] : '?';
    out[len] = '\0';
}

/* FNV-1a, 64 bits: names a body in the log without telling anything of it. */
static uint64_t body_hash(struct span body)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < body.len; i++)
        hash = (hash ^ body.at[i]) * 0x100000001b3;
    return hash;
}

static struct proxy_action event_of(enum proxy_event_kind kind, enum rule rule, int status,
                                    const struct sip_message *m, const struct proxy_source *source)
{
    struct proxy_action action = {.kind = PROXY_LOG};
    action.event.kind = kind;
    action.event.rule = rule;
    action.event.status = status;
    if (source) {
        action.event.source = source->address;
        action.event.transport = source->transport;
    }
    if (m) {
        copy_text(action.event.method, PROXY_METHOD_MAX, m->is_request ? m->method_text : m->cseq_method);
        copy_text(action.event.call_id, PROXY_CALL_ID_MAX, m->call_id);
    }
    return action;
}

static void push_counted(struct proxy *p, const struct proxy_action *action)
{
    p->counters.event[action->event.kind]++;
    p->counters.rule[action->event.rule]++;
    action_push(p, action, NULL);
}

void event_push(struct proxy *p, enum proxy_event_kind kind, enum rule rule, int status, const struct sip_message *m,
                const struct proxy_source *source, int64_t record_id)
{
    struct proxy_action action = event_of(kind, rule, status, m, source);
    action.event.record_id = record_id;
    push_counted(p, &action);
}

void event_push_lost(struct proxy *p, const struct sip_message *m, const struct proxy_source *source)
{
    struct proxy_action action = event_of(PROXY_EVENT_JOB_LOST, RULE_VAULT_GONE, 500, m, source);
    action.event.body = body_hash(m->body);
    push_counted(p, &action);
}
