/* Bindings that the store keeps. A registration is planned in the location service, kept by the store, and only then made
 * and answered (RFC 3261 10.3 step 8). When net begins it takes back what is kept, page by page; until all is there,
 * nobody is called unregistered and nobody registers.
 *
 * The location service is what counts as long as net lives. Where an answer of the store is missing, it is in doubt what
 * it keeps of a user: it is told again what the location service has as soon as it is there. */
#include <stdlib.h>

#include "proxy/address.h"
#include "proxy/binding_record.h"
#include "proxy/core.h"

enum { ASK_AGAIN_MS = 1000, SECOND_MS = 1000 };

/* --- clocks --- */

/* What expires on the monotonic clock, on the other one. */
static int64_t wall_of(const struct proxy *p, uint64_t at)
{
    uint64_t left = at > p->now.monotonic ? at - p->now.monotonic : 0;
    return p->now.wall + (int64_t)((left + SECOND_MS - 1) / SECOND_MS);
}

/* And back. A clock that was set back in between lets nothing live longer than a registration may. */
static uint64_t monotonic_of(const struct proxy *p, int64_t expires)
{
    int64_t most = p->settings.limits.registration_seconds, left = expires - p->now.wall;
    left = left < 0 ? 0 : left > most ? most : left;
    return p->now.monotonic + (uint64_t)left * SECOND_MS;
}

/* --- asking the store --- */

static const struct hop *socket_of(const struct proxy *p, uint64_t flow)
{
    static const struct hop none = {.transport = SIP_TRANSPORT_NONE};
    for (size_t i = 0; i < p->settings.listen_count; i++)
        if (p->settings.listen[i].transport == SIP_UDP && p->settings.listen_flow[i] == flow)
            return &p->settings.listen[i];
    return &none;
}

/* Records in one half of the scratch bytes, the message in the other. */
static struct packet *write_bind(struct proxy *p, uint64_t job, struct span aor, const struct kept_binding *kept,
                                 size_t count)
{
    size_t half = p->scratch_len / 2;
    struct writer records = writer_over(p->scratch + half, p->scratch_len - half), w = writer_over(p->scratch, half);
    struct ipc_bind bind = {.now = p->now.wall, .aor = aor, .count = count};
    for (size_t i = 0; i < count; i++) {
        size_t from = records.len;
        binding_record_write(&records, &kept[i], socket_of(p, kept[i].contact.flow));
        bind.binding[i].expires = wall_of(p, kept[i].expires_at);
        bind.binding[i].record = span_of(records.at + from, records.len - from);
    }
    ipc_write_bind(&w, job, &bind);
    return records.full || w.full ? NULL : packet_copy(writer_span(&w));
}

static void send_to_store(struct proxy *p, struct packet *packet)
{
    const struct proxy_action action = {.kind = PROXY_ASK_STORE};
    action_push(p, &action, packet);
}

/* --- doubts --- */

/* Tells the store what the location service has of this user. */
static void tell_again(struct proxy *p, struct span aor)
{
    struct kept_binding kept[LOCATION_USER_CONTACTS_MAX];
    size_t count = location_bindings(p->location, aor, p->now.monotonic, kept);
    struct packet *packet = write_bind(p, 0, aor, kept, count);
    if (packet)
        send_to_store(p, packet);
}

static void doubt(struct proxy *p, struct span aor)
{
    if (p->store_ready) {
        tell_again(p, aor);
        return;
    }
    struct queued_action *queued = malloc(sizeof *queued);
    struct packet *packet = packet_copy(aor);
    if (!queued || !packet) {
        free(queued);
        free(packet);
        return;
    }
    *queued = (struct queued_action){.packet = packet};
    STAILQ_INSERT_TAIL(&p->keeping.doubts, queued, link);
}

static void settle_doubts(struct proxy *p)
{
    while (!STAILQ_EMPTY(&p->keeping.doubts)) {
        struct queued_action *queued = STAILQ_FIRST(&p->keeping.doubts);
        STAILQ_REMOVE_HEAD(&p->keeping.doubts, link);
        tell_again(p, packet_span(queued->packet));
        free(queued->packet);
        free(queued);
    }
}

/* --- one registration --- */

/* Whether one more may wait: then its request is remembered. */
static enum rule remember(struct proxy *p, struct pass *pass, const struct sip_message *m, uint32_t waiting)
{
    if (waiting >= p->settings.limits.store_jobs) {
        p->counters.store_full++;
        return RULE_OVERLOAD;
    }
    return pass_keep_request(p, pass, m);
}

