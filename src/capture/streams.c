#include "capture/streams.h"

#include <stdlib.h>

TAILQ_HEAD(stream_list, stream);

struct streams {
    struct stream_list list; /* the one used last comes first */
    size_t count;
    struct capture_counters *counters;
};

struct streams *streams_new(struct capture_counters *counters)
{
    struct streams *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    TAILQ_INIT(&s->list);
    s->counters = counters;
    return s;
}

/* Sequence numbers go round (RFC 9293 3.4). */
static int32_t distance(uint32_t from, uint32_t to)
{
    return (int32_t)(to - from);
}

bool looks_like_sip(struct span bytes)
{
    size_t line = span_find(bytes, '\n');
    if (span_starts(bytes, SPAN("SIP/2.0 ")))
        return true;
    if (line == bytes.len || line == 0)
        return false;
    size_t end = bytes.at[line - 1] == '\r' ? line - 1 : line;
    const struct span version = SPAN(" SIP/2.0");
    return end > version.len && span_equal(span_part(bytes, end - version.len, version.len), version);
}

static bool looks_like_tls(struct span bytes)
{
    return bytes.len > 2 && bytes.at[0] == 0x16 && bytes.at[1] == 3;
}

/* --- one stream --- */

static void drop_early(struct stream *st)
{
    struct segment *segment;
    while ((segment = STAILQ_FIRST(&st->early))) {
        STAILQ_REMOVE_HEAD(&st->early, link);
        free(segment);
    }
    st->early_count = st->early_len = 0;
}

static void forget(struct stream *st)
{
    drop_early(st);
    free(st->bytes);
    st->bytes = NULL;
    st->len = st->scanned = 0;
}

static void begin(struct stream *st, uint32_t sequence)
{
    forget(st);
    st->state = STREAM_NEW;
    st->in_order = true;
    st->next = sequence;
}

void stream_consume(struct stream *st, size_t len)
{
    st->len -= len;
    memmove(st->bytes, st->bytes + len, st->len);
    st->scanned = 0;
}

void stream_break(struct stream *st)
{
    st->state = STREAM_BROKEN;
    st->len = st->scanned = 0;
}

/* Bytes whose turn it is. False when there is no room. */
static bool append(struct stream *st, struct span bytes)
{
    if (!st->bytes)
        st->bytes = malloc(CAPTURE_STREAM_BYTES_MAX);
    if (!st->bytes || bytes.len > CAPTURE_STREAM_BYTES_MAX - st->len)
        return false;
    memcpy(st->bytes + st->len, bytes.at, bytes.len);
    st->len += bytes.len;
    return true;
}

/* What a stream is, by how its bytes begin; keep-alives may come first (RFC 5626 3.5.1). */
static enum stream_state recognised(enum stream_state state, struct span bytes)
{
    while (bytes.len > 0 && (bytes.at[0] == '\r' || bytes.at[0] == '\n'))
        bytes = span_part(bytes, 1, bytes.len);
    if (looks_like_sip(bytes))
        return STREAM_SIP;
    bool has_line = span_find(bytes, '\n') < bytes.len;
    if (state == STREAM_NEW && (has_line || looks_like_tls(bytes) || bytes.len > SIP_HEADER_LINE_MAX))
        return STREAM_OTHER;
    return state;
}

static void recognise(struct streams *s, struct stream *st, struct span bytes)
{
    st->state = recognised(st->state, bytes);
    if (st->state != STREAM_OTHER)
        return;
    s->counters->streams_not_sip++;
    s->counters->streams_tls += looks_like_tls(bytes);
    forget(st);
}

static void deliver(struct streams *s, struct stream *st, struct span bytes)
{
    if (st->state == STREAM_BROKEN)
        recognise(s, st, bytes); /* by how this segment begins */
    if (st->state == STREAM_BROKEN || st->state == STREAM_OTHER)
        return;
    if (!append(st, bytes)) {
        s->counters->streams_lost++;
        stream_break(st);
        return;
    }
    if (st->state == STREAM_NEW)
        recognise(s, st, span_of(st->bytes, st->len)); /* by all that has come */
}

/* The part of a segment that is new; empty when all of it came before. */
static struct span new_part(const struct stream *st, uint32_t sequence, struct span bytes)
{
    int32_t ahead = distance(sequence, st->next);
    return ahead <= 0 ? bytes : span_part(bytes, (size_t)ahead, bytes.len);
}

static void take_in_turn(struct streams *s, struct stream *st, uint32_t sequence, struct span bytes)
{
    struct span fresh = new_part(st, sequence, bytes);
    st->next += (uint32_t)fresh.len;
    if (fresh.len)
        deliver(s, st, fresh);
}

static void take_waiting(struct streams *s, struct stream *st)
{
    struct segment *first;
    while ((first = STAILQ_FIRST(&st->early)) && distance(st->next, first->sequence) <= 0) {
        STAILQ_REMOVE_HEAD(&st->early, link);
        st->early_count--;
        st->early_len -= first->len;
        take_in_turn(s, st, first->sequence, span_of(first->bytes, first->len));
        free(first);
    }
}

