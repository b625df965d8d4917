/* From the verdict to what becomes of the message: refusal, or the store's consent and then forwarding. */
#include <stdlib.h>

#include "proxy/core.h"

/* --- replay (protocol.md 2.1) --- */

/* The keys of the message's signatures. Remembered until no Date within the window can still be fresh: the Date is at
 * most one window ahead of now, and counts for one window more. */
static enum rule note_replay_keys(struct proxy *p, struct pass *pass, const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->part_count; i++) {
        if (!verdict->part[i].has_replay_key)
            continue;
        if (!pass->replay && !(pass->replay = calloc(VERDICT_PARTS_MAX, sizeof *pass->replay)))
            return RULE_NO_MEMORY;
        struct ipc_replay *replay = &pass->replay[pass->replay_count++];
        memcpy(replay->key, verdict->part[i].replay_key, sizeof replay->key);
        replay->expires = p->now.wall + 2 * p->settings.window;
    }
    return RULE_OK;
}

/* Whether policy would let the message pass if its signatures had been delivered before. */
static bool replay_is_noted_only(struct proxy *p, const struct message_outline *outline, const struct verdict *verdict)
{
    if (verdict != &p->verdict)
        p->verdict = *verdict;
    for (size_t i = 0; i < p->verdict.part_count; i++) {
        struct verdict_part *part = &p->verdict.part[i];
        if (!part->has_replay_key)
            continue;
        part->signature = RULE_REPLAY;
        part->proof = PROOF_NONE;
        part->signer[0] = '\0';
    }
    return policy_decide(p->settings.policy, outline, &p->verdict).broken == RULE_OK;
}

/* --- the store --- */

static enum rule ask_store(struct proxy *p, struct pass *pass, struct span record)
{
    struct ipc_admit ask = {.now = p->now.wall, .replay_count = pass->replay_count, .record = record};
    if (!p->store_ready)
        return RULE_STORE_GONE;
    if (p->admitting_count >= p->settings.limits.store_jobs) {
        p->counters.store_full++;
        return RULE_OVERLOAD;
    }
    if (pass->replay_count)
        memcpy(ask.replay, pass->replay, pass->replay_count * sizeof *pass->replay);
    struct writer w = writer_over(p->scratch, p->scratch_len);
    ipc_write_admit(&w, pass_job(pass), &ask);
    if (w.full)
        return RULE_INTERNAL;
    struct packet *packet = packet_copy(writer_span(&w));
    if (!packet)
        return RULE_NO_MEMORY;
    pass_enter(p, pass, PASS_ADMITTING);
    const struct proxy_action action = {.kind = PROXY_ASK_STORE};
    action_push(p, &action, packet);
    return RULE_OK;
}

static void ask_store_or_refuse(struct proxy *p, struct pass *pass, const struct sip_message *m, struct span record)
{
    enum rule rule = pass_keep_request(p, pass, m);
    if (rule == RULE_OK)
        rule = ask_store(p, pass, record);
    if (rule != RULE_OK)
        refuse_pass(p, pass, m, rule);
}

void decide(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct message_outline *outline,
            const struct verdict *verdict, struct span record)
{
    struct decision decision = policy_decide(p->settings.policy, outline, verdict);
    if (decision.monitored != RULE_OK)
        event_push(p, PROXY_EVENT_MONITORED, decision.monitored, 0, m, &pass->source, 0);
    if (decision.broken != RULE_OK) {
        refuse_pass_with(p, pass, m, decision.broken, decision.status);
        return;
    }
    bool archive = decision.archive && p->settings.archive;
    enum rule rule = archive && record.len == 0 ? RULE_STORE_GONE : note_replay_keys(p, pass, verdict);
    if (rule != RULE_OK) {
        refuse_pass(p, pass, m, rule); /* what is to be archived and cannot be is not delivered */
        return;
    }
    if (!archive)
        record = (struct span){0};
    pass->replay_noted_only = pass->replay_count && replay_is_noted_only(p, outline, verdict);
    if (pass->replay_noted_only && record.len)
        pass->record = packet_copy(record);
    bool needs_store = record.len || (pass->replay_count && (!pass->replay_noted_only || p->store_ready));
    if (needs_store)
        ask_store_or_refuse(p, pass, m, record);
    else
        forward(p, pass, m);
}

/* A copy of a message that was delivered before, and no rule in force minds: it is noted, archived as it would be, and
 * goes on. */
