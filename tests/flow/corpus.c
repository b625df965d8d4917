/* Statements about one message that is kept: what class it stands for, what the parser makes of it, and that it was
 * forwarded as it came (tests/corpus). */
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"
#include "proxy/address.h"
#include "sipseal/outline.h"

static struct sip_message parsed;
static struct message_outline outline;

static bool rule_is(struct flow *f, enum rule rule)
{
    const char *wanted = f->statement.count == 2 ? f->statement.word[1] : "";
    return strcmp(wanted, rule_name(rule)) == 0 ? true : flow_fail(f, "the rule is %s", rule_name(rule));
}

/* FOLDER/CASE-N.bin */
static bool write_message(struct flow *f)
{
    char path[1024];
    const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
    snprintf(path, sizeof path, "%s/%.*s-%u.bin", f->folder, (int)(strlen(name) - strlen(".flow")), name, f->written++);
    FILE *file = fopen(path, "wb");
    if (!file)
        return flow_fail(f, "%s cannot be written", path);
    bool whole = fwrite(f->kept, 1, f->kept_len, file) == f->kept_len;
    return fclose(file) == 0 && whole ? true : flow_fail(f, "%s cannot be written", path);
}

/* message, with its block: in memory of exactly its size, so that the sanitizers see a read past the end. */
static bool keep_message(struct flow *f)
{
    static uint8_t composed[BLOCK_MAX];
    size_t len;
    if (!f->statement.has_block || !message_compose(f, f->statement.block, composed, sizeof composed, &len))
        return flow_fail(f, "message, and the message");
    free(f->kept);
    f->kept = malloc(len ? len : 1);
    if (!f->kept)
        return flow_fail(f, "no memory");
    memcpy(f->kept, composed, len);
    f->kept_len = len;
    memset(&parsed, 0, sizeof parsed);
    memset(&outline, 0, sizeof outline);
    return f->folder ? write_message(f) : true;
}

/* parsed RULE */
static bool expect_parsed(struct flow *f)
{
    return rule_is(f, sip_message_parse(span_of(f->kept, f->kept_len), SIP_DATAGRAM, &parsed));
}

/* framed message|more|keepalive|RULE: what a stream makes of the message when nothing has come after it. */
static bool expect_framed(struct flow *f)
{
    static const char *const names[] = {[SIP_FRAME_MORE] = "more", [SIP_FRAME_MESSAGE] = "message",
                                        [SIP_FRAME_KEEPALIVE] = "keepalive"};
    size_t scanned = 0, len;
    bool pong;
    enum rule why = RULE_OK;
    enum sip_frame frame =
        sip_stream_frame(span_of(f->kept, f->kept_len), SIP_MESSAGE_MAX, &scanned, &len, &pong, &why);
    if (frame == SIP_FRAME_BROKEN)
        return rule_is(f, why);
    bool same = f->statement.count == 2 && strcmp(f->statement.word[1], names[frame]) == 0;
    return same ? true : flow_fail(f, "a stream makes of it: %s", names[frame]);
}

/* shape RULE: of the body */
static bool expect_shape(struct flow *f)
{
    struct outline_source source;
    enum rule rule = outline_source_of(&parsed, &source);
    return rule_is(f, rule == RULE_OK ? message_outline(&source, &outline) : rule);
}

/* contact RULE: of the first Contact, read as one address */
static bool expect_contact(struct flow *f)
{
    struct sip_address contact;
    return rule_is(f, sip_address_parse(sip_header_value(&parsed, SIP_H_CONTACT), &contact));
}

/* value NAME [TEXT], or with one line that is the text */
static bool expect_value(struct flow *f)
{
    const struct statement *st = &f->statement;
    struct value_room room;
    struct span value, wanted = span_text(st->count == 3 ? st->word[2] : "");
    if (st->has_block)
        wanted = span_text(st->block);
    if (st->has_block && wanted.len)
        wanted.len--;
    if (st->count < 2 || !value_named(&parsed, &outline, st->word[1], &room, &value))
        return flow_fail(f, "there is no value %s", st->count < 2 ? "" : st->word[1]);
    return span_equal(value, wanted) ? true : flow_fail(f, "%s is \"%.*s\"", st->word[1], SPAN_ARGS(value));
}

