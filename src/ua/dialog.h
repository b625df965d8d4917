/* A dialog (RFC 3261 12): who takes part, where its requests go, and in which order they come. A value without I/O.
 *
 * It keeps copies of what it needs of the messages that made it, in rooms of its own; spans in it point there, so it
 * must not be copied or moved. */
#ifndef SIPSEAL_UA_DIALOG_H
#define SIPSEAL_UA_DIALOG_H

#include "sipseal/outline.h"
#include "sipseal/sip_message.h"
#include "ua/compose.h"

enum {
    DIALOG_ROUTES_MAX = 16, /* proxies that stay on the way */
    DIALOG_ROUTES_BYTES_MAX = 4096,
    DIALOG_URI_MAX = 1024,      /* bytes of a remote target */
    DIALOG_IDENTITY_MAX = 4096, /* bytes of Call-ID, tags and URIs together */
};

struct dialog {
    bool confirmed; /* else early */
    struct span call_id, local_tag, remote_tag, local_uri, remote_uri;
    struct span target;                   /* the remote target: the other side's Contact */
    struct span route[DIALOG_ROUTES_MAX]; /* "<sip:p1.home.example;lr>", in the order in which requests pass them */
    size_t route_count;
    uint32_t local_cseq, remote_cseq;
    bool has_remote_cseq;
    size_t identity_len;
    uint8_t identity_room[DIALOG_IDENTITY_MAX], target_room[DIALOG_URI_MAX], route_room[DIALOG_ROUTES_BYTES_MAX];
};

/* An early dialog of whoever is called, by the INVITE (12.1.1). False when something in it is longer than there is room
 * for, or a Record-Route is no address. */
bool dialog_of_request(struct dialog *d, const struct sip_message *invite, struct span local_tag);

/* An early dialog of the caller, by a response with a To tag to the INVITE (12.1.2); `cseq` is the INVITE's. False as
 * above, or without a tag. */
bool dialog_of_response(struct dialog *d, const struct sip_message *response);

/* A 2xx came for an early dialog of the caller: the route set and the remote target are its (13.2.2.4). */
bool dialog_confirm(struct dialog *d, const struct sip_message *response);

/* Whether a request, or a response to a request of this side, belongs to it (12.2.2, 12.2.1.2). */
bool dialog_has_request(const struct dialog *d, const struct sip_message *request);
bool dialog_has_response(const struct dialog *d, const struct sip_message *response);

/* A request other than ACK and CANCEL came in it. RULE_SIP_ORDER when a later one came before (12.2.2). */
enum rule dialog_take_request(struct dialog *d, const struct sip_message *request);

/* A target refresh request, or the 2xx to one, came: its Contact is the remote target from now on (12.2.1.2, 12.2.2).
 * One that cannot be read, or is too long, changes nothing. */
void dialog_refresh_target(struct dialog *d, const struct sip_message *m);

/* The URI that the next request goes to: of the first route, else the remote target (12.2.1.1). */
struct span dialog_next_hop(const struct dialog *d);

struct dialog_draft {
    struct span method;
    uint32_t cseq;
    struct span branch;
    struct span headers,
        body; /* further header lines; Route and the headers that every request has are not among them */
};

/* Writes a request in the dialog (12.2.1.1). False when `w` is full or a part cannot stand in a header. */
bool dialog_write(const struct dialog *d, struct writer *w, const struct compose_way *way,
                  const struct dialog_draft *draft);

/* What the signature over a request in the dialog binds (protocol.md 2.1), but Date and Contact. */
struct message_context dialog_context(const struct dialog *d, struct span method, uint32_t cseq);

#endif
