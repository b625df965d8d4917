#include "cli/listen_sockets.h"

#include <errno.h>
#include <string.h>

enum { PORT_TRIES = 16 };

/* TCP chooses a free port, and UDP must have the same; another may have it, so again. */
static bool open_both(struct net_loop *loop, const struct net_place *wanted, struct net_place *bound)
{
    struct net_place tcp = *wanted, udp;
    tcp.transport = SIP_TCP;
    for (int i = 0; i < (net_port(wanted) ? 1 : PORT_TRIES); i++) {
        if (!net_listen(loop, &tcp, bound))
            return false;
        udp = *bound;
        udp.transport = SIP_UDP;
        if (net_listen(loop, &udp, &udp))
            return true;
        int saved = errno;
        net_unlisten(loop);
        errno = saved;
        if (errno != EADDRINUSE)
            return false;
    }
    return false;
}

static enum exit_code open_place(struct net_loop *loop, const struct net_place *wanted, struct listen_sockets *out)
{
    char text[NET_ADDRESS_TEXT_MAX];
    struct net_place *bound = &out->place[out->count];
    if (!open_both(loop, wanted, bound))
        return cli_fail(EXIT_NETWORK, "%s: %s; choose another address or port with --listen",
                        net_place_text(wanted, text), strerror(errno));
    out->count++;
    return EXIT_DONE;
}

void listen_announce(const struct cli *cli, const struct listen_sockets *sockets)
{
    char text[NET_ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < sockets->count; i++) {
        net_place_text(&sockets->place[i], text);
        cli_note(cli, "listening on %s/tcp", text);
        cli_note(cli, "listening on %s/udp", text);
    }
}

static enum exit_code open_default(struct net_loop *loop, const struct net_place *registrar,
                                   struct listen_sockets *out)
{
    struct net_place place;
    if (!registrar)
        net_place_of_text(SPAN("127.0.0.1"), NET_PORT_DEFAULT, &place);
    else if (!net_facing(registrar, &place))
        return cli_fail(EXIT_NETWORK, "there is no way to the registrar: %s; see to the network", strerror(errno));
    return open_place(loop, &place, out);
}

enum exit_code listen_open(const struct cli *cli, struct net_loop *loop, const struct net_place *registrar,
                           struct listen_sockets *out)
{
    const char *given;
    enum exit_code code = EXIT_DONE;
    *out = (struct listen_sockets){0};
    for (size_t i = 0; code == EXIT_DONE && (given = arguments_value_at(&cli->arguments, "listen", i)); i++) {
        struct net_place place;
        if (i == LISTEN_PLACES_MAX)
            return cli_fail(EXIT_USAGE, "there are more than %d --listen; give fewer", LISTEN_PLACES_MAX);
        if (!net_place_of_text(span_text(given), NET_PORT_DEFAULT, &place))
            return cli_fail(EXIT_USAGE, "%s is no address; give one like 127.0.0.1:5060 or [::1]:5060", given);
        code = open_place(loop, &place, out);
    }
    return code != EXIT_DONE || out->count > 0 ? code : open_default(loop, registrar, out);
}

/* The first socket that the registrar can reach: of its own kind of address. */
static const struct net_place *reachable(const struct listen_sockets *sockets, const struct net_place *registrar)
{
    for (size_t i = 0; i < sockets->count; i++)
        if (sockets->place[i].address.ss_family == registrar->address.ss_family)
            return &sockets->place[i];
    return NULL;
}

bool listen_contact(const struct listen_sockets *sockets, const struct net_place *registrar, struct span user,
                    char out[LISTEN_URI_MAX])
{
    const struct net_place *place = reachable(sockets, registrar);
    char text[NET_ADDRESS_TEXT_MAX];
    if (!place)
        return false;
    struct net_place shown = *place;
    if (net_is_wildcard(place)) {
        if (!net_facing(registrar, &shown))
            return false;
        net_set_port(&shown, net_port(place));
    }
    bool named = registrar->transport != SIP_UDP; /* which is what a URI without the parameter means */
    int len = snprintf(out, LISTEN_URI_MAX, "sip:%.*s@%s%s%s", SPAN_ARGS(user), net_place_text(&shown, text),
                       named ? ";transport=" : "", named ? sip_transport_word(registrar->transport) : "");
    return len > 0 && len < LISTEN_URI_MAX;
}
