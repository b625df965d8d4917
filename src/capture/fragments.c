#include "capture/fragments.h"

#include <stdlib.h>

struct datagram {
    bool open, spoilt; /* spoilt: kept until its time is over, so that its other fragments begin no new one */
    struct capture_endpoint from, to;
    uint32_t identification;
    uint8_t protocol;
    int64_t since;
    size_t end; /* length of the whole; 0: its last fragment has not come */
    size_t have;
    struct piece {
        size_t at, len;
    } piece[CAPTURE_FRAGMENTS_MAX];
    size_t piece_count;
    uint8_t bytes[CAPTURE_DATAGRAM_MAX];
};

struct fragments {
    struct datagram *datagram[CAPTURE_DATAGRAMS_MAX]; /* made when they are first needed, and used again */
};

struct fragments *fragments_new(void)
{
    return calloc(1, sizeof(struct fragments));
}

void fragments_free(struct fragments *f)
{
    for (size_t i = 0; f && i < CAPTURE_DATAGRAMS_MAX; i++)
        free(f->datagram[i]);
    free(f);
}

static bool belongs(const struct datagram *d, const struct ip_packet *p)
{
    return d->open && d->identification == p->identification && d->protocol == p->protocol &&
           capture_same_endpoint(&d->from, &p->from) && capture_same_endpoint(&d->to, &p->to);
}

static void close_datagram(struct datagram *d, uint64_t *lost)
{
    *lost += d->open && !d->spoilt; /* a spoilt one was counted when it was spoilt */
    d->open = false;
}

static void begin_datagram(struct datagram *d, int64_t now, const struct ip_packet *p)
{
    d->open = true;
    d->spoilt = false;
    d->from = p->from;
    d->to = p->to;
    d->identification = p->identification;
    d->protocol = p->protocol;
    d->since = now;
    d->end = d->have = d->piece_count = 0;
}

/* Whether one place is better for a new datagram than another. */
static bool is_freer(const struct datagram *a, const struct datagram *b)
{
    if (!a || !b)
        return !a && b && b->open; /* a closed one is used again before a new one is made */
    return a->open == b->open ? a->open && a->since < b->since : b->open;
}

/* The datagram that the fragment belongs to; a new one, in place of the oldest where there is no room, where there is
 * none. Null when there is no memory. */
static struct datagram *datagram_of(struct fragments *f, int64_t now, const struct ip_packet *p, uint64_t *lost)
{
    struct datagram **room = &f->datagram[0];
    for (size_t i = 0; i < CAPTURE_DATAGRAMS_MAX; i++) {
        struct datagram *d = f->datagram[i];
        if (d && d->open && now - d->since > CAPTURE_FRAGMENT_SECONDS)
            close_datagram(d, lost);
        if (d && belongs(d, p))
            return d;
        if (is_freer(d, *room))
            room = &f->datagram[i];
    }
    if (!*room)
        *room = calloc(1, sizeof **room);
    if (!*room)
        return NULL;
    close_datagram(*room, lost);
    begin_datagram(*room, now, p);
    return *room;
}

/* Whether the fragment came before, just so: a retransmission or a packet that was captured twice. */
static bool is_copy(const struct datagram *d, const struct ip_packet *p)
{
    for (size_t i = 0; i < d->piece_count; i++)
        if (d->piece[i].at == p->offset && d->piece[i].len == p->payload.len)
            return memcmp(d->bytes + p->offset, p->payload.at, p->payload.len) == 0;
    return false;
}

static bool fits(const struct datagram *d, const struct ip_packet *p)
{
    size_t end = p->offset + p->payload.len;
    bool last_again = !p->more && d->end != 0 && d->end != end;
    if (p->payload.len == 0 || end > CAPTURE_DATAGRAM_MAX || d->piece_count == CAPTURE_FRAGMENTS_MAX || last_again ||
        (d->end != 0 && end > d->end) || (p->more && p->payload.len % 8 != 0))
        return false;
    for (size_t i = 0; i < d->piece_count; i++) {
        size_t piece_end = d->piece[i].at + d->piece[i].len;
        if ((p->offset < piece_end && d->piece[i].at < end) || (!p->more && piece_end > end))
            return false;
    }
    return true;
}

bool fragments_take(struct fragments *f, int64_t now, struct ip_packet *p, uint64_t *lost)
{
    struct datagram *d = datagram_of(f, now, p, lost);
    *lost += !d;
    if (!d || d->spoilt || is_copy(d, p))
        return false;
    if (!fits(d, p)) {
        d->spoilt = true;
        ++*lost;
        return false;
    }
    memcpy(d->bytes + p->offset, p->payload.at, p->payload.len);
    d->piece[d->piece_count++] = (struct piece){p->offset, p->payload.len};
    d->have += p->payload.len;
    if (!p->more)
        d->end = p->offset + p->payload.len;
    if (d->end == 0 || d->have != d->end)
        return false;
    d->open = false;
    p->is_fragment = p->more = false;
    p->offset = 0;
    p->payload = span_of(d->bytes, d->end);
    return true;
}

size_t fragments_open(const struct fragments *f)
{
    size_t count = 0;
    for (size_t i = 0; i < CAPTURE_DATAGRAMS_MAX; i++)
        count += f->datagram[i] && f->datagram[i]->open && !f->datagram[i]->spoilt;
    return count;
}