static void pass_over_replay(struct proxy *p, struct pass *pass)
{
    event_push(p, PROXY_EVENT_MONITORED, RULE_REPLAY, 0, &p->message, &pass->source, 0);
    pass->replay_count = 0;
    if (!pass->record) {
        forward(p, pass, &p->message);
        return;
    }
    enum rule rule = ask_store(p, pass, packet_span(pass->record));
    if (rule != RULE_OK)
        refuse_pass(p, pass, &p->message, rule);
}

void proxy_admitted(struct proxy *p, uint64_t job, const struct ipc_admitted *answer, struct proxy_time now)
{
    p->now = now;
    struct pass *pass = pass_of_job(p, job, PASS_ADMITTING);
    if (!pass)
        return;
    p->counters.admitted++;
    pass_enter(p, pass, PASS_ADMISSION);
    pass->completion_due = answer->rule == RULE_OK;
    pass->record_id = answer->rule == RULE_OK ? answer->record_id : 0;
    if (!pass->server && !pass->ack) { /* whoever asked has given up, and nothing is delivered */
        complete(p, pass, 408);
        pass_enter(p, pass, PASS_DONE);
        pass_settle(p, pass);
        return;
    }
    if (!pass_read(p, pass, &p->message))
        return;
    if (answer->rule == RULE_OK)
        forward(p, pass, &p->message);
    else if (answer->rule == RULE_REPLAY && pass->replay_noted_only)
        pass_over_replay(p, pass);
    else
        refuse_pass(p, pass, &p->message, answer->rule);
}

/* --- the final status --- */

static void queue_completion(struct proxy *p, struct packet *packet)
{
    bool room = packet && p->completion_count < PROXY_COMPLETIONS_MAX;
    struct queued_action *queued = room ? malloc(sizeof *queued) : NULL;
    if (!queued) {
        free(packet);
        p->counters.completions_lost++;
        return;
    }
    *queued = (struct queued_action){.packet = packet};
    STAILQ_INSERT_TAIL(&p->completions, queued, link);
    p->completion_count++;
}

static void send_completion(struct proxy *p, struct packet *packet)
{
    const struct proxy_action action = {.kind = PROXY_ASK_STORE};
    if (packet)
        action_push(p, &action, packet);
    else
        p->counters.completions_lost++;
}

/* A key is spent once a 2xx has been forwarded, and no earlier: SIP makes honest copies (protocol.md 2.1). The store
 * looks at the status. */
void complete(struct proxy *p, struct pass *pass, int status)
{
    if (!pass->completion_due)
        return;
    pass->completion_due = false;
    struct ipc_complete done = {.now = p->now.wall, .record_id = pass->record_id, .status = (uint32_t)status,
                                .replay_count = pass->replay_count};
    if (pass->replay_count)
        memcpy(done.replay, pass->replay, pass->replay_count * sizeof *pass->replay);
    struct writer w = writer_over(p->scratch, p->scratch_len);
    ipc_write_complete(&w, &done);
    struct packet *packet = w.full ? NULL : packet_copy(writer_span(&w));
    if (p->store_ready)
        send_completion(p, packet);
    else
        queue_completion(p, packet);
}

void proxy_store_ready(struct proxy *p, struct proxy_time now)
{
    p->now = now;
    p->store_ready = true;
    while (!STAILQ_EMPTY(&p->completions)) {
        struct queued_action *queued = STAILQ_FIRST(&p->completions);
        STAILQ_REMOVE_HEAD(&p->completions, link);
        send_completion(p, queued->packet);
        free(queued);
    }
    p->completion_count = 0;
    keeping_store_ready(p);
}

void proxy_store_lost(struct proxy *p, struct proxy_time now)
{
    p->now = now;
    p->store_ready = false;
    while (!TAILQ_EMPTY(&p->admitting))
        refuse_later(p, TAILQ_FIRST(&p->admitting), RULE_STORE_GONE);
    keeping_store_lost(p);
}

void admitting_tick(struct proxy *p)
{
    while (p->now.monotonic >= admitting_deadline(p))
        refuse_later(p, TAILQ_FIRST(&p->admitting), RULE_STORE_GONE);
}

uint64_t admitting_deadline(const struct proxy *p)
{
    return TAILQ_EMPTY(&p->admitting) ? UINT64_MAX : TAILQ_FIRST(&p->admitting)->since + examine_max_ms(p);
}
