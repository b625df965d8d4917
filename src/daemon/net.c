/* sipseald-net: sockets, SIP and policy. It has no message key, and sees nothing that a vault has opened
 * (docs/architecture.md). This is the shell around the proxy (proxy/proxy.h): it carries bytes and time in, and
 * actions out. */
#include <event2/event.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "daemon/counters.h"
#include "daemon/fence.h"
#include "daemon/net.h"
#include "daemon/process.h"

enum {
    EXIT_FAULT = 1,
    EXIT_USAGE = 2,
    SECOND_MS = 1000,
    STOP_CHECK_MS = 50,
};

/* --- what the proxy asks for --- */

struct proxy_time net_now(void)
{
    struct timespec monotonic, wall;
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct proxy_time){(uint64_t)monotonic.tv_sec * 1000 + (uint64_t)monotonic.tv_nsec / 1000000,
                               wall.tv_sec};
}

/* From a pool, since a branch wants only a few bytes at a time. What was given out is gone from it. */
static void random_bytes(void *context, uint8_t *out, size_t len)
{
    struct net *n = context;
    if (n->random_left < len) {
        if (getrandom(n->random, sizeof n->random, 0) != (ssize_t)sizeof n->random) {
            LOG(&n->log, LOG_LEVEL_ERROR, "no-random", log_rule(RULE_NO_RANDOM));
            log_flush(&n->log);
            _exit(EXIT_FAULT);
        }
        n->random_left = sizeof n->random;
    }
    n->random_left -= len;
    memcpy(out, n->random + n->random_left, len);
    bytes_wipe(n->random + n->random_left, len);
}

static void perform(struct net *n, const struct proxy_action *a)
{
    switch (a->kind) {
    case PROXY_SEND:
        if (a->flow_only)
            transports_send_over(n->transports, a->flow, a->bytes, a->transaction);
        else
            transports_send(n->transports, a->flow, &a->hop, a->host, a->bytes, a->transaction);
        net_hep_sent(n, a);
        break;
    case PROXY_ASK_VAULT:
        net_channel_send(&n->vault[a->vault], a->bytes);
        break;
    case PROXY_ASK_STORE:
        net_channel_send(&n->store, a->bytes);
        break;
    case PROXY_LOG:
        net_log_event(&n->events, &a->event, net_now().wall);
        break;
    }
}

static void arm_timer(struct net *n)
{
    uint64_t deadline = proxy_deadline(n->proxy), at = net_now().monotonic;
    if (deadline >= n->timer_at)
        return; /* it fires early, finds nothing to do, and is armed again */
    uint64_t wait = deadline > at ? deadline - at : 0;
    const struct timeval interval = {.tv_sec = (time_t)(wait / 1000), .tv_usec = (suseconds_t)(wait % 1000 * 1000)};
    event_add(n->timer, &interval);
    n->timer_at = deadline;
}

/* Does what the proxy asks for. What fails meanwhile is told to the proxy, and what comes of it is done in the same run.
 */
static void act(struct net *n)
{
    struct proxy_action action;
    if (n->acting)
        return;
    n->acting = true;
    while (proxy_next(n->proxy, &action))
        perform(n, &action);
    n->acting = false;
}

static void flush_channels(struct net *n)
{
    for (uint32_t i = 0; i < IPC_VAULTS_MAX; i++)
        net_channel_flush(&n->vault[i]);
    net_channel_flush(&n->store);
}

/* The same at the end of a turn of the event loop, when everything that goes one way leaves together. */
static void settle(struct net *n)
{
    do {
        n->act_again = false;
        act(n);
        transports_flush(n->transports);
        flush_channels(n);
    } while (n->act_again);
    net_leave_retired(n);
    arm_timer(n);
    log_flush(&n->log);
}

/* Whoever was told something settles it with the others of this turn. */
static void settle_soon(struct net *n)
{
    event_active(n->turn, EV_TIMEOUT, 0);
}

static void on_turn(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    settle(context);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct net *n = context;
    (void)fd;
    (void)what;
    n->timer_at = UINT64_MAX;
    proxy_tick(n->proxy, net_now());
    settle_soon(n);
}

/* --- what the transports tell --- */

static void on_message(void *context, const struct proxy_source *source, struct span bytes)
{
    struct net *n = context;
    net_hep_received(n, source, bytes);
    proxy_received(n->proxy, source, bytes, net_now());
    act(n);
}

static void on_broken(void *context, const struct proxy_source *source, struct span bytes, enum rule why)
{
    struct net *n = context;
    net_hep_received(n, source, bytes);
    proxy_unreadable(n->proxy, source, bytes, why, net_now());
    act(n);
}

static void on_failed(void *context, uint64_t transaction)
{
    struct net *n = context;
    n->act_again = true;
    proxy_send_failed(n->proxy, transaction, net_now());
}

