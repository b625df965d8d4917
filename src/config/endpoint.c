#include "config/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

enum {
    SIP_PORT_DEFAULT = 5060,
    TLS_PORT_DEFAULT = TLS_PORT,
    PORT_TEXT_MAX = 6,
    LABEL_LEN_MAX = 63,
    HOST_LEN_MAX = 253
};

/* --- addresses --- */

/* A numeric host, and a port. */
static bool numeric_address(const char *host, uint16_t port, struct hop *hop)
{
    char service[PORT_TEXT_MAX];
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return false;
    bool fits = (found->ai_family == AF_INET || found->ai_family == AF_INET6) &&
                found->ai_addrlen <= sizeof hop->address;
    if (fits) {
        memset(&hop->address, 0, sizeof hop->address);
        memcpy(&hop->address, found->ai_addr, found->ai_addrlen);
        hop->address_len = found->ai_addrlen;
    }
    freeaddrinfo(found);
    return fits;
}

/* Only what inet_pton takes: getaddrinfo also reads "127.1" and "0x7f000001". */
static bool is_ipv4(const char *text)
{
    struct in_addr in;
    return inet_pton(AF_INET, text, &in) == 1;
}

static bool read_port(struct span text, uint16_t *port)
{
    uint32_t value;
    if (!span_decimal(text, UINT16_MAX, &value))
        return false;
    *port = (uint16_t)value;
    return true;
}

/* "host", "host:port", "[ipv6]", "[ipv6]:port" into a zero-terminated host without brackets and a port. */
static bool split_host_port(struct span text, char *host, size_t host_len, bool *bracketed, uint16_t *port)
{
    *bracketed = text.len && text.at[0] == '[';
    size_t end = span_find(text, *bracketed ? ']' : ':');
    struct span name = *bracketed ? span_part(text, 1, end - 1) : span_part(text, 0, end);
    if (*bracketed && end == text.len)
        return false;
    struct span rest = span_part(text, end + (*bracketed ? 1 : 0), text.len);
    if (name.len == 0 || name.len >= host_len)
        return false;
    memcpy(host, name.at, name.len);
    host[name.len] = '\0';
    return rest.len == 0 || (rest.at[0] == ':' && read_port(span_part(rest, 1, rest.len), port));
}

/* --- listen --- */

const char *endpoint_read_listen(const char *text, struct hop *hop)
{
    static const struct {
        const char *scheme;
        enum sip_transport transport;
    } schemes[] = {{"udp://", SIP_UDP}, {"tcp://", SIP_TCP}, {"tls://", SIP_TLS}};
    char host[INET6_ADDRSTRLEN + 32];
    uint16_t port = SIP_PORT_DEFAULT;
    bool bracketed;
    struct span rest = span_text(text);
    *hop = (struct hop){0};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (span_starts(rest, span_text(schemes[i].scheme))) {
            hop->transport = schemes[i].transport;
            port = hop->transport == SIP_TLS ? TLS_PORT_DEFAULT : SIP_PORT_DEFAULT;
            rest = span_part(rest, strlen(schemes[i].scheme), rest.len);
            break;
        }
    if (hop->transport == SIP_TRANSPORT_NONE || !split_host_port(rest, host, sizeof host, &bracketed, &port) ||
        !(bracketed ? strchr(host, ':') != NULL : is_ipv4(host)) || !numeric_address(host, port, hop))
        return "is not an address to listen on; write udp://, tcp:// or tls://, an IP address, a colon and a port, as "
               "in "
               "udp://127.0.0.1:5060 or tcp://[::1]:5060";
    return NULL;
}

const char *endpoint_read_address(const char *text, struct hop *hop)
{
    char host[INET6_ADDRSTRLEN + 32];
    struct span whole = span_text(text);
    uint16_t port = 0;
    bool bracketed;
    *hop = (struct hop){0};
    if (!split_host_port(whole, host, sizeof host, &bracketed, &port) || whole.at[whole.len - 1] == ']' ||
        (!bracketed && span_find(whole, ':') == whole.len) || !(bracketed ? strchr(host, ':') != NULL : is_ipv4(host)) ||
        !numeric_address(host, port, hop))
        return "is no address with a port; write it as 127.0.0.1:9464 or [::1]:9464";
    return NULL;
}

