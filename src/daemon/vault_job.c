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
    middle_examine(&v->middle, outline, ask->now, &v->arena, verdict, disclosed);
    if (!ask->archive || verdict->broken != RULE_OK || disclosed->count == 0)
        return RULE_OK;
    return seal_record(v, ask, outline, disclosed);
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