static void on_handshake_failed(void *context, const struct hop *remote, struct span host, enum rule why)
{
    struct net *n = context;
    net_log_handshake(&n->events, remote, host, why, net_now().wall);
}

static void on_closed(void *context, const struct hop *remote)
{
    struct net *n = context;
    if (n->proxy)
        proxy_connection_closed(n->proxy, remote, net_now());
}

static void on_settled(void *context)
{
    settle_soon(context);
}

/* --- vaults and store --- */

static void channel_settled(struct net_channel *c)
{
    settle_soon(c->owner);
}

static bool bad_answer(struct net *n, const char *channel)
{
    LOG(&n->log, LOG_LEVEL_ERROR, "bad-message", log_word("channel", channel), log_rule(RULE_IPC));
    return false;
}

static bool vault_received(struct net_channel *c, struct span datagram)
{
    struct net *n = c->owner;
    struct ipc_header header;
    struct cursor fields;
    if (ipc_read_header(datagram, &header, &fields) != RULE_OK || header.kind != IPC_EXAMINED ||
        ipc_read_examined(&fields, n->examined) != RULE_OK)
        return bad_answer(n, "vault");
    proxy_examined(n->proxy, c->number, header.job, n->examined, net_now());
    return true;
}

static void vault_lost(struct net_channel *c)
{
    struct net *n = c->owner;
    if (net_uses_vault(n, c->number))
        LOG(&n->log, LOG_LEVEL_ERROR, "vault-lost", log_number("vault", c->number));
    n->act_again = true;
    proxy_vault_lost(n->proxy, c->number, net_now());
}

/* What the store kept of who is registered. */
static bool take_bindings(struct net *n, struct cursor *fields)
{
    if (ipc_read_bindings(fields, &n->bindings) != RULE_OK)
        return false;
    bool before = proxy_bindings_loaded(n->proxy);
    proxy_bindings(n->proxy, &n->bindings, net_now());
    if (!before && proxy_bindings_loaded(n->proxy)) {
        struct proxy_counters counters;
        proxy_count(n->proxy, &counters);
        LOG(&n->log, LOG_LEVEL_INFO, "registered", log_number("bindings", (int64_t)counters.restored),
            log_number("left_out", (int64_t)counters.restored_not));
    }
    return true;
}

static bool take_answer(struct net *n, const struct ipc_header *header, struct cursor *fields)
{
    struct ipc_admitted admitted;
    enum rule rule;
    if (header->kind == IPC_ADMITTED && ipc_read_admitted(fields, &admitted) == RULE_OK) {
        n->store_failing = admitted.rule == RULE_STORE_GONE;
        proxy_admitted(n->proxy, header->job, &admitted, net_now());
    } else if (header->kind == IPC_BOUND && ipc_read_bound(fields, &rule) == RULE_OK) {
        proxy_bound(n->proxy, header->job, rule, net_now());
    } else {
        return header->kind == IPC_BINDINGS && take_bindings(n, fields);
    }
    return true;
}

static bool store_received(struct net_channel *c, struct span datagram)
{
    struct net *n = c->owner;
    struct ipc_header header;
    struct cursor fields;
    bool sound = ipc_read_header(datagram, &header, &fields) == RULE_OK && take_answer(n, &header, &fields);
    return sound || bad_answer(n, "store");
}

static void store_lost(struct net_channel *c)
{
    struct net *n = c->owner;
    LOG(&n->log, LOG_LEVEL_ERROR, "store-lost", log_none());
    n->act_again = true;
    proxy_store_lost(n->proxy, net_now());
}

static void prepare_channel(struct net *n, struct net_channel *c, uint32_t number)
{
    *c = (struct net_channel){.fd = -1, .number = number, .base = n->base, .buffer = n->buffer, .owner = n};
    c->settled = channel_settled;
    STAILQ_INIT(&c->queue);
}

static void prepare_channels(struct net *n)
{
    for (uint32_t i = 0; i < IPC_VAULTS_MAX; i++) {
        prepare_channel(n, &n->vault[i], i);
        n->vault[i].queue_max = IPC_VAULT_JOBS_MAX;
        n->vault[i].received = vault_received;
        n->vault[i].lost = vault_lost;
    }
    prepare_channel(n, &n->store, 0);
    net_limit_store(n, &n->told->setup.limits);
    n->store.received = store_received;
    n->store.lost = store_lost;
}

/* A new channel, or one in place of another: what the old one was asked is lost. */
static bool replace_channel(struct net_channel *c, int fd)
{
    if (c->fd >= 0) {
        net_channel_close(c);
        c->lost(c);
    }
    return net_channel_open(c, fd);
}

/* --- the parent --- */