static bool keep(struct stream *st, uint32_t sequence, struct span bytes)
{
    if (st->early_count == CAPTURE_SEGMENTS_MAX || bytes.len > CAPTURE_STREAM_BYTES_MAX - st->early_len)
        return false;
    struct segment *segment = malloc(sizeof *segment + bytes.len), *at, *before = NULL;
    if (!segment)
        return false;
    segment->sequence = sequence;
    segment->len = bytes.len;
    memcpy(segment->bytes, bytes.at, bytes.len);
    STAILQ_FOREACH(at, &st->early, link)
        if (distance(at->sequence, sequence) >= 0)
            before = at; /* of two that begin at one place, the one that came first stays first */
    if (before)
        STAILQ_INSERT_AFTER(&st->early, before, segment, link);
    else
        STAILQ_INSERT_HEAD(&st->early, segment, link);
    st->early_count++;
    st->early_len += bytes.len;
    return true;
}

/* What is missing will not come, or is waited for no longer: the stream goes on behind the hole. */
static void pass_over_hole(struct streams *s, struct stream *st)
{
    s->counters->streams_lost++;
    stream_break(st);
    st->next = STAILQ_FIRST(&st->early)->sequence;
    take_waiting(s, st);
}

static void take_data(struct streams *s, struct stream *st, uint32_t sequence, struct span bytes)
{
    if (distance(st->next, sequence) > 0 && keep(st, sequence, bytes))
        return;
    if (distance(st->next, sequence) > 0 && st->early_count > 0) { /* too much waits: what is missing is given up */
        pass_over_hole(s, st);
        if (distance(st->next, sequence) > 0 && keep(st, sequence, bytes))
            return;
    }
    if (distance(st->next, sequence) > 0) { /* there is no memory */
        s->counters->streams_lost++;
        return;
    }
    take_in_turn(s, st, sequence, bytes);
    take_waiting(s, st);
}

/* --- all of them --- */

static bool is_between(const struct stream *st, const struct ip_packet *p)
{
    return capture_same_endpoint(&st->from, &p->from) && capture_same_endpoint(&st->to, &p->to);
}

static void end_stream(struct streams *s, struct stream *st)
{
    TAILQ_REMOVE(&s->list, st, link);
    s->count--;
    forget(st);
    free(st);
}

static struct stream *add_stream(struct streams *s, const struct ip_packet *p)
{
    if (s->count == CAPTURE_STREAMS_MAX) {
        s->counters->streams_lost++;
        end_stream(s, TAILQ_LAST(&s->list, stream_list));
    }
    struct stream *st = calloc(1, sizeof *st);
    if (!st)
        return NULL;
    st->from = p->from;
    st->to = p->to;
    STAILQ_INIT(&st->early);
    TAILQ_INSERT_HEAD(&s->list, st, link);
    s->count++;
    return st;
}

static struct stream *stream_of(struct streams *s, const struct ip_packet *p)
{
    struct stream *st;
    TAILQ_FOREACH(st, &s->list, link)
        if (is_between(st, p)) {
            TAILQ_REMOVE(&s->list, st, link);
            TAILQ_INSERT_HEAD(&s->list, st, link);
            return st;
        }
    return add_stream(s, p);
}

void streams_free(struct streams *s)
{
    while (s && !TAILQ_EMPTY(&s->list))
        end_stream(s, TAILQ_FIRST(&s->list));
    free(s);
}

struct stream *streams_take(struct streams *s, const struct ip_packet *p, const struct tcp_segment *segment)
{
    struct stream *st = stream_of(s, p);
    if (!st)
        return NULL;
    if (segment->reset) {
        end_stream(s, st);
        return NULL;
    }
    uint32_t sequence = segment->sequence + segment->syn; /* a SYN takes a number (RFC 9293 3.4) */
    if (segment->syn)
        begin(st, sequence);
    if (segment->payload.len == 0 || st->state == STREAM_OTHER)
        return NULL;
    if (!st->in_order) { /* captured from its middle on: joined where a message begins */
        if (!looks_like_sip(segment->payload))
            return NULL;
        begin(st, sequence);
    }
    take_data(s, st, sequence, segment->payload);
    return st->len ? st : NULL;
}

struct stream *streams_give_up(struct streams *s)
{
    struct stream *st;
    TAILQ_FOREACH(st, &s->list, link)
        if (st->early_count > 0) {
            pass_over_hole(s, st);
            return st;
        }
    return NULL;
}

size_t streams_unfinished(const struct streams *s)
{
    const struct stream *st;
    size_t count = 0;
    TAILQ_FOREACH(st, &s->list, link)
        count += st->state == STREAM_SIP && st->len > 0;
    return count;
}
