/* Jobs for the vaults: whatever needs cryptography before policy can judge it. Messages wait in lines by who sent them
 * (shares.h) for the vault with the fewest jobs; a vault has few at once, since they die with it. */
#include "proxy/core.h"

/* What the message says, and the shape of its body. */
static enum rule read_outline(struct proxy *p, const struct sip_message *m)
{
    enum rule rule = outline_source_of(m, &p->source);
    return rule == RULE_OK ? message_outline(&p->source, &p->outline) : rule;
}

static uint32_t vault_window(const struct proxy *p)
{
    uint32_t jobs = p->settings.limits.jobs_per_vault;
    return jobs < IPC_VAULT_JOBS_MAX ? jobs : IPC_VAULT_JOBS_MAX;
}

/* The number of the vault that can take a job soonest; IPC_VAULTS_MAX when none can take one. */
static uint32_t pick_vault(const struct proxy *p)
{
    uint32_t best = IPC_VAULTS_MAX;
    for (uint32_t i = 0; i < IPC_VAULTS_MAX; i++) {
        const struct vault *v = &p->vault[i];
        if (!v->ready || v->stuck || v->jobs >= vault_window(p))
            continue;
        if (best == IPC_VAULTS_MAX || v->jobs < p->vault[best].jobs)
            best = i;
    }
    return best;
}

/* How many more may wait. */
static size_t room_left(const struct proxy *p)
{
    uint64_t jobs = p->waiting_count;
    uint64_t most = (uint64_t)p->settings.limits.jobs_per_vault * p->settings.vaults;
    for (uint32_t i = 0; i < IPC_VAULTS_MAX; i++)
        jobs += p->vault[i].jobs;
    return jobs < most ? (size_t)(most - jobs) : 0;
}

/* The network that one subscriber has: an IPv4 address, 64 bits of an IPv6 address. */
static struct span subscriber_of(const struct sockaddr_storage *address, uint8_t room[16])
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (address->ss_family == AF_INET) {
        memcpy(&in, address, sizeof in);
        memcpy(room, &in.sin_addr, 4);
        return span_of(room, 4);
    }
    memcpy(&in6, address, sizeof in6);
    memcpy(room, &in6.sin6_addr, 16);
    return IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ? span_of(room + 12, 4) : span_of(room, 8);
}

/* Known is the domain that proved itself, and an address that may register users and cannot be forged: one at the other
 * end of a connection. */
struct share_peer examine_peer(const struct proxy *p, const struct proxy_source *source)
{
    uint8_t room[16];
    struct siphash h;
    bool proven = source->peer.len > 0;
    siphash_begin(&h, p->hash_key);
    siphash_add_field(&h, source->peer);
    siphash_add_field(&h, proven ? (struct span){0} : subscriber_of(&source->address, room));
    return (struct share_peer){siphash_end(&h), proven || (source->transport != SIP_UDP && is_own_user(p, source))};
}

/* Sends the job; `p->source` is what the message says. */
static void ask_vault(struct proxy *p, struct pass *pass, const struct sip_message *m, uint32_t vault)
{
    const struct ipc_examine ask = {.now = p->now.wall, .clock = p->now.monotonic, .peer = pass->peer.id.half[0],
                                    .proven = pass->peer.known, .archive = pass->archive, .source = p->source};
    struct writer w = writer_over(p->scratch, p->scratch_len);
    ipc_write_examine(&w, pass_job(pass), &ask);
    struct packet *packet = w.full ? NULL : packet_copy(writer_span(&w));
    if (!packet) {
        refuse_pass(p, pass, m, w.full ? RULE_SIP_SIZE : RULE_NO_MEMORY);
        return;
    }
    pass->vault = vault;
    pass_enter(p, pass, PASS_EXAMINING);
    const struct proxy_action action = {.kind = PROXY_ASK_VAULT, .vault = vault};
    action_push(p, &action, packet);
}

static struct pass *pass_of_share(struct share_item *item)
{
    return (struct pass *)(void *)((uint8_t *)item - offsetof(struct pass, share));
}

