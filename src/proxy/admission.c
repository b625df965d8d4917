/* The first look at a request: whom it is for, and whether it may go on (RFC 3261 16.3, RFC 5393 4.2.2). Nothing here
 * costs more than reading headers. */
#include "proxy/address.h"
#include "proxy/core.h"

enum { OPTION_TAGS_MAX = 1024 }; /* bytes of the list in Unsupported */

/* --- extensions --- */

static bool is_option_tag(struct span tag)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~";
    for (size_t i = 0; i < tag.len; i++)
        if (tag.at[i] == '\0' || !strchr(allowed, tag.at[i]))
            return false;
    return tag.len > 0;
}

static bool is_among(struct span tag, const struct span *known, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_nocase(tag, known[i]))
            return true;
    return false;
}

/* A list has one tag at least (20.29, 20.32). */
static bool list_option_tags(struct writer *w, struct span list, const struct span *known, size_t known_count)
{
    for (bool more = true; more;) {
        size_t comma = span_find(list, ',');
        struct span tag = span_trim(span_part(list, 0, comma));
        if (!is_option_tag(tag))
            return false;
        if (!is_among(tag, known, known_count)) {
            writer_text(w, w->len ? ", " : "Unsupported: ");
            writer_put(w, tag);
        }
        more = comma < list.len;
        list = span_part(list, comma + 1, list.len);
    }
    return true;
}

/* 420 with all that the request asks for under this header and that is not known here (8.2.2.3, 16.3 step 5). True when it
 * was answered. */
static bool refuse_unknown(struct proxy *p, struct pass *pass, const struct sip_message *m, enum sip_header_id id,
                           const struct span *known, size_t known_count)
{
    uint8_t tags[OPTION_TAGS_MAX];
    struct writer w = writer_over(tags, sizeof tags);
    bool clean = true;
    for (const struct sip_header *h = sip_header_next(m, id, NULL); h && clean; h = sip_header_next(m, id, h))
        clean = list_option_tags(&w, h->value, known, known_count);
    if (clean && w.len == 0)
        return false;
    writer_text(&w, "\r\n");
    if (!clean || w.full) {
        refuse_pass(p, pass, m, RULE_SIP_SYNTAX);
        return true;
    }
    const struct answer answer = {.status = 420, .rule = RULE_SIP_PROXY_REQUIRE, .headers = writer_span(&w)};
    answer_pass(p, pass, m, &answer);
    return true;
}

bool refuse_extensions(struct proxy *p, struct pass *pass, const struct sip_message *m, enum sip_header_id id)
{
    return refuse_unknown(p, pass, m, id, NULL, 0);
}

/* A registrar knows Path and, where flows can be kept alive, outbound (registrar.c). */
static bool refuse_registering(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    static const struct span known[] = {SPAN_INIT("path"), SPAN_INIT("outbound")};
    return refuse_unknown(p, pass, m, SIP_H_REQUIRE, known, pass->source.transport == SIP_UDP ? 1 : 2);
}

/* --- for the proxy itself --- */

static void serve(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct answer answer = {.status = 200, .headers = SPAN("Allow: OPTIONS, REGISTER\r\n")};
    if (refuse_extensions(p, pass, m, SIP_H_REQUIRE))
        return;
    if (m->method != SIP_OPTIONS) {
        answer.status = 405;
        answer.rule = RULE_SIP_METHOD;
    }
    answer_pass(p, pass, m, &answer);
}

/* --- to be forwarded --- */

static enum rule check_forwarding(const struct proxy *p, const struct sip_message *m)
{
    if (m->has_max_forwards && m->max_forwards == 0)
        return RULE_SIP_MAX_FORWARDS;
    if (m->header_count + PROXY_EDIT_LINES > SIP_HEADERS_MAX || m->head.len + PROXY_EDIT_BYTES > SIP_HEAD_MAX)
        return RULE_SIP_HEADERS;
    return has_looped(p, m) ? RULE_SIP_LOOP : RULE_OK;
}

/* The target as it is now: what a vault and the store take does not change it any more. */
static enum rule note_target(const struct proxy *p, struct pass *pass, const struct target *target)
{
    pass->record_route = !target->route || target->route->record_route;
    return branches_new(pass, target, pass->ack ? 1 : p->settings.limits.branches) ? RULE_OK : RULE_NO_MEMORY;
}

bool is_own_user(const struct proxy *p, const struct proxy_source *source)
{
    for (size_t i = 0; i < p->settings.route_count; i++) {
        const struct route *route = &p->settings.route[i];
        for (size_t j = 0; route->registrar && j < route->allow_count; j++)
            if (address_block_holds(&route->allow[j], (const struct sockaddr *)&source->address))
                return true;
    }
    return false;
}

