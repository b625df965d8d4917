/* Net goes on with another configuration, of which the parent tells it the whole. Nothing that can fail comes after the
 * first thing that cannot be undone. */
#include <stdlib.h>

#include "daemon/net.h"

/* --- sockets --- */

static bool names_listener(const struct net_told *told, uint32_t number)
{
    for (size_t i = 0; i < told->listen_count; i++)
        if (told->listen_number[i] == number)
            return true;
    return false;
}

/* Those of `told` that `other` does not have. */
static void leave_listeners(struct net *n, const struct net_told *told, const struct net_told *other)
{
    for (size_t i = 0; i < told->listen_count; i++)
        if (!names_listener(other, told->listen_number[i]))
            transports_leave(n->transports, told->listen_number[i]);
}

bool net_open_listeners(struct net *n, struct net_told *told)
{
    for (size_t i = 0; i < told->listen_count; i++) {
        if (transports_listens(n->transports, told->listen_number[i]))
            continue;
        if (!transports_listen(n->transports, told->listen_number[i], &told->listen[i], told->fd[i]))
            return false;
        told->fd[i] = -1;
    }
    return true;
}

/* --- vaults --- */

static void change_vaults(struct net *n, uint64_t before, uint64_t after)
{
    for (uint32_t i = 0; i < IPC_VAULTS_MAX; i++) {
        bool was = before >> i & 1, is = after >> i & 1;
        if (was && !is) {
            proxy_vault_retire(n->proxy, i, net_now());
            n->retiring |= UINT64_C(1) << i;
        } else if (is && !was && n->vault[i].fd >= 0) {
            proxy_vault_ready(n->proxy, i, net_now());
        }
    }
}

void net_leave_retired(struct net *n)
{
    for (uint32_t i = 0; n->retiring && i < IPC_VAULTS_MAX; i++) {
        if (!(n->retiring >> i & 1) || !proxy_vault_idle(n->proxy, i))
            continue;
        net_channel_close(&n->vault[i]);
        n->retiring &= ~(UINT64_C(1) << i);
    }
}

/* --- the whole --- */

void net_limit_store(struct net *n, const struct limits *limits)
{
    /* Messages to admit, registrations to keep, those of which it is in doubt, final responses; and a question. */
    size_t queue_max = (size_t)limits->store_jobs * 3 + limits->transactions + 1;
    if (queue_max > n->store.queue_max)
        n->store.queue_max = queue_max;
}

static enum rule apply(struct net *n)
{
    struct net_told *old = n->told, *told = n->coming;
    const struct proxy_settings settings = net_proxy_settings(n, told);
    const struct transports_settings transports = net_transports_settings(told);
    if (!net_open_listeners(n, told) || !proxy_reconfigure(n->proxy, &settings, net_now())) {
        leave_listeners(n, told, old);
        return RULE_NO_MEMORY;
    }
    n->told = told;
    n->coming = NULL;
    transports_limit(n->transports, &transports);
    transports_set_tls(n->transports, told->tls.made, told->tls.clients); /* open connections go on with theirs */
    leave_listeners(n, old, told);
    net_metrics_serve(n, told);
    net_hep_use(n->hep, &told->hep);
    change_vaults(n, old->setup.vaults, told->setup.vaults);
    net_limit_store(n, &told->setup.limits);
    n->log.level = (enum log_level)told->setup.log_level;
    n->log.format = (enum log_format)told->setup.log_format;
    n->events.lines_max = told->setup.limits.log_lines;
    net_told_settle(told);
    net_told_free(old);
    return RULE_OK;
}

bool net_reload_take(struct net *n, struct span datagram, int *fd)
{
    bool done = false;
    if (!n->coming && !(n->coming = net_told_new()))
        return false;
    enum rule rule = net_told_take(n->coming, datagram, fd, &done);
    if (rule == RULE_IPC)
        return false;
    if (n->refused == RULE_OK)
        n->refused = rule; /* what can be read and not be used: the rest is still told, and none of it holds */
    if (!done)
        return true;
    rule = n->refused == RULE_OK ? apply(n) : n->refused;
    n->refused = RULE_OK;
    if (rule == RULE_OK)
        LOG(&n->log, LOG_LEVEL_INFO, "reloaded", log_number("listeners", (int64_t)n->told->listen_count),
            log_number("routes", (int64_t)n->told->route_count));
    else
        LOG(&n->log, LOG_LEVEL_ERROR, "not-reloaded", log_rule(rule));
    net_told_free(n->coming);
    n->coming = NULL;
    return channel_tell_parent(rule);
}