static void decide_without_keys(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    p->verdict = (struct verdict){0}; /* nothing is opened, and no signature proves anything */
    decide(p, pass, m, &p->outline, &p->verdict, (struct span){0});
}

/* The keys were taken out of the configuration while messages waited for a vault. */
static void stop_waiting(struct proxy *p)
{
    while (!TAILQ_EMPTY(&p->waiting)) {
        struct pass *pass = TAILQ_FIRST(&p->waiting);
        if (!pass_read(p, pass, &p->message))
            continue;
        pass_enter(p, pass, PASS_ADMISSION);
        if (read_outline(p, &p->message) == RULE_OK)
            decide_without_keys(p, pass, &p->message);
        else
            refuse_pass(p, pass, &p->message, RULE_INTERNAL);
    }
}

/* Gives waiting messages to vaults that can take one. */
void examine_more(struct proxy *p)
{
    uint32_t vault;
    if (p->settings.vaults == 0)
        stop_waiting(p);
    while (!TAILQ_EMPTY(&p->waiting) && (vault = pick_vault(p)) < IPC_VAULTS_MAX) {
        struct pass *pass = pass_of_share(shares_next(p->shares));
        if (!pass_read(p, pass, &p->message))
            continue;
        if (outline_source_of(&p->message, &p->source) == RULE_OK)
            ask_vault(p, pass, &p->message, vault);
        else
            refuse_pass(p, pass, &p->message, RULE_INTERNAL); /* it was read before */
    }
}

static void wait_in_line(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    enum rule rule = shares_add(p->shares, pass->peer, &pass->share, m->bytes.len, room_left(p));
    p->counters.waited += rule == RULE_OK;
    p->counters.lines_full += rule == RULE_OVERLOAD;
    if (rule == RULE_OK)
        pass_enter(p, pass, PASS_WAITING);
    else
        refuse_pass(p, pass, m, rule);
}

static void line_up(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    enum rule rule = pass_keep_request(p, pass, m);
    if (rule != RULE_OK) {
        refuse_pass(p, pass, m, rule);
        return;
    }
    uint32_t vault = pick_vault(p); /* there is none while others wait: see examine_more */
    if (vault < IPC_VAULTS_MAX)
        ask_vault(p, pass, m, vault);
    else
        wait_in_line(p, pass, m);
}

/* A body whose shape is at fault is refused where it would have been looked at, and is none of this proxy's business
 * elsewhere (REQ-GEN-3). */
static void refuse_or_pass_over(struct proxy *p, struct pass *pass, const struct sip_message *m, enum rule fault)
{
    const struct message_context *context = &p->source.context;
    bool asked = p->source.label_count > 0 || policy_concerns(p->settings.policy, context);
    if (asked && !policy_emergency(context))
        refuse_pass(p, pass, m, fault);
    else
        forward(p, pass, m);
}

void examine(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    enum rule rule = read_outline(p, m);
    if (rule != RULE_OK) {
        refuse_or_pass_over(p, pass, m, rule);
        return;
    }
    struct policy_need need = policy_need_of(p->settings.policy, &p->outline);
    pass->archive = need.archive && p->settings.archive;
    if (!need.examine && !need.archive) {
        forward(p, pass, m);
    } else if (p->settings.vaults > 0) {
        line_up(p, pass, m);
    } else {
        decide_without_keys(p, pass, m);
    }
}

/* --- answers --- */

void proxy_vault_ready(struct proxy *p, uint32_t vault, struct proxy_time now)
{
    p->now = now;
    if (vault >= IPC_VAULTS_MAX)
        return;
    p->vault[vault].ready = true;
    p->vault[vault].stuck = false;
    examine_more(p);
}

/* The policy is another one since the vault was asked: the record that it asks for was not made. */
static bool is_to_be_archived_now(const struct proxy *p, struct pass *pass)
{
    if (pass->archive || !p->settings.archive || p->settings.vaults == 0)
        return false;
    return pass->archive = policy_need_of(p->settings.policy, &p->outline).archive;
}

