#include "daemon/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/endpoint.h"

enum { BACKLOG = 512, SOCKET_BUFFER = 4 * 1024 * 1024 };

struct shown {
    char host[INET6_ADDRSTRLEN];
    uint16_t port;
    bool ipv6;
};

static struct shown show(const struct hop *hop)
{
    struct shown s = {.ipv6 = hop->address.ss_family == AF_INET6};
    if (s.ipv6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &hop->address, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, s.host, sizeof s.host);
        s.port = ntohs(in6.sin6_port);
    } else {
        struct sockaddr_in in;
        memcpy(&in, &hop->address, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, s.host, sizeof s.host);
        s.port = ntohs(in.sin_port);
    }
    return s;
}

void listener_write_uri(char out[LISTENER_URI_MAX], const struct hop *hop)
{
    struct shown s = show(hop);
    snprintf(out, LISTENER_URI_MAX, s.ipv6 ? "%s://[%s]:%u" : "%s://%s:%u", sip_transport_word(hop->transport), s.host,
             s.port);
}

static bool set_option(int fd, int level, int option)
{
    const int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

/* As much as the system allows: bursts wait in the socket of UDP. */
static void enlarge_buffers(int fd)
{
    const int wanted = SOCKET_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
}

/* A TCP port whose last connections still linger may be taken again; a UDP port never be shared, or two servers would
 * each get a part of the messages. */
static bool make_ready(int fd, const struct hop *hop)
{
    const struct sockaddr *address = (const struct sockaddr *)&hop->address;
    if (hop->address.ss_family == AF_INET6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY))
        return false;
    if (hop->transport != SIP_UDP && !set_option(fd, SOL_SOCKET, SO_REUSEADDR))
        return false;
    if (hop->transport == SIP_UDP)
        enlarge_buffers(fd);
    return bind(fd, address, hop->address_len) == 0 && (hop->transport == SIP_UDP || listen(fd, BACKLOG) == 0);
}

static bool open_one(struct listener *l)
{
    int type = l->hop.transport == SIP_UDP ? SOCK_DGRAM : SOCK_STREAM;
    l->fd = socket(l->hop.address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return false;
    socklen_t len = sizeof l->hop.address;
    if (!make_ready(l->fd, &l->hop) || getsockname(l->fd, (struct sockaddr *)&l->hop.address, &len) != 0) {
        int error = errno;
        close(l->fd);
        l->fd = -1;
        errno = error;
        return false;
    }
    l->hop.address_len = len;
    return true;
}

static const char *advice(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another process listens there; stop it, or write another port in server.listen";
    case EADDRNOTAVAIL:
        return "this machine has no such address; correct server.listen, or give the machine the address";
    case EACCES:
    case EPERM:
        return "ports below 1024 need privileges; start as root with server.user, or write a higher port in "
               "server.listen";
    case EAFNOSUPPORT:
        return "this machine does not speak that kind of address; correct server.listen";
    default:
        return "the system refused; correct server.listen, or the cause";
    }
}

static void log_refusal(const struct log *log, const struct hop *hop, int error)
{
    char uri[LISTENER_URI_MAX];
    listener_write_uri(uri, hop);
    LOG(log, LOG_LEVEL_ERROR, "cannot-listen", log_word("listen", uri), log_word("reason", strerror(error)),
        log_word("advice", advice(error)));
}

static void log_listener(const struct log *log, const struct hop *hop)
{
    char uri[LISTENER_URI_MAX];
    struct shown s = show(hop);
    listener_write_uri(uri, hop);
    LOG(log, LOG_LEVEL_INFO, "listening", log_word("transport", sip_transport_word(hop->transport)),
        log_word("address", s.host), log_number("port", s.port), log_word("listen", uri));
}

static bool is_kept(const struct listener *listener, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (listener[i].kept && listener[i].number == number)
            return true;
    return false;
}

/* The same entry of the old configuration; where it stands there more than once (port 0), the first one left. */
static void keep_old(struct listener *listener, size_t i, const struct listener *old_listener, const struct config *old)
{
    for (size_t j = 0; old && j < old->listen_count; j++) {
        if (!endpoint_same(&listener[i].hop, &old->listen[j]) || is_kept(listener, i, old_listener[j].number))
            continue;
        listener[i] = old_listener[j];
        listener[i].kept = true;
        return;
    }
}

/* Of all sockets; none is used again. */
static uint32_t new_number(void)
{
    static uint32_t next_number;
    return next_number++;
}

static bool open_new(struct listener *l, const struct log *log)
{
    if (!open_one(l)) {
        log_refusal(log, &l->hop, errno);
        return false;
    }
    l->number = new_number();
    log_listener(log, &l->hop);
    return true;
}

bool listeners_open(struct listener *listener, const struct config *config, const struct listener *old_listener,
                    const struct config *old, const struct log *log)
{
    bool ok = true;
    for (size_t i = 0; i < config->listen_count; i++)
        listener[i] = (struct listener){.hop = config->listen[i], .fd = -1};
    for (size_t i = 0; i < config->listen_count; i++)
        keep_old(listener, i, old_listener, old);
    for (size_t i = 0; i < config->listen_count; i++)
        ok = (listener[i].kept || open_new(&listener[i], log)) && ok;
    return ok;
}

bool listener_open_metrics(struct listener *listener, const struct config *config, const struct listener *old_listener,
                           const struct config *old, const struct log *log)
{
    *listener = (struct listener){.hop = config->metrics_listen, .fd = -1};
    if (!config->metrics)
        return true;
    if (old && old->metrics && endpoint_same(&config->metrics_listen, &old->metrics_listen)) {
        *listener = *old_listener;
        listener->kept = true;
        return true;
    }
    struct shown wanted = show(&listener->hop);
    if (!open_one(listener)) {
        LOG(log, LOG_LEVEL_ERROR, "cannot-listen", log_word("address", wanted.host), log_number("port", wanted.port),
            log_word("reason", strerror(errno)),
            log_word("advice", "write another port in metrics.listen, or stop who has it"));
        return false;
    }
    listener->number = new_number();
    LOG(log, LOG_LEVEL_INFO, "metrics-listening", log_word("address", wanted.host),
        log_number("port", show(&listener->hop).port));
    return true;
}

void listeners_take_over(struct listener *listener, size_t count, struct listener *old, size_t old_count)
{
    for (size_t j = 0; j < old_count; j++)
        old[j].kept = old[j].kept || is_kept(listener, count, old[j].number);
    for (size_t i = 0; i < count; i++)
        listener[i].kept = false;
}

void listeners_close(struct listener *listener, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!listener[i].kept && listener[i].fd >= 0)
            close(listener[i].fd);
}