void keeping_queue(struct proxy *p, struct pass *pass, const struct sip_message *m, struct span aor)
{
    enum rule rule = remember(p, pass, m, p->keeping.registering_count);
    if (rule != RULE_OK) {
        refuse_pass(p, pass, m, rule);
        return;
    }
    pass->user = location_hash(p->location, aor);
    pass_enter(p, pass, PASS_REGISTERING);
}

void keeping_ask(struct proxy *p, struct pass *pass, const struct sip_message *m, struct plan *plan)
{
    struct kept_binding kept[LOCATION_USER_CONTACTS_MAX];
    struct span aor = plan_aor(plan);
    enum rule rule = p->store_ready ? remember(p, pass, m, p->keeping.registering_count) : RULE_BINDING_STORE;
    struct packet *packet = NULL;
    if (rule == RULE_OK && !(packet = write_bind(p, pass_job(pass), aor, kept, plan_bindings(plan, kept))))
        rule = RULE_NO_MEMORY;
    if (rule != RULE_OK) {
        location_drop(p->location, plan, p->now.monotonic);
        refuse_pass(p, pass, m, rule);
        return;
    }
    pass->plan = plan;
    pass->user = location_hash(p->location, aor);
    pass_enter(p, pass, PASS_REGISTERING);
    send_to_store(p, packet);
}

static struct pass *next_of_user(struct proxy *p, uint64_t user)
{
    struct pass *pass;
    TAILQ_FOREACH(pass, &p->keeping.registering, link)
        if (pass->user == user && !pass->plan)
            return pass;
    return NULL;
}

/* The turn of those that came later for the same user, up to the first that asks the store. */
static void go_on(struct proxy *p, uint64_t user)
{
    struct pass *pass;
    while ((pass = next_of_user(p, user)) != NULL) {
        pass_enter(p, pass, PASS_ADMISSION);
        if (pass_read(p, pass, &p->message))
            register_admitted(p, pass, &p->message);
        if (pass->state == PASS_REGISTERING)
            return;
    }
}

/* The plan of a pass that has one ends. */
static void end_plan(struct proxy *p, struct pass *pass, bool made)
{
    struct plan *plan = pass->plan;
    pass->plan = NULL;
    if (made)
        location_make(p->location, plan, p->now.monotonic);
    else
        location_drop(p->location, plan, p->now.monotonic);
}

void proxy_bound(struct proxy *p, uint64_t job, enum rule rule, struct proxy_time now)
{
    p->now = now;
    struct pass *pass = pass_of_job(p, job, PASS_REGISTERING);
    if (!pass || !pass->plan)
        return;
    uint64_t user = pass->user;
    end_plan(p, pass, rule == RULE_OK);
    p->counters.kept += rule == RULE_OK;
    pass_enter(p, pass, PASS_ADMISSION);
    if (!pass_read(p, pass, &p->message))
        return;
    if (rule == RULE_OK)
        register_done(p, pass, &p->message);
    else
        refuse_pass(p, pass, &p->message, RULE_BINDING_STORE);
    go_on(p, user);
}

/* Its answer did not come. */
static void give_up(struct proxy *p, struct pass *pass)
{
    uint64_t user = pass->user;
    bool asked = pass->plan != NULL;
    if (asked) {
        uint8_t room[LOCATION_URI_MAX];
        struct writer aor = writer_over(room, sizeof room);
        writer_put(&aor, plan_aor(pass->plan));
        end_plan(p, pass, false);
        doubt(p, writer_span(&aor));
    }
    refuse_later(p, pass, RULE_BINDING_STORE);
    if (asked && p->store_ready)
        go_on(p, user);
}

/* --- all of them, when net begins --- */

bool keeping_loads(const struct proxy *p)
{
    return !p->keeping.loaded;
}

bool proxy_bindings_loaded(const struct proxy *p)
{
    return p->keeping.loaded;
}

static void ask_for_page(struct proxy *p)
{
    uint8_t room[IPC_HEADER_LEN + IPC_AOR_MAX + 32];
    struct writer w = writer_over(room, sizeof room);
    const struct ipc_load load = {.now = p->now.wall, .after = packet_span(p->keeping.loaded_up_to)};
    ipc_write_load(&w, &load);
    struct packet *packet = w.full ? NULL : packet_copy(writer_span(&w));
    p->keeping.asked = packet != NULL;
    p->keeping.ask_at = p->now.monotonic + ASK_AGAIN_MS;
    if (packet)
        send_to_store(p, packet);
}