static bool is_changed_by_proxies(enum sip_header_id id)
{
    return id == SIP_H_VIA || id == SIP_H_MAX_FORWARDS || id == SIP_H_MAX_BREADTH || id == SIP_H_RECORD_ROUTE ||
           id == SIP_H_ROUTE;
}

static const struct sip_header *next_untouched(const struct sip_message *m, size_t *at)
{
    while (*at < m->header_count) {
        const struct sip_header *h = &m->headers[(*at)++];
        if (!is_changed_by_proxies(h->id))
            return h;
    }
    return NULL;
}

/* Every header line that is no proxy's business, in order and byte for byte, and the body. */
static bool same_but_for_the_path(struct flow *f, const struct sip_message *left)
{
    size_t a = 0, b = 0;
    const struct sip_header *came, *went;
    do {
        came = next_untouched(&parsed, &a);
        went = next_untouched(left, &b);
        if ((came != NULL) != (went != NULL) || (came && !span_equal(came->line, went->line)))
            return flow_fail(f, "\"%.*s\" became \"%.*s\"", came ? (int)came->line.len : 0,
                             came ? (const char *)came->line.at : "", went ? (int)went->line.len : 0,
                             went ? (const char *)went->line.at : "");
    } while (came);
    return span_equal(left->body, parsed.body) ? true : flow_fail(f, "the body is another one");
}

/* untouched udp|tcp ADDRESS: the message was forwarded there, with nothing changed but Via, Max-Forwards, Max-Breadth,
 * Route, Record-Route */
static bool expect_untouched(struct flow *f)
{
    static struct sip_message left;
    struct station *s = f->current;
    struct hop hop, real;
    size_t i = 0;
    while (s && i < s->seen_count && s->seen[i].action.kind != PROXY_SEND)
        i++;
    if (!s || i == s->seen_count)
        return flow_fail(f, "the proxy did not send anything");
    if (f->statement.count != 3 || !hop_read(f, f->statement.word[1], f->statement.word[2], &hop))
        return flow_fail(f, "untouched udp|tcp ADDRESS");
    real = station_destination(s, &s->seen[i].action);
    struct span bytes = s->seen[i].action.bytes;
    if (!hop_equal(&hop, &real) || sip_message_parse(bytes, SIP_DATAGRAM, &left) != RULE_OK)
        return flow_fail(f, "it was not forwarded there:\n%.*s", SPAN_ARGS(bytes));
    if (!span_equal(left.method_text, parsed.method_text) || !span_equal(left.request_uri, parsed.request_uri))
        return flow_fail(f, "the request line is another one:\n%.*s", SPAN_ARGS(bytes));
    if (sip_header_count(&left, SIP_H_VIA) != sip_header_count(&parsed, SIP_H_VIA) + 1)
        return flow_fail(f, "the Via lines are others:\n%.*s", SPAN_ARGS(bytes));
    if (!same_but_for_the_path(f, &left))
        return false;
    station_forget(s, i);
    return true;
}

bool corpus_statement(struct flow *f, bool *known)
{
    static const struct {
        const char *word;
        bool (*run)(struct flow *f);
    } about_the_message[] = {{"parsed", expect_parsed},   {"framed", expect_framed}, {"shape", expect_shape},
                             {"contact", expect_contact}, {"value", expect_value},   {"untouched", expect_untouched}};
    const struct statement *st = &f->statement;
    *known = true;
    if (strcmp(st->word[0], "class") == 0)
        return st->count == 4 ? true : flow_fail(f, "class DOCUMENT SECTION \"what it stands for\"");
    if (strcmp(st->word[0], "message") == 0)
        return keep_message(f);
    for (size_t i = 0; i < sizeof about_the_message / sizeof *about_the_message; i++)
        if (strcmp(st->word[0], about_the_message[i].word) == 0)
            return f->kept ? about_the_message[i].run(f) : flow_fail(f, "no message is kept");
    *known = false;
    return true;
}