static void end(struct net *n, bool failed)
{
    n->failed |= failed;
    event_base_loopbreak(n->base);
}

static void begin_stop(struct net *n)
{
    const struct timeval often = {.tv_usec = STOP_CHECK_MS * 1000};
    if (n->stopping)
        return;
    n->stopping = true;
    n->stop_at = net_now().monotonic + (uint64_t)n->told->setup.limits.drain_seconds * SECOND_MS;
    proxy_stop(n->proxy, net_now());
    transports_stop(n->transports);
    event_add(n->stop_timer, &often);
}

static void on_stop_timer(evutil_socket_t fd, short what, void *context)
{
    struct net *n = context;
    (void)fd;
    (void)what;
    bool pending = net_channel_pending(&n->store) || transports_pending(n->transports);
    if ((proxy_idle(n->proxy) && !pending) || net_now().monotonic >= n->stop_at)
        end(n, false);
}

/* A vault that no setup names yet waits for the one that does. */
static bool take_vault(struct net *n, uint32_t number, int fd)
{
    if (!replace_channel(&n->vault[number], fd))
        return false;
    n->retiring &= ~(UINT64_C(1) << number);
    if (net_uses_vault(n, number))
        proxy_vault_ready(n->proxy, number, net_now());
    return true;
}

static bool take_store(struct net *n, int fd)
{
    if (!replace_channel(&n->store, fd))
        return false;
    proxy_store_ready(n->proxy, net_now());
    return true;
}

void net_count(const void *net, const struct counters_to *to)
{
    const struct net *n = net;
    net_log_count(&n->events, to, n->proxy, n->transports);
    net_hep_count(n, to);
}

static bool take_setup(struct net *n, struct span datagram, int *fd)
{
    bool taken = net_reload_take(n, datagram, fd);
    bytes_wipe(n->buffer, datagram.len); /* it may have held the key for TLS */
    return taken;
}

/* Without memory for it the one that there is stays: it counts for a while yet. */
static bool renew_policy_object(struct net *n, struct cursor *fields)
{
    enum rule rule = net_told_renew_policy_object(n->told, fields);
    if (rule == RULE_OK)
        proxy_set_policy_object(n->proxy, n->told->policy_object);
    return rule != RULE_IPC;
}

/* False when the message is none that may come now. `*fd` becomes -1 when it is taken. */
static bool take_control(struct net *n, struct span datagram, int *fd)
{
    struct ipc_header header;
    struct cursor fields;
    uint32_t number;
    if (ipc_read_header(datagram, &header, &fields) != RULE_OK)
        return false;
    switch (header.kind) {
    case IPC_STOP:
        if (ipc_read_bare(&fields) != RULE_OK)
            return false;
        begin_stop(n);
        return true;
    case IPC_COUNTERS:
    case IPC_REPORT:
        return counters_answer(header.kind, &fields, &n->log, net_count, n);
    case IPC_PROCESS:
        return net_metrics_take(n, &fields);
    case IPC_POLICY_OBJECT:
        return renew_policy_object(n, &fields);
    case IPC_CHANNEL_VAULT:
    case IPC_CHANNEL_STORE:
        break;
    default:
        return take_setup(n, datagram, fd);
    }
    if (*fd < 0 || ipc_read_channel(&fields, &number) != RULE_OK)
        return false;
    int taken = *fd;
    *fd = -1;
    return header.kind == IPC_CHANNEL_VAULT ? take_vault(n, number, taken) : take_store(n, taken);
}

static void on_control(evutil_socket_t socket, short what, void *context)
{
    struct net *n = context;
    struct span datagram;
    int fd = -1;
    size_t fd_count = 0;
    (void)what;
    enum channel_result result = channel_receive(socket, n->buffer, IPC_MESSAGE_MAX, &datagram, &fd, 1, &fd_count);
    if (result == CHANNEL_AGAIN)
        return;
    if (fd_count == 0)
        fd = -1;
    if (result == CHANNEL_CLOSED) {
        end(n, true); /* the parent is gone */
    } else if (!take_control(n, datagram, &fd)) {
        bad_answer(n, "control");
        end(n, true);
    }
    if (fd >= 0)
        close(fd);
    settle_soon(n);
}

/* --- beginning and end --- */

struct proxy_settings net_proxy_settings(struct net *n, const struct net_told *told)
{
    return (struct proxy_settings){
        .name = told->setup.name,
        .name_count = told->setup.name_count,
        .listen = told->listen,
        .listen_flow = told->listen_flow,
        .listen_count = told->listen_count,
        .route = told->route,
        .route_count = told->route_count,
        .policy = &told->policy,
        .policy_object = told->policy_object,
        .limits = told->setup.limits,
        .vaults = (uint32_t)__builtin_popcountll(told->setup.vaults),
        .archive = told->setup.archive,
        .keep_bindings = told->setup.keep_bindings,
        .window = told->setup.window,
        .random = random_bytes,
        .random_context = n,
    };
}