static void judge(struct proxy *p, struct pass *pass, const struct ipc_examined *answer)
{
    if (!pass_read(p, pass, &p->message))
        return;
    enum rule rule = read_outline(p, &p->message);
    if (rule == RULE_OK && is_to_be_archived_now(p, pass))
        line_up(p, pass, &p->message);
    else if (rule == RULE_OK)
        decide(p, pass, &p->message, &p->outline, &answer->verdict, answer->record);
    else
        refuse_pass(p, pass, &p->message, RULE_INTERNAL);
}

void proxy_examined(struct proxy *p, uint32_t vault, uint64_t job, const struct ipc_examined *answer,
                    struct proxy_time now)
{
    p->now = now;
    if (vault >= IPC_VAULTS_MAX)
        return;
    p->vault[vault].stuck = false;
    struct pass *pass = pass_of_job(p, job, PASS_EXAMINING);
    if (pass && pass->vault == vault) {
        p->counters.examined++;
        if (pass->server || pass->ack) {
            pass_enter(p, pass, PASS_ADMISSION);
            judge(p, pass, answer);
        } else { /* whoever asked has given up */
            pass_enter(p, pass, PASS_DONE);
            pass_settle(p, pass);
        }
    }
    examine_more(p);
}

void proxy_vault_retire(struct proxy *p, uint32_t vault, struct proxy_time now)
{
    p->now = now;
    if (vault < IPC_VAULTS_MAX)
        p->vault[vault].ready = false;
}

bool proxy_vault_idle(const struct proxy *p, uint32_t vault)
{
    return vault >= IPC_VAULTS_MAX || p->vault[vault].jobs == 0;
}

/* --- what goes wrong --- */

/* The job may be what ended the vault: it is answered, noted, and never tried again. */
static void lose(struct proxy *p, struct pass *pass)
{
    if (!pass_read(p, pass, &p->message))
        return;
    event_push_lost(p, &p->message, &pass->source);
    refuse_pass(p, pass, &p->message, RULE_VAULT_GONE);
}

void proxy_vault_lost(struct proxy *p, uint32_t vault, struct proxy_time now)
{
    p->now = now;
    if (vault >= IPC_VAULTS_MAX)
        return;
    struct vault *v = &p->vault[vault];
    v->ready = v->stuck = false;
    while (!TAILQ_EMPTY(&v->list))
        lose(p, TAILQ_FIRST(&v->list));
    examine_more(p);
}

static uint64_t wait_max_ms(const struct proxy *p)
{
    return p->settings.limits.wait_seconds * UINT64_C(1000);
}

static bool is_late(const struct proxy *p, const struct pass_list *list, uint64_t limit)
{
    return !TAILQ_EMPTY(list) && p->now.monotonic >= TAILQ_FIRST(list)->since + limit;
}

void examine_tick(struct proxy *p)
{
    while (is_late(p, &p->waiting, wait_max_ms(p))) {
        p->counters.waited_too_long++;
        refuse_later(p, TAILQ_FIRST(&p->waiting), RULE_OVERLOAD);
    }
    for (uint32_t i = 0; i < IPC_VAULTS_MAX; i++)
        while (is_late(p, &p->vault[i].list, examine_max_ms(p))) {
            p->vault[i].stuck = true;
            lose(p, TAILQ_FIRST(&p->vault[i].list));
        }
}

static uint64_t first_deadline(const struct pass_list *list, uint64_t limit)
{
    return TAILQ_EMPTY(list) ? UINT64_MAX : TAILQ_FIRST(list)->since + limit;
}

uint64_t examine_deadline(const struct proxy *p)
{
    uint64_t deadline = first_deadline(&p->waiting, wait_max_ms(p));
    for (uint32_t i = 0; i < IPC_VAULTS_MAX; i++) {
        uint64_t first = first_deadline(&p->vault[i].list, examine_max_ms(p));
        deadline = first < deadline ? first : deadline;
    }
    return deadline;
}
