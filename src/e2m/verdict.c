/* A verdict between processes: written and read side by side. */
#include "sipseal/verdict.h"

void verdict_clear(struct verdict *v)
{
    v->broken = RULE_OK;
    v->part_count = 0;
}

static struct span identity_of(const struct verdict *v, enum proof_kind kind)
{
    for (size_t i = 0; i < v->part_count; i++)
        if (v->part[i].signature == RULE_OK && v->part[i].proof == kind)
            return span_text(v->part[i].signer);
    return (struct span){0};
}

struct span verdict_identity(const struct verdict *v)
{
    struct span user = identity_of(v, PROOF_USER);
    return user.len ? user : identity_of(v, PROOF_DOMAIN);
}

/* --- writing --- */

enum { FLAG_READER = 1, FLAG_LABELLED = 2, FLAG_REPLAY_KEY = 4, FLAGS_ALL = 7 };

static void write_text(struct writer *w, const char *text, size_t max)
{
    writer_block(w, span_of(text, strnlen(text, max)));
}

static void write_part(struct writer *w, const struct verdict_part *p)
{
    write_text(w, p->cid, LABEL_CID_MAX);
    writer_u8(w, (uint8_t)p->state);
    writer_u8(w, (uint8_t)((p->reader ? FLAG_READER : 0) | (p->labelled ? FLAG_LABELLED : 0) |
                           (p->has_replay_key ? FLAG_REPLAY_KEY : 0)));
    writer_u8(w, (uint8_t)p->asked);
    writer_u16(w, (uint16_t)p->label);
    writer_u16(w, (uint16_t)p->signature);
    writer_u8(w, (uint8_t)p->proof);
    write_text(w, p->signer, VERDICT_NAME_MAX);
    writer_u8(w, (uint8_t)p->type_count);
    for (size_t i = 0; i < p->type_count; i++)
        write_text(w, p->type[i], VERDICT_TYPE_MAX);
    if (p->has_replay_key) {
        writer_put(w, span_of(p->replay_key, sizeof p->replay_key));
        writer_put(w, span_of(p->archive_key, sizeof p->archive_key));
    }
}

void verdict_write(struct writer *w, const struct verdict *v)
{
    writer_u16(w, (uint16_t)v->broken);
    writer_u8(w, (uint8_t)v->part_count);
    for (size_t i = 0; i < v->part_count; i++)
        write_part(w, &v->part[i]);
}

/* --- reading --- */

/* Into max + 1 bytes, which are zero. A NUL inside would make two readers see two names. */
static bool read_text(struct cursor *c, char *text, size_t max)
{
    struct span s;
    if (!cursor_block(c, &s) || s.len > max || span_find(s, '\0') < s.len)
        return false;
    if (s.len)
        memcpy(text, s.at, s.len);
    return true;
}

static bool read_rule(struct cursor *c, enum rule *rule)
{
    uint16_t value;
    if (!cursor_u16(c, &value) || value >= RULE_COUNT)
        return false;
    *rule = (enum rule)value;
    return true;
}

/* A number from 0 to `max`. */
static bool read_number(struct cursor *c, unsigned max, unsigned *number)
{
    uint8_t value;
    if (!cursor_u8(c, &value) || value > max)
        return false;
    *number = value;
    return true;
}

static bool read_key(struct cursor *c, uint8_t key[32])
{
    struct span s;
    if (!cursor_take(c, 32, &s))
        return false;
    memcpy(key, s.at, 32);
    return true;
}

static bool read_types(struct cursor *c, struct verdict_part *p)
{
    unsigned count;
    if (!read_number(c, VERDICT_TYPES_MAX, &count))
        return false;
    for (p->type_count = 0; p->type_count < count; p->type_count++)
        if (!read_text(c, p->type[p->type_count], VERDICT_TYPE_MAX))
            return false;
    return true;
}

static bool read_part(struct cursor *c, struct verdict_part *p)
{
    unsigned state, flags, proof;
    memset(p, 0, sizeof *p);
    if (!read_text(c, p->cid, LABEL_CID_MAX) || !read_number(c, PART_SIGNED, &state) ||
        !read_number(c, FLAGS_ALL, &flags) || !read_number(c, LABEL_VIEW | LABEL_VERIFY, &p->asked) ||
        !read_rule(c, &p->label) || !read_rule(c, &p->signature) || !read_number(c, PROOF_USER, &proof) ||
        !read_text(c, p->signer, VERDICT_NAME_MAX) || !read_types(c, p))
        return false;
    p->state = (enum part_state)state;
    p->proof = (enum proof_kind)proof;
    p->reader = flags & FLAG_READER;
    p->labelled = flags & FLAG_LABELLED;
    p->has_replay_key = flags & FLAG_REPLAY_KEY;
    return !p->has_replay_key || (read_key(c, p->replay_key) && read_key(c, p->archive_key));
}

bool verdict_read(struct cursor *c, struct verdict *v)
{
    unsigned count;
    verdict_clear(v);
    if (!read_rule(c, &v->broken) || !read_number(c, VERDICT_PARTS_MAX, &count))
        return false;
    for (v->part_count = 0; v->part_count < count; v->part_count++)
        if (!read_part(c, &v->part[v->part_count]))
            return false;
    return true;
}