static bool is_configured_next(const struct proxy *p, const struct hop *hop)
{
    for (size_t i = 0; i < p->settings.route_count; i++) {
        const struct route *route = &p->settings.route[i];
        if (route->has_next && address_same_host(&route->next.address, &hop->address) &&
            address_port(&route->next.address) == address_port(&hop->address))
            return true;
    }
    return false;
}

/* Whether the Route of a request is the one that this proxy gave to its dialog. */
static bool is_in_dialog(const struct proxy *p, const struct sip_message *m, const struct route_set *routes)
{
    uint8_t token[16];
    return m->to.tag.len > 0 && span_equal(routes->dialog, dialog_token(p, m->call_id, token));
}

/* An address that the sender wrote is followed where the proxy would send anyway, for own users, and in a dialog that
 * was made through this proxy: else anybody could reach anything through it. Nobody from outside is let to this
 * machine's own services. */
static enum rule check_target(const struct proxy *p, const struct pass *pass, const struct sip_message *m,
                              const struct target *target, const struct route_set *routes)
{
    const struct hop *hop = &target->to[0].hop;
    if (!target->chosen_by_sender || is_configured_next(p, hop))
        return RULE_OK;
    if (address_is_loopback(&hop->address) && !address_is_loopback(&pass->source.address))
        return RULE_SIP_ROUTE;
    return is_own_user(p, &pass->source) || is_in_dialog(p, m, routes) ? RULE_OK : RULE_SIP_ROUTE;
}

static void admit_forwarding(struct proxy *p, struct pass *pass, const struct sip_message *m,
                             const struct target *target, const struct route_set *routes)
{
    enum rule rule = check_forwarding(p, m);
    if (rule == RULE_OK)
        rule = check_target(p, pass, m, target, routes);
    if (rule == RULE_OK && !pass->ack && refuse_extensions(p, pass, m, SIP_H_PROXY_REQUIRE))
        return;
    if (rule == RULE_OK)
        rule = breadth_take(p, pass, m);
    if (rule == RULE_OK)
        rule = note_target(p, pass, target);
    if (rule != RULE_OK) {
        refuse_pass(p, pass, m, rule);
        return;
    }
    if (pass->invite)
        answer_trying_now(p, pass, m);
    examine(p, pass, m);
}

/* What may go on nowhere is told so, whether or not there is somewhere to go (16.3 comes before 16.5). */
static void refuse_target(struct proxy *p, struct pass *pass, const struct sip_message *m, enum rule rule)
{
    bool no_way = rule == RULE_SIP_ROUTE || rule == RULE_SIP_NOT_REGISTERED;
    enum rule first = no_way ? check_forwarding(p, m) : RULE_OK;
    if (no_way && first == RULE_OK && !pass->ack && refuse_extensions(p, pass, m, SIP_H_PROXY_REQUIRE))
        return;
    refuse_pass(p, pass, m, first == RULE_OK ? rule : first);
}

/* Answered here, and never forwarded: it is about the branches of its INVITE (16.10). */
static void admit_cancel(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    const struct answer answer = {.status = 200};
    uint64_t id;
    void *invite;
    if (!sip_server_cancelled_by(p->transactions, m, &id, &invite) || !invite) {
        refuse_pass(p, pass, m, RULE_SIP_NO_TRANSACTION);
        return;
    }
    answer_pass(p, pass, m, &answer);
    pass_cancel(p, invite);
}

/* A proxy that is to end begins nothing new, and lets what is under way come to its end. */
static enum rule find_target(struct proxy *p, const struct pass *pass, const struct sip_message *m,
                             struct target *target, struct route_set *routes)
{
    if ((p->stopping || pass->source.leaving) && m->method != SIP_ACK)
        return RULE_OVERLOAD;
    enum rule rule = routing_route_set(&p->routing, m, routes);
    if (rule != RULE_OK)
        return rule;
    return routing_target(&p->routing, p->location, m, routes, p->now.monotonic, target);
}

void admit(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct target target = {0};
    struct route_set routes;
    if (m->method == SIP_CANCEL) {
        admit_cancel(p, pass, m);
        return;
    }
    enum rule rule = find_target(p, pass, m, &target, &routes);
    if (target.not_registered && keeping_loads(p) && !pass->ack)
        keeping_wait(p, pass, m);
    else if (rule != RULE_OK)
        refuse_target(p, pass, m, rule);
    else if (target.kind == TARGET_SELF)
        serve(p, pass, m);
    else if (target.kind == TARGET_POLICY)
        serve_policy(p, pass, m);
    else if (target.kind != TARGET_REGISTRAR)
        admit_forwarding(p, pass, m, &target, &routes);
    else if (!refuse_registering(p, pass, m))
        register_contacts(p, pass, m, target.route);
}
