/* Admission and completion: net asks, and tells, the store. */
#include "ipc/fields.h"
#include "ipc/ipc.h"

enum { STATUS_FINAL_MIN = 200, STATUS_MAX = 699 };

static void write_replay(struct writer *w, const struct ipc_replay *replay, size_t count)
{
    field_write_count(w, count);
    for (size_t i = 0; i < count; i++) {
        writer_put(w, span_of(replay[i].key, sizeof replay[i].key));
        writer_i64(w, replay[i].expires);
    }
}

static bool read_replay(struct cursor *c, struct ipc_replay *replay, size_t *count)
{
    struct span key;
    if (!field_count(c, VERDICT_PARTS_MAX, count))
        return false;
    for (size_t i = 0; i < *count; i++) {
        if (!cursor_take(c, sizeof replay[i].key, &key) || !field_seconds(c, &replay[i].expires))
            return false;
        memcpy(replay[i].key, key.at, key.len);
    }
    return true;
}

static bool read_record_id(struct cursor *c, int64_t *id)
{
    return cursor_i64(c, id) && *id >= 0;
}

void ipc_write_admit(struct writer *w, uint64_t job, const struct ipc_admit *ask)
{
    ipc_begin(w, IPC_ADMIT, job);
    writer_i64(w, ask->now);
    write_replay(w, ask->replay, ask->replay_count);
    writer_block(w, ask->record);
    ipc_end(w);
}

enum rule ipc_read_admit(struct cursor *fields, struct ipc_admit *ask)
{
    *ask = (struct ipc_admit){0};
    bool read = field_seconds(fields, &ask->now) && read_replay(fields, ask->replay, &ask->replay_count) &&
                field_bytes(fields, IPC_RECORD_MAX, &ask->record);
    return fields_end(read, fields);
}

void ipc_write_admitted(struct writer *w, uint64_t job, const struct ipc_admitted *answer)
{
    ipc_begin(w, IPC_ADMITTED, job);
    writer_u16(w, (uint16_t)answer->rule);
    writer_i64(w, answer->record_id);
    ipc_end(w);
}

enum rule ipc_read_admitted(struct cursor *fields, struct ipc_admitted *answer)
{
    *answer = (struct ipc_admitted){.rule = RULE_STORE_GONE};
    uint16_t rule = RULE_COUNT;
    bool read = cursor_u16(fields, &rule) && rule < RULE_COUNT && read_record_id(fields, &answer->record_id);
    if (read)
        answer->rule = (enum rule)rule;
    return fields_end(read, fields);
}

void ipc_write_complete(struct writer *w, const struct ipc_complete *complete)
{
    ipc_begin(w, IPC_COMPLETE, 0);
    writer_i64(w, complete->now);
    writer_i64(w, complete->record_id);
    writer_u32(w, complete->status);
    write_replay(w, complete->replay, complete->replay_count);
    ipc_end(w);
}

enum rule ipc_read_complete(struct cursor *fields, struct ipc_complete *complete)
{
    *complete = (struct ipc_complete){0};
    bool read = field_seconds(fields, &complete->now) && read_record_id(fields, &complete->record_id) &&
                field_number(fields, STATUS_FINAL_MIN, STATUS_MAX, &complete->status) &&
                read_replay(fields, complete->replay, &complete->replay_count);
    return fields_end(read, fields);
}
