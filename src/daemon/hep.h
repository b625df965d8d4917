/* HEP, version 3: a packet that tells a capture server (Homer) of one SIP message. A head, and chunks of vendor 0, each
 * with its type and its length; all numbers are big-endian.
 *
 *     "HEP3" length | 0x0000 type length data | ... */
#ifndef SIPSEAL_DAEMON_HEP_H
#define SIPSEAL_DAEMON_HEP_H

#include <sys/socket.h>

#include "config/config.h"
#include "sipseal/sip_message.h"

enum {
    HEP_PACKET_MAX = 65507,  /* bytes: the largest datagram over IPv4 (RFC 768, RFC 791) */
    HEP_PASSWORD_MAX = CONFIG_HEP_PASSWORD_MAX,
    HEP_CORRELATION_MAX = 256, /* bytes of a Call-ID; a longer one is cut */
};

struct hep_packet {
    struct sockaddr_storage source, destination; /* both IPv4, or both IPv6 */
    bool stream;                                 /* TCP and what goes over it; else UDP */
    int64_t seconds;
    uint32_t microseconds;
    uint32_t id; /* of the capture agent */
    struct span password; /* empty: none */
    struct span call_id;  /* empty: none */
    struct span payload;
};

/* False, with nothing written, when the addresses are not of one family, or it does not fit. */
bool hep_write(struct writer *w, const struct hep_packet *packet);

/* Bytes of a packet beside its payload, at most. */
enum { HEP_OVERHEAD_MAX = 6 + 7 + 7 + 2 * 22 + 2 * 8 + 2 * 10 + 7 + 10 + (6 + HEP_PASSWORD_MAX) +
                          (6 + HEP_CORRELATION_MAX) + 6 };

/* What is told of a message whose content stays here: its start line and headers as they are, but for the lines of
 * Authorization and Proxy-Authorization, from which a password can be guessed. */
void hep_write_head(struct writer *w, const struct sip_message *m);

#endif
