/* The values of a message by their names, as scripts ask for them: "to.tag", "header:Subject", "part.0.type". */
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"
#include "sipseal/outline.h"

static struct span number(struct value_room *room, uint64_t n)
{
    struct writer w = writer_over(room->text, sizeof room->text);
    writer_decimal(&w, n);
    return writer_span(&w);
}

struct named {
    const char *name;
    struct span value;
};

static bool find(const struct named *list, size_t count, const char *name, struct span *value)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0) {
            *value = list[i].value;
            return true;
        }
    return false;
}

static bool value_of_message(const struct sip_message *m, const char *name, struct value_room *room, struct span *value)
{
    const struct named texts[] = {
        {"method", m->method_text}, {"request-uri", m->request_uri}, {"reason", m->reason}, {"call-id", m->call_id},
        {"cseq.method", m->cseq_method}, {"via", m->via.text}, {"via.host", m->via.host}, {"via.branch", m->via.branch},
        {"via.received", m->via.received}, {"via.transport", m->via.transport_text}, {"body", m->body},
        {"answerable", sip_message_answerable(m) ? SPAN("yes") : SPAN("no")}};
    const struct {
        const char *name;
        uint64_t n;
    } numbers[] = {{"status", (uint64_t)m->status}, {"cseq", m->cseq}, {"max-forwards", m->max_forwards},
                   {"via.port", m->via.port}, {"body.length", m->body.len}};
    if (find(texts, sizeof texts / sizeof *texts, name, value))
        return true;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(numbers[i].name, name) == 0) {
            *value = number(room, numbers[i].n);
            return true;
        }
    return false;
}

static bool value_of_address(const struct sip_address *a, const char *name, struct span *value)
{
    const struct named texts[] = {{"uri", a->uri}, {"display", a->display}, {"params", a->params}, {"tag", a->tag}};
    return find(texts, sizeof texts / sizeof *texts, name, value);
}

static bool value_of_uri(struct span text, const char *name, struct value_room *room, struct span *value)
{
    static const struct named schemes[] = {[SIP_SCHEME_SIP] = {"", SPAN_INIT("sip")},
                                           [SIP_SCHEME_SIPS] = {"", SPAN_INIT("sips")},
                                           [SIP_SCHEME_TEL] = {"", SPAN_INIT("tel")},
                                           [SIP_SCHEME_OTHER] = {"", SPAN_INIT("other")}};
    struct sip_uri u;
    enum rule rule = sip_uri_parse(text, &u);
    if (strcmp(name, "rule") == 0) {
        *value = span_text(rule_name(rule));
        return true;
    }
    if (rule != RULE_OK)
        return false;
    const struct named texts[] = {{"scheme", schemes[u.scheme].value}, {"user", u.user}, {"password", u.password},
                                  {"host", u.host}, {"params", u.params}, {"headers", u.headers},
                                  {"port", number(room, u.port)}};
    return find(texts, sizeof texts / sizeof *texts, name, value);
}

/* "header:Name" is the value of the first such header, "count:Name" how many lines have the name. */
static bool value_of_header(const struct sip_message *m, const char *name, struct value_room *room, struct span *value)
{
    bool counting = strncmp(name, "count:", 6) == 0;
    if (!counting && strncmp(name, "header:", 7) != 0)
        return false;
    struct span wanted = span_text(strchr(name, ':') + 1);
    size_t count = 0;
    *value = (struct span){0};
    for (size_t i = 0; i < m->header_count; i++)
        if (span_equal_nocase(m->headers[i].name, wanted) && count++ == 0)
            *value = m->headers[i].value;
    if (counting)
        *value = number(room, count);
    return counting || count > 0;
}

/* "parts", "part.0.type", ".kind", ".id", ".body" */
static bool value_of_part(const struct message_outline *o, const char *name, struct value_room *room,
                          struct span *value)
{
    static const char *const kinds[] = {[MIME_PLAIN] = "plain", [MIME_MULTIPART] = "multipart",
                                        [MIME_SEALED] = "sealed", [MIME_SIGNED] = "signed",
                                        [MIME_CLEAR_SIGNED] = "clear-signed", [MIME_CERTS_ONLY] = "certs-only",
                                        [MIME_SIPFRAG] = "sipfrag"};
    char *rest;
    if (strcmp(name, "parts") == 0) {
        *value = number(room, o->part_count);
        return true;
    }
    if (strncmp(name, "part.", 5) != 0)
        return false;
    unsigned long which = strtoul(name + 5, &rest, 10);
    if (which >= o->part_count || *rest != '.')
        return false;
    const struct mime_entity *e = &o->part[which];
    const struct named texts[] = {{"type", e->type}, {"params", e->type_params}, {"kind", span_text(kinds[e->kind])},
                                  {"id", e->content_id}, {"body", e->body}};
    return find(texts, sizeof texts / sizeof *texts, rest + 1, value);
}

bool value_named(const struct sip_message *m, const struct message_outline *outline, const char *name,
                 struct value_room *room, struct span *value)
{
    struct sip_address contact = {0};
    if (sip_header_count(m, SIP_H_CONTACT) > 0)
        (void)sip_address_parse(sip_header_value(m, SIP_H_CONTACT), &contact);
    const struct {
        const char *name;
        const struct sip_address *address;
    } addresses[] = {{"from.", &m->from}, {"to.", &m->to}, {"contact.", &contact}};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        size_t len = strlen(addresses[i].name);
        if (strncmp(name, addresses[i].name, len) == 0)
            return value_of_address(addresses[i].address, name + len, value) ||
                   (strncmp(name + len, "uri.", 4) == 0 &&
                    value_of_uri(addresses[i].address->uri, name + len + 4, room, value));
    }
    if (strncmp(name, "request-uri.", 12) == 0)
        return value_of_uri(m->request_uri, name + 12, room, value);
    return value_of_message(m, name, room, value) || value_of_header(m, name, room, value) ||
           value_of_part(outline, name, room, value);
}
