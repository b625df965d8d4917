/* One job of a vault: a message in, a verdict and an encrypted archive record out. */
#include "daemon/vault.h"

static enum rule seal_record(struct vault *v, const struct ipc_examine *ask, const struct message_outline *outline,
                             const struct disclosed *disclosed)
{
    struct archive_record record;
    if (!v->sealer)
        return RULE_STORE_GONE;
    enum rule rule =
        archive_seal(v->sealer, outline, &v->answer.verdict, disclosed, ask->now, &v->arena, &record);
    if (rule != RULE_OK)
        return rule;
    size_t room = archive_record_room(&record);
    struct writer w = arena_writer(&v->arena, room < IPC_RECORD_MAX ? room : IPC_RECORD_MAX);
    if (w.full)
        return RULE_NO_MEMORY;
    archive_record_write(&w, &record);
    v->answer.record = writer_span(&w);
    return w.full ? RULE_MIME_SIZE : RULE_OK;
}

/* A message that was to be archived and cannot be is refused whole, whatever its verdict was. */
static void refuse(struct vault *v, enum rule rule)
{
    verdict_clear(&v->answer.verdict);
    v->answer.verdict.broken = rule;
    v->answer.record = (struct span){0};
}

/* Whoever sends certificates that were never seen before uses up a share of its own (protocol.md 8). */
static void examine_within_budget(struct vault *v, const struct ipc_examine *ask,
                                  const struct message_outline *outline, struct disclosed *disclosed)
{
    const struct budget_peer peer = {ask->peer, ask->proven};
    trust_allow(v->trust, certificate_budget_left(&v->budget, peer, ask->clock), ask->now);
    middle_examine(&v->middle, outline, ask->now, &v->arena, &v->answer.verdict, disclosed);
    certificate_budget_take(&v->budget, peer, trust_spent(v->trust));
}

static enum rule examine(struct vault *v, const struct ipc_examine *ask)
{
    struct message_outline *outline = arena_take(&v->arena, sizeof *outline);
    struct disclosed *disclosed = arena_take(&v->arena, sizeof *disclosed);
    if (!outline || !disclosed)
        return RULE_NO_MEMORY;
    enum rule rule = message_outline(&ask->source, outline);
    if (rule != RULE_OK)
        return rule;
    struct verdict *verdict = &v->answer.verdict;
    examine_within_budget(v, ask, outline, disclosed);
    if (!ask->archive || verdict->broken != RULE_OK || disclosed->count == 0)
        return RULE_OK;
    return seal_record(v, ask, outline, disclosed);
}

/* --- counters --- */

static void count_part(struct vault_counters *c, const struct verdict_part *part)
{
    c->plain += part->state == PART_PLAIN;
    c->closed += part->state == PART_CLOSED;
    c->opened += part->state == PART_OPENED;
    if (part->signature == RULE_SIGNATURE_ABSENT)
        return;
    c->verified += part->signature == RULE_OK;
    c->unverified += part->signature != RULE_OK;
    c->rule[part->signature]++;
}

static void count_job(struct vault_counters *c, const struct ipc_examine *ask, const struct ipc_examined *answer)
{
    c->jobs++;
    c->bytes += ask->source.body.body.len;
    c->records += answer->record.len > 0;
    c->record_bytes += answer->record.len;
    if (answer->verdict.broken != RULE_OK) {
        c->broken++;
        c->rule[answer->verdict.broken]++;
        return;
    }
    for (size_t i = 0; i < answer->verdict.part_count; i++)
        count_part(c, &answer->verdict.part[i]);
}

void vault_count(const void *vault, const struct counters_to *to)
{
    const struct vault *v = vault;
    const struct vault_counters COUNTED = v->counters;
    const struct trust_work work = trust_work_of(v->trust);
    const struct counter counter[] = {
        VAULT_COUNTERS(COUNTER_VALUE)
        {"certificates_parsed", work.parsed},
        {"certificates_cached", work.cached},
        {"chains_proven", work.proven},
        {"over_budget", work.refused},
    };
    counters_put(to, "vault", counter, sizeof counter / sizeof *counter);
    counters_put_rules(to, COUNTED.rule);
}

void vault_examine(struct vault *v, uint64_t job, const struct ipc_examine *ask, struct writer *w)
{
    verdict_clear(&v->answer.verdict);
    v->answer.record = (struct span){0};
    enum rule rule = examine(v, ask);
    if (rule != RULE_OK)
        refuse(v, rule);
    ipc_write_examined(w, job, &v->answer);
    if (w->full) {
        refuse(v, RULE_MIME_SIZE);
        *w = writer_over(w->at, w->cap);
        ipc_write_examined(w, job, &v->answer);
    }
    count_job(&v->counters, ask, &v->answer);
    v->answer.record = (struct span){0};
    arena_reset(&v->arena);
}

void vault_watch_epoch(struct vault *v, int64_t now_ms)
{
    bool live = v->sealer && archive_sealer_holds_key(v->sealer);
    if (live && v->epoch_ends == 0) {
        v->epoch_ends = now_ms + ARCHIVE_EPOCH_SECONDS * INT64_C(1000);
    } else if (live && now_ms >= v->epoch_ends) {
        archive_sealer_end_epoch(v->sealer);
        live = false;
    }
    if (!live)
        v->epoch_ends = 0;
}

int vault_patience(const struct vault *v, int64_t now_ms)
{
    if (v->epoch_ends == 0)
        return -1;
    return v->epoch_ends > now_ms ? (int)(v->epoch_ends - now_ms) : 0;
}
