/* The registrar for one's own domains (RFC 3261 10.3). Who may register is a matter of where the request comes from;
 * Digest comes with authentication. */
#include "proxy/registrar.h"

#include "proxy/core.h"
#include "sipseal/clock.h"

enum { FLOW_TIMER_SECONDS = 120 /* RFC 5626 4.4: how often the server wants to hear of a flow, at least */ };

_Static_assert(REGISTRATION_ROOM + 1024 <= ANSWER_HEADERS_MAX, "all bindings of a user fit into a 200");

static bool may_register(const struct route *route, const struct proxy_source *source)
{
    for (size_t i = 0; i < route->allow_count; i++)
        if (address_block_holds(&route->allow[i], (const struct sockaddr *)&source->address))
            return true;
    return false;
}

/* --- the answer --- */

static void write_thousandths(struct writer *w, unsigned q)
{
    writer_decimal(w, q / LOCATION_Q_MAX);
    if (q % LOCATION_Q_MAX == 0)
        return;
    writer_byte(w, '.');
    for (unsigned scale = LOCATION_Q_MAX / 10, rest = q % LOCATION_Q_MAX; rest > 0; rest %= scale, scale /= 10)
        writer_decimal(w, rest / scale);
}

static void write_contact(struct writer *w, const struct contact *c)
{
    writer_text(w, "Contact: <");
    writer_put(w, c->uri);
    writer_text(w, ">;q=");
    write_thousandths(w, c->q);
    writer_text(w, ";expires=");
    writer_decimal(w, c->expires);
    if (c->instance.len) {
        writer_text(w, ";+sip.instance=\"");
        writer_put(w, c->instance);
        writer_byte(w, '"');
    }
    if (c->reg_id) {
        writer_text(w, ";reg-id=");
        writer_decimal(w, c->reg_id);
    }
    writer_text(w, "\r\n");
}

static void write_bindings(struct proxy *p, struct span aor, struct writer *w)
{
    struct contact bindings[LOCATION_USER_CONTACTS_MAX];
    size_t count = location_find(p->location, aor, p->now.monotonic, bindings, LOCATION_USER_CONTACTS_MAX);
    for (size_t i = 0; i < count; i++)
        write_contact(w, &bindings[i]);
    writer_text(w, "Date: ");
    clock_write_date(w, p->now.wall);
    writer_text(w, "\r\n");
}

/* Over UDP RFC 5626 wants keep-alives by STUN, which there are none here: so it is not said to be done there. */
static bool says_outbound(const struct pass *pass, const struct register_request *r)
{
    return r->flows && (r->path.len > 0 || pass->source.transport != SIP_UDP);
}

static void write_extensions(const struct proxy *p, const struct pass *pass, const struct register_request *r,
                             struct writer *w)
{
    uint32_t idle = p->settings.limits.idle_seconds;
    if (r->path.len) {
        writer_text(w, "Path: ");
        writer_put(w, r->path);
        writer_text(w, "\r\n");
    }
    writer_text(w, "Supported: path, outbound\r\n");
    if (!says_outbound(pass, r))
        return;
    writer_text(w, "Require: outbound\r\n");
    if (!r->direct)
        return;
    writer_text(w, "Flow-Timer: ");
    writer_decimal(w, idle < FLOW_TIMER_SECONDS ? idle : FLOW_TIMER_SECONDS);
    writer_text(w, "\r\n");
}

static void answer_registered(struct proxy *p, struct pass *pass, const struct sip_message *m,
                              const struct register_request *r)
{
    uint8_t lines[REGISTRATION_ROOM];
    struct writer w = writer_over(lines, sizeof lines);
    write_bindings(p, r->registration.aor, &w);
    write_extensions(p, pass, r, &w);
    const struct answer answer = {.status = 200, .headers = writer_span(&w)};
    answer_pass(p, pass, m, &answer);
}

/* Some refusals say what would be taken. */
static void refuse_registration(struct proxy *p, struct pass *pass, const struct sip_message *m, enum rule rule)
{
    uint8_t room[64];
    struct writer w = writer_over(room, sizeof room);
    if (rule == RULE_SIP_REGISTER_BRIEF) {
        writer_text(&w, "Min-Expires: ");
        writer_decimal(&w, p->settings.limits.registration_min_seconds);
        writer_text(&w, "\r\n");
    } else if (rule == RULE_SIP_PATH_UNKNOWN) {
        writer_text(&w, "Unsupported: path\r\n");
    }
    const struct answer answer = {.status = rule_status(rule), .rule = rule, .headers = writer_span(&w)};
    answer_pass(p, pass, m, &answer);
}

/* --- the registration --- */

static enum rule read_request(const struct proxy *p, const struct pass *pass, const struct sip_message *m,
                              struct register_request *r)
{
    enum rule rule = register_read_request(&p->routing, &pass->source, m, r);
    return rule == RULE_OK ? register_read_contacts(&p->settings.limits, &pass->source, m, r) : rule;
}

/* At once, where no store keeps it. */
static void make(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct register_request *r)
{
    struct plan *plan;
    enum rule rule = location_plan(p->location, &r->registration, p->now.monotonic, &plan);
    if (rule != RULE_OK) {
        refuse_registration(p, pass, m, rule);
    } else if (p->settings.keep_bindings) {
        keeping_ask(p, pass, m, plan);
    } else {
        location_make(p->location, plan, p->now.monotonic);
        answer_registered(p, pass, m, r);
    }
}

void register_admitted(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct register_request r;
    enum rule rule = read_request(p, pass, m, &r);
    bool asks_only = r.registration.count == 0 && !r.registration.remove_all;
    if (rule != RULE_OK)
        refuse_registration(p, pass, m, rule);
    else if (keeping_loads(p))
        keeping_wait(p, pass, m);
    else if (asks_only)
        answer_registered(p, pass, m, &r);
    else if (location_is_planned(p->location, r.registration.aor))
        keeping_queue(p, pass, m, r.registration.aor);
    else
        make(p, pass, m, &r);
}

void register_done(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct register_request r;
    read_request(p, pass, m, &r); /* it was read before; what is done stays, whatever limits there are now */
    answer_registered(p, pass, m, &r);
}

void register_contacts(struct proxy *p, struct pass *pass, const struct sip_message *m, const struct route *route)
{
    if (may_register(route, &pass->source))
        register_admitted(p, pass, m);
    else
        refuse_pass(p, pass, m, RULE_SIP_REGISTER_DENIED);
}
