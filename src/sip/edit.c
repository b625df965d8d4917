/* Forwarding by edits: everything that is not edited stays byte for byte. */
#include "sipseal/sip_message.h"

static void add(struct sip_edits *e, const struct sip_message *m, struct span old, size_t cut, struct span put)
{
    if (e->count == SIP_EDITS_MAX || !span_within(old, m->bytes)) {
        e->full = true;
        return;
    }
    e->edit[e->count++] = (struct sip_edit){(size_t)(old.at - m->bytes.at), cut, put};
}

void sip_edit_replace(struct sip_edits *e, const struct sip_message *m, struct span old, struct span put)
{
    add(e, m, old, old.len, put);
}

void sip_edit_insert(struct sip_edits *e, const struct sip_message *m, struct span before, struct span put)
{
    add(e, m, before, 0, put);
}

/* By offset; at one offset insertions come first. */
static bool comes_before(const struct sip_edit *a, const struct sip_edit *b)
{
    return a->at != b->at ? a->at < b->at : a->cut == 0 && b->cut > 0;
}

/* Insertion sort keeps the order in which insertions at one place were given. */
static void sort(struct sip_edit *edit, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct sip_edit moved = edit[i];
        size_t j = i;
        for (; j > 0 && comes_before(&moved, &edit[j - 1]); j--)
            edit[j] = edit[j - 1];
        edit[j] = moved;
    }
}

bool sip_edits_apply(const struct sip_edits *e, const struct sip_message *m, struct writer *w)
{
    struct sip_edit edit[SIP_EDITS_MAX];
    size_t from = 0;
    if (e->full)
        return false;
    memcpy(edit, e->edit, e->count * sizeof edit[0]);
    sort(edit, e->count);
    for (size_t i = 0; i < e->count; i++) {
        if (edit[i].at < from)
            return false;
        writer_put(w, span_part(m->bytes, from, edit[i].at - from));
        writer_put(w, edit[i].put);
        from = edit[i].at + edit[i].cut;
    }
    writer_put(w, span_part(m->bytes, from, m->bytes.len));
    return !w->full;
}
