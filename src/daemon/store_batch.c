#include "daemon/store_batch.h"

#include <stdlib.h>

bool store_batch_open(struct store_batch *b, struct archive_db *archive, struct store_db *store)
{
    *b = (struct store_batch){.archive = archive, .store = store};
    b->pending = calloc(STORE_PENDING_MAX, sizeof *b->pending);
    return b->pending != NULL;
}

void store_batch_close(struct store_batch *b)
{
    free(b->pending);
    *b = (struct store_batch){0};
}

/* --- the two databases --- */

static bool archive_is_open(struct store_batch *b)
{
    struct store_side *side = &b->archive_side;
    if (!b->archive)
        side->broken = RULE_STORE_GONE;
    if (side->broken == RULE_OK && !side->begun) {
        side->broken = archive_db_begin(b->archive);
        side->begun = side->broken == RULE_OK;
    }
    return side->broken == RULE_OK;
}

static bool store_is_open(struct store_batch *b)
{
    struct store_side *side = &b->store_side;
    if (side->broken == RULE_OK && !side->begun) {
        side->broken = store_db_begin(b->store);
        side->begun = side->broken == RULE_OK;
    }
    return side->broken == RULE_OK;
}

static bool is_success(uint32_t status)
{
    return status >= 200 && status <= 299;
}

/* Only a 2xx spends the keys: until then copies are honest (protocol.md 2.1, Replay). */
static void spend(struct store_batch *b, const struct ipc_complete *c)
{
    for (size_t i = 0; i < c->replay_count && is_success(c->status); i++)
        if (store_is_open(b))
            b->store_side.broken = replay_db_spend(b->store, c->replay[i].key, c->replay[i].expires);
}

static void apply(struct store_batch *b, const struct ipc_complete *c)
{
    if (c->record_id > 0 && b->archive && archive_is_open(b))
        b->archive_side.broken = archive_db_complete(b->archive, c->record_id, c->status);
    spend(b, c);
}

/* --- a batch --- */

void store_batch_begin(struct store_batch *b)
{
    b->answer_count = b->messages = 0;
    b->archive_side = b->store_side = (struct store_side){0};
    for (size_t i = 0; i < b->pending_count; i++)
        apply(b, &b->pending[i]);
}

static enum rule check_replay(struct store_batch *b, const struct ipc_admit *ask)
{
    bool spent = false;
    for (size_t i = 0; i < ask->replay_count; i++) {
        if (!store_is_open(b)) /* in one transaction: looking alone would take locks for each key */
            return RULE_STORE_GONE;
        enum rule rule = replay_db_check(b->store, ask->replay[i].key, ask->now, &spent);
        if (rule != RULE_OK || spent)
            return rule != RULE_OK ? rule : RULE_REPLAY;
    }
    return RULE_OK;
}

static enum rule keep_record(struct store_batch *b, struct span bytes, int64_t *id)
{
    struct archive_record record;
    struct cursor c = cursor_over(bytes);
    if (archive_record_read(&c, &record) != RULE_OK || !archive_is_open(b))
        return RULE_STORE_GONE;
    return archive_db_append(b->archive, &record, id);
}

void store_batch_admit(struct store_batch *b, uint64_t job, const struct ipc_admit *ask)
{
    struct store_answer *a = &b->answer[b->answer_count++];
    b->messages++;
    b->counters.asked++;
    *a = (struct store_answer){.kind = IPC_ADMITTED, .job = job, .needs_archive = ask->record.len > 0, .needs_store = ask->replay_count > 0,
                               .record_len = ask->record.len};
    a->admitted.rule = check_replay(b, ask);
    if (a->admitted.rule == RULE_OK && a->needs_archive)
        a->admitted.rule = keep_record(b, ask->record, &a->admitted.record_id);
}