/* The socket of its flow may be there still; a connection is not. */
static void restore(struct proxy *p, const struct ipc_binding *from)
{
    struct kept_binding kept;
    struct hop socket;
    enum rule rule = RULE_FILE_FORMAT;
    if (binding_record_read(from->record, &kept, &socket)) {
        kept.expires_at = monotonic_of(p, from->expires);
        for (size_t i = 0; socket.transport == SIP_UDP && i < p->settings.listen_count; i++)
            if (hop_equal(&p->settings.listen[i], &socket))
                kept.contact.flow = p->settings.listen_flow[i];
        rule = location_restore(p->location, from->aor, &kept);
    }
    p->counters.restored += rule == RULE_OK;
    p->counters.restored_not += rule != RULE_OK;
}

void keeping_wait(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    enum rule rule = remember(p, pass, m, p->keeping.loading_count);
    if (rule != RULE_OK)
        refuse_pass(p, pass, m, rule);
    else
        pass_enter(p, pass, PASS_LOADING);
}

static void admit_those_who_waited(struct proxy *p)
{
    while (!TAILQ_EMPTY(&p->keeping.loading)) {
        struct pass *pass = TAILQ_FIRST(&p->keeping.loading);
        bool wanted = pass->server != 0; /* else whoever asked has given up */
        pass_enter(p, pass, wanted ? PASS_ADMISSION : PASS_DONE);
        pass_settle(p, pass);
        if (!wanted || !pass_read(p, pass, &p->message))
            continue;
        if (p->message.method == SIP_REGISTER)
            register_admitted(p, pass, &p->message);
        else
            admit(p, pass, &p->message);
    }
}

void proxy_bindings(struct proxy *p, const struct ipc_bindings *page, struct proxy_time now)
{
    struct keeping *k = &p->keeping;
    p->now = now;
    if (k->loaded || !k->asked)
        return;
    k->asked = false;
    struct packet *last = page->count ? packet_copy(page->binding[page->count - 1].aor) : NULL;
    if (page->rule != RULE_OK || (!last && (page->count > 0 || !page->last)))
        return; /* asked again in a while */
    for (size_t i = 0; i < page->count; i++)
        restore(p, &page->binding[i]);
    free(k->loaded_up_to);
    k->loaded_up_to = last;
    k->loaded = page->last;
    if (k->loaded)
        admit_those_who_waited(p);
    else
        ask_for_page(p);
}

/* --- beginning and end --- */

void keeping_begin(struct proxy *p)
{
    TAILQ_INIT(&p->keeping.loading);
    TAILQ_INIT(&p->keeping.registering);
    STAILQ_INIT(&p->keeping.doubts);
    p->keeping.loaded = !p->settings.keep_bindings;
}

void keeping_free(struct proxy *p)
{
    actions_free(&p->keeping.doubts);
    free(p->keeping.loaded_up_to);
}

void keeping_store_ready(struct proxy *p)
{
    if (!p->settings.keep_bindings)
        return;
    settle_doubts(p);
    if (!p->keeping.loaded)
        ask_for_page(p);
}

void keeping_store_lost(struct proxy *p)
{
    p->keeping.asked = false;
    while (!TAILQ_EMPTY(&p->keeping.registering))
        give_up(p, TAILQ_FIRST(&p->keeping.registering));
}

/* --- time --- */

static uint64_t first_late(const struct proxy *p, const struct pass_list *list)
{
    return TAILQ_EMPTY(list) ? UINT64_MAX : TAILQ_FIRST(list)->since + examine_max_ms(p);
}

static bool is_to_ask(const struct proxy *p)
{
    return !p->keeping.loaded && !p->keeping.asked && p->store_ready;
}

void keeping_tick(struct proxy *p)
{
    if (is_to_ask(p) && p->now.monotonic >= p->keeping.ask_at)
        ask_for_page(p);
    while (p->now.monotonic >= first_late(p, &p->keeping.loading))
        refuse_later(p, TAILQ_FIRST(&p->keeping.loading), RULE_BINDING_STORE);
    while (p->now.monotonic >= first_late(p, &p->keeping.registering))
        give_up(p, TAILQ_FIRST(&p->keeping.registering));
}

uint64_t keeping_deadline(const struct proxy *p)
{
    uint64_t loading = first_late(p, &p->keeping.loading), registering = first_late(p, &p->keeping.registering);
    uint64_t ask = is_to_ask(p) ? p->keeping.ask_at : UINT64_MAX, late = loading < registering ? loading : registering;
    return ask < late ? ask : late;
}