bool endpoint_is_loopback(const struct hop *hop)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (hop->address.ss_family == AF_INET) {
        memcpy(&in, &hop->address, sizeof in);
        return ntohl(in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    memcpy(&in6, &hop->address, sizeof in6);
    return hop->address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

/* --- blocks of addresses --- */

/* The bytes of an address, IPv4-mapped IPv6 as IPv4 (RFC 4291 2.5.5.2); 0 for other families. */
static size_t address_bytes(const struct sockaddr *address, uint8_t bytes[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        memcpy(bytes, &in.sin_addr, sizeof in.sin_addr);
        return sizeof in.sin_addr;
    }
    if (address->sa_family != AF_INET6)
        return 0;
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    memcpy(bytes, &in6.sin6_addr, sizeof in6.sin6_addr);
    if (memcmp(bytes, mapped, sizeof mapped) != 0)
        return sizeof in6.sin6_addr;
    memmove(bytes, bytes + sizeof mapped, sizeof(struct in_addr));
    return sizeof(struct in_addr);
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    size_t whole = bits / 8;
    uint8_t mask = (uint8_t)(0xff00 >> bits % 8);
    return memcmp(a, b, whole) == 0 && (bits % 8 == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

bool address_block_holds(const struct address_block *block, const struct sockaddr *address)
{
    uint8_t inside[16], of_block[16];
    size_t len = address_bytes(address, inside);
    size_t block_len = address_bytes((const struct sockaddr *)&block->address, of_block);
    return len > 0 && len == block_len && block->prefix <= len * 8 && same_bits(inside, of_block, block->prefix);
}

static bool bits_behind_prefix(const struct address_block *block)
{
    uint8_t bytes[16];
    size_t len = address_bytes((const struct sockaddr *)&block->address, bytes);
    for (size_t bit = block->prefix; bit < len * 8; bit++)
        if (bytes[bit / 8] & (0x80 >> bit % 8))
            return true;
    return false;
}

const char *endpoint_read_block(const char *text, struct address_block *block)
{
    char host[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    struct hop hop;
    struct span s = span_text(text);
    size_t slash = span_find(s, '/');
    const char *wrong = "is not a block of addresses; write an address and the bits that count, as in 192.0.2.0/24 "
                        "or 2001:db8::/32";
    if (slash >= sizeof host)
        return wrong;
    memcpy(host, s.at, slash);
    host[slash] = '\0';
    if ((!strchr(host, ':') && !is_ipv4(host)) || !numeric_address(host, 0, &hop))
        return wrong;
    block->address = hop.address;
    bool ipv4 = hop.address.ss_family == AF_INET;
    if (!ipv4 && address_bytes((const struct sockaddr *)&hop.address, bytes) == sizeof(struct in_addr))
        return "is an IPv4 address written as IPv6; write it as IPv4";
    uint32_t prefix = ipv4 ? 32 : 128;
    if (slash < s.len && !span_decimal(span_part(s, slash + 1, s.len), prefix, &prefix))
        return wrong;
    block->prefix = prefix;
    return bits_behind_prefix(block) ? "has bits set behind its prefix; set them to zero, or write a longer prefix"
                                     : NULL;
}

/* --- where to send --- */

static const char *read_next_params(const struct sip_uri *uri, struct endpoint_next *next)
{
    switch (sip_uri_transport(uri)) {
    case SIP_TRANSPORT_NONE:
    case SIP_UDP:
        next->transport = SIP_UDP;
        return NULL;
    case SIP_TCP:
        next->transport = SIP_TCP;
        return NULL;
    case SIP_TLS:
        next->transport = SIP_TLS;
        return NULL;
    default:
        return "names a transport that is not known; write transport=tls, transport=tcp or transport=udp";
    }
}

const char *endpoint_read_next(const char *text, struct endpoint_next *next)
{
    struct sip_uri uri;
    if (sip_uri_parse(span_text(text), &uri) != RULE_OK ||
        (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS) || uri.host.len >= sizeof next->host)
        return "is not a SIP URI; write it as in sip:proxy2.example:5060;transport=tcp";
    if (uri.scheme == SIP_SCHEME_SIPS)
        return "asks for TLS all the way, which is not supported; write sip: and ;transport=tls for this one hop";
    if (uri.user.len || uri.password.len || uri.headers.len)
        return "names more than a server; leave out what stands before the host and after a question mark";
    memcpy(next->host, uri.host.at, uri.host.len);
    next->host[uri.host.len] = '\0';
    const char *problem = read_next_params(&uri, next);
    next->port = uri.port ? uri.port : next->transport == SIP_TLS ? TLS_PORT_DEFAULT : SIP_PORT_DEFAULT;
    return problem;
}

static bool is_of_kind(const struct addrinfo *answer, struct endpoint_kinds kinds)
{
    return (answer->ai_family == AF_INET && kinds.ipv4) || (answer->ai_family == AF_INET6 && kinds.ipv6);
}

static const char *ask_resolver(const struct endpoint_next *next, struct endpoint_kinds kinds, struct hop *hop)
{
    char service[PORT_TEXT_MAX];
    struct addrinfo hints = {.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    snprintf(service, sizeof service, "%u", next->port);
    if (getaddrinfo(next->host, service, &hints, &found) != 0)
        return "names a host that has no address now; write its address, or see that its name can be resolved";
    const struct addrinfo *chosen = found;
    while (chosen && !is_of_kind(chosen, kinds))
        chosen = chosen->ai_next;
    if (!chosen)
        chosen = found;
    memcpy(&hop->address, chosen->ai_addr, chosen->ai_addrlen);
    hop->address_len = chosen->ai_addrlen;
    freeaddrinfo(found);
    return NULL;
}

const char *endpoint_resolve(const struct endpoint_next *next, struct endpoint_kinds kinds, bool ask,
                             struct hop *hop)
{
    *hop = (struct hop){.transport = next->transport};
    if ((is_ipv4(next->host) || strchr(next->host, ':')) && numeric_address(next->host, next->port, hop))
        return NULL;
    return ask ? ask_resolver(next, kinds, hop) : NULL;
}

/* --- host names --- */

static bool is_letter_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_name_label(struct span label)
{
    if (label.len == 0 || label.len > LABEL_LEN_MAX || !is_letter_or_digit(label.at[0]) ||
        !is_letter_or_digit(label.at[label.len - 1]))
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_letter_or_digit(label.at[i]) && label.at[i] != '-')
            return false;
    return true;
}

static bool is_bracketed_ipv6(struct span text)
{
    char host[INET6_ADDRSTRLEN];
    struct in6_addr in6;
    if (text.len < 4 || text.len - 2 >= sizeof host || text.at[0] != '[' || text.at[text.len - 1] != ']')
        return false;
    memcpy(host, text.at + 1, text.len - 2);
    host[text.len - 2] = '\0';
    return inet_pton(AF_INET6, host, &in6) == 1;
}

bool endpoint_is_host(struct span text)
{
    if (is_bracketed_ipv6(text))
        return true;
    if (text.len == 0 || text.len > HOST_LEN_MAX)
        return false;
    for (size_t from = 0; from <= text.len;) {
        size_t dot = span_find(span_part(text, from, text.len), '.');
        if (!is_name_label(span_part(text, from, dot)))
            return false;
        from += dot + 1;
    }
    return true;
}

bool endpoint_same(const struct hop *a, const struct hop *b)
{
    return a->transport == b->transport && a->address_len == b->address_len &&
           memcmp(&a->address, &b->address, a->address_len) == 0;
}