struct transports_settings net_transports_settings(const struct net_told *told)
{
    const struct limits *limits = &told->setup.limits;
    return (struct transports_settings){
        .message_bytes = limits->message_bytes,
        .connections = limits->connections,
        .idle_seconds = limits->idle_seconds,
    };
}

static bool make_proxy(struct net *n)
{
    const struct proxy_settings settings = net_proxy_settings(n, n->told);
    n->proxy = proxy_new(&settings, net_now());
    return n->proxy != NULL;
}

static bool make_transports(struct net *n)
{
    const struct transports_owner owner = {
        n, on_message, on_broken, on_failed, on_handshake_failed, on_closed, on_settled};
    struct transports_settings settings = net_transports_settings(n->told);
    random_bytes(n, settings.key, sizeof settings.key);
    n->transports = transports_new(n->base, &settings, &owner);
    if (!n->transports)
        return false;
    transports_set_tls(n->transports, n->told->tls.made, n->told->tls.clients);
    return net_open_listeners(n, n->told);
}

static bool make_events(struct net *n)
{
    n->control = event_new(n->base, IPC_CONTROL_FD, EV_READ | EV_PERSIST, on_control, n);
    n->timer = event_new(n->base, -1, 0, on_timer, n);
    n->stop_timer = event_new(n->base, -1, EV_PERSIST, on_stop_timer, n);
    n->turn = event_new(n->base, -1, 0, on_turn, n);
    n->timer_at = UINT64_MAX;
    return n->control && n->timer && n->stop_timer && n->turn && evutil_make_socket_nonblocking(IPC_CONTROL_FD) == 0 &&
           event_add(n->control, NULL) == 0;
}

static enum rule set_up(struct net *n)
{
    n->told = net_told_new();
    enum rule rule = n->told ? net_told_read(n->told, &n->log) : RULE_NO_MEMORY;
    if (rule != RULE_OK)
        return rule;
    n->events = (struct net_log){.log = &n->log, .lines_max = n->told->setup.limits.log_lines};
    n->buffer = malloc((size_t)IPC_BATCH_MAX * IPC_MESSAGE_MAX);
    n->examined = calloc(1, sizeof *n->examined);
    n->base = event_base_new();
    n->hep = net_hep_new();
    if (!n->buffer || !n->examined || !n->base || !n->hep || !make_proxy(n))
        return RULE_NO_MEMORY;
    if ((rule = tls_rehearse(net_now().wall)) != RULE_OK)
        return rule;
    prepare_channels(n);
    if (!make_events(n) || !make_transports(n))
        return RULE_INTERNAL;
    net_metrics_serve(n, n->told);
    net_hep_use(n->hep, &n->told->hep);
    return fence_enter(FENCE_NET, &(struct fence_paths){0}, &n->log);
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

static void tear_down(struct net *n)
{
    net_metrics_close(n);
    net_hep_free(n->hep);
    transports_free(n->transports);
    for (uint32_t i = 0; n->base && n->buffer && i < IPC_VAULTS_MAX; i++)
        if (n->vault[i].owner)
            net_channel_close(&n->vault[i]);
    if (n->store.owner)
        net_channel_close(&n->store);
    free_event(n->control);
    free_event(n->timer);
    free_event(n->stop_timer);
    free_event(n->turn);
    if (n->base)
        event_base_free(n->base);
    proxy_free(n->proxy);
    net_told_free(n->told);
    net_told_free(n->coming);
    free(n->buffer);
    free(n->examined);
}

static int run(struct net *n)
{
    enum rule rule = set_up(n);
    if (!channel_tell_parent(rule) || rule != RULE_OK)
        return EXIT_FAULT;
    LOG(&n->log, LOG_LEVEL_INFO, "ready", log_number("listeners", (int64_t)n->told->listen_count),
        log_number("routes", (int64_t)n->told->route_count),
        log_number("vaults", __builtin_popcountll(n->told->setup.vaults)));
    n->log.lines = &n->lines;
    arm_timer(n);
    if (event_base_dispatch(n->base) < 0)
        n->failed = true;
    settle(n);
    net_count(n, &(struct counters_to){.log = &n->log});
    log_flush(&n->log);
    return n->failed ? EXIT_FAULT : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct log log;
    if (!process_begin(argc, argv, &log))
        return EXIT_USAGE;
    struct net *n = calloc(1, sizeof *n);
    if (!n)
        return EXIT_FAULT;
    n->log = log;
    int status = run(n);
    tear_down(n);
    free(n);
    return status;
}
