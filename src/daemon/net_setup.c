#include "daemon/net_setup.h"

#include <stdlib.h>
#include <unistd.h>

#include "net/transports.h"

/* A copy that lives as long as what is told: what is read from it points into it. */
static bool keep(struct net_told *told, struct span datagram, struct span *kept)
{
    void *copy = told->kept_count < sizeof told->kept / sizeof *told->kept ? malloc(datagram.len) : NULL;
    if (!copy)
        return false;
    memcpy(copy, datagram.at, datagram.len);
    told->kept[told->kept_count++] = copy;
    *kept = span_of(copy, datagram.len);
    return true;
}

static enum rule take_listen(struct net_told *told, struct cursor *fields, int *fd)
{
    size_t n = told->listen_count;
    if (n == CONFIG_LISTEN_MAX || *fd < 0 ||
        ipc_read_listen(fields, &told->listen_number[n], &told->listen[n]) != RULE_OK)
        return RULE_IPC;
    told->listen_flow[n] = transports_flow_of(told->listen_number[n]);
    told->fd[told->listen_count++] = *fd;
    *fd = -1;
    return RULE_OK;
}

static enum rule take_route(struct net_told *told, struct cursor *fields)
{
    if (told->route_count == CONFIG_ROUTES_MAX)
        return RULE_IPC;
    return ipc_read_route(fields, &told->route[told->route_count++]);
}

static enum rule take_metrics(struct net_told *told, struct cursor *fields, int *fd)
{
    if (told->metrics || *fd < 0 || ipc_read_metrics_setup(fields, &told->metrics_number) != RULE_OK)
        return RULE_IPC;
    told->metrics = true;
    told->metrics_fd = *fd;
    *fd = -1;
    return RULE_OK;
}

static enum rule take_hep(struct hep_told *told, struct cursor *fields, int *fd)
{
    struct ipc_hep_setup setup;
    if (told->given || *fd < 0 || ipc_read_hep_setup(fields, &setup) != RULE_OK)
        return RULE_IPC;
    *told = (struct hep_told){true, *fd, setup.id, setup.bodies, {0}, setup.password.len};
    if (setup.password.len)
        memcpy(told->password, setup.password.at, setup.password.len);
    *fd = -1;
    return RULE_OK;
}

enum rule net_told_take(struct net_told *told, struct span datagram, int *fd, bool *done)
{
    struct ipc_header header;
    struct cursor fields;
    struct span kept;
    if (ipc_read_header(datagram, &header, &fields) != RULE_OK)
        return RULE_IPC;
    if (net_tls_is_about(header.kind)) /* a private key is not kept */
        return net_tls_take(&told->tls, header.kind, &fields);
    if (header.kind == IPC_SETUP_METRICS)
        return take_metrics(told, &fields, fd);
    if (header.kind == IPC_SETUP_HEP)
        return take_hep(&told->hep, &fields, fd);
    if (!keep(told, datagram, &kept))
        return RULE_NO_MEMORY;
    if (ipc_read_header(kept, &header, &fields) != RULE_OK)
        return RULE_IPC;
    switch (header.kind) {
    case IPC_SETUP_LISTEN:
        return take_listen(told, &fields, fd);
    case IPC_SETUP_ROUTE:
        return take_route(told, &fields);
    case IPC_SETUP_POLICY:
        return ipc_read_policy(&fields, &told->policy);
    case IPC_SETUP_POLICY_OBJECT:
        return ipc_read_blob(&fields, &told->policy_object);
    case IPC_SETUP_NET:
        *done = true;
        return ipc_read_net_setup(&fields, &told->setup);
    default:
        return RULE_IPC;
    }
}

enum rule net_told_renew_policy_object(struct net_told *told, struct cursor *fields)
{
    struct span der;
    if (ipc_read_blob(fields, &der) != RULE_OK)
        return RULE_IPC;
    void *copy = malloc(der.len);
    if (!copy)
        return RULE_NO_MEMORY;
    memcpy(copy, der.at, der.len);
    free(told->renewed);
    told->renewed = copy;
    told->policy_object = span_of(copy, der.len);
    return RULE_OK;
}

enum rule net_told_read(struct net_told *told, const struct log *log)
{
    uint8_t *buffer = malloc(IPC_MESSAGE_MAX);
    enum rule rule = RULE_OK;
    bool done = false;
    if (!buffer)
        rule = RULE_NO_MEMORY;
    while (rule == RULE_OK && !done) {
        struct span datagram;
        int fd = -1;
        size_t fd_count = 0;
        if (channel_receive(IPC_CONTROL_FD, buffer, IPC_MESSAGE_MAX, &datagram, &fd, 1, &fd_count) != CHANNEL_DONE) {
            rule = RULE_IPC;
            break;
        }
        rule = net_told_take(told, datagram, &fd, &done);
        bytes_wipe(buffer, datagram.len);
        if (fd >= 0)
            close(fd);
    }
    free(buffer);
    if (rule != RULE_OK)
        LOG(log, LOG_LEVEL_ERROR, "setup-failed", log_rule(rule));
    return rule;
}

struct net_told *net_told_new(void)
{
    struct net_told *told = calloc(1, sizeof *told);
    if (told)
        told->metrics_fd = told->hep.fd = -1;
    if (told && (told->route = calloc(CONFIG_ROUTES_MAX, sizeof *told->route)))
        return told;
    free(told);
    return NULL;
}

void net_told_settle(struct net_told *told)
{
    for (size_t i = 0; i < told->listen_count; i++) {
        if (told->fd[i] >= 0)
            close(told->fd[i]);
        told->fd[i] = -1;
    }
    if (told->metrics_fd >= 0)
        close(told->metrics_fd);
    if (told->hep.fd >= 0)
        close(told->hep.fd);
    told->metrics_fd = told->hep.fd = -1;
}

void net_told_free(struct net_told *told)
{
    if (!told)
        return;
    net_told_settle(told);
    for (size_t i = 0; i < told->kept_count; i++)
        free(told->kept[i]);
    free(told->route);
    free(told->renewed);
    net_tls_free(&told->tls);
    free(told);
}