static void expire(struct store_batch *b, int64_t now)
{
    if (now >= b->expired && now - b->expired < STORE_EXPIRE_SECONDS)
        return;
    b->expired = now;
    if (store_is_open(b))
        b->store_side.broken = replay_db_expire(b->store, now);
    if (store_is_open(b))
        b->store_side.broken = bindings_db_expire(b->store, now);
}

void store_batch_complete(struct store_batch *b, const struct ipc_complete *complete)
{
    b->messages++;
    b->counters.completed++;
    if (b->pending_count < STORE_PENDING_MAX)
        b->pending[b->pending_count++] = *complete;
    else
        b->counters.lost++;
    apply(b, complete);
    expire(b, complete->now);
}

void store_batch_bind(struct store_batch *b, uint64_t job, const struct ipc_bind *bind)
{
    struct store_answer *a = &b->answer[b->answer_count++];
    struct binding_row row[IPC_USER_BINDINGS_MAX];
    b->messages++;
    *a = (struct store_answer){.kind = IPC_BOUND, .job = job, .needs_store = true, .bindings = bind->count};
    for (size_t i = 0; i < bind->count; i++)
        row[i] = (struct binding_row){bind->aor, bind->binding[i].expires, bind->binding[i].record};
    expire(b, bind->now);
    if (store_is_open(b))
        b->store_side.broken = bindings_db_put(b->store, bind->aor, row, bind->count);
}

static void commit_archive(struct store_batch *b)
{
    struct store_side *side = &b->archive_side;
    if (side->begun && side->broken == RULE_OK)
        side->broken = archive_db_commit(b->archive);
    else if (side->begun)
        archive_db_rollback(b->archive);
}

static void commit_store(struct store_batch *b)
{
    struct store_side *side = &b->store_side;
    if (side->begun && side->broken == RULE_OK)
        side->broken = store_db_commit(b->store);
    else if (side->begun)
        store_db_rollback(b->store);
}

static void count_answer(struct store_counters *c, const struct store_answer *a)
{
    if (a->kind == IPC_BOUND) {
        c->bound += a->admitted.rule == RULE_OK;
        c->bindings += a->admitted.rule == RULE_OK ? a->bindings : 0;
    } else {
        c->admitted += a->admitted.rule == RULE_OK;
    }
    c->replays += a->admitted.rule == RULE_REPLAY;
    c->records += a->admitted.record_id > 0;
    c->record_bytes += a->admitted.record_id > 0 ? a->record_len : 0;
    c->rule[a->admitted.rule]++;
}

static void count_batch(struct store_batch *b, bool gone)
{
    struct store_counters *c = &b->counters;
    for (size_t i = 0; i < b->answer_count; i++)
        count_answer(c, &b->answer[i]);
    c->batches += b->messages > 0;
    c->largest_batch = b->messages > c->largest_batch ? b->messages : c->largest_batch;
    c->errors += gone;
}

void store_batch_commit(struct store_batch *b)
{
    commit_archive(b);
    commit_store(b);
    bool archive_gone = b->archive_side.broken != RULE_OK, store_gone = b->store_side.broken != RULE_OK;
    for (size_t i = 0; i < b->answer_count; i++) {
        struct store_answer *a = &b->answer[i];
        if ((a->needs_archive && archive_gone) || (a->needs_store && store_gone))
            a->admitted.rule = RULE_STORE_GONE;
        if (a->admitted.rule != RULE_OK)
            a->admitted.record_id = 0;
    }
    count_batch(b, archive_gone || store_gone);
    if (!archive_gone && !store_gone)
        b->pending_count = 0;
}

void store_batch_count(const void *batch, const struct counters_to *to)
{
    const struct store_batch *b = batch;
    const struct store_counters COUNTED = b->counters;
    const struct counter counter[] = {
        STORE_COUNTERS(COUNTER_VALUE)
        {"pending", b->pending_count},
    };
    counters_put(to, "store", counter, sizeof counter / sizeof *counter);
    counters_put_rules(to, COUNTED.rule);
}
