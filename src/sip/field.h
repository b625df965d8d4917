/* Header fields as lines of bytes (RFC 3261 7.3.1): what message, header and stream readers share. */
#ifndef SIPSEAL_SIP_FIELD_H
#define SIPSEAL_SIP_FIELD_H

#include "sipseal/sip_message.h"

enum field_found {
    FIELD_TAKEN,
    FIELD_END,     /* the empty line; it has been taken */
    FIELD_NONE,    /* no bytes are left */
    FIELD_UNENDED, /* the last line has no CRLF */
    FIELD_STRAY,   /* a CR or LF by itself: readers disagree on where such a line ends, so nothing after it is read */
};

/* Takes one line with its CRLF. */
enum field_found field_take_line(struct cursor *c, struct span *line);
/* Takes one field: a line and its continuations. */
enum field_found field_take(struct cursor *c, struct span *field);
/* Takes a field apart into name and value. False when it is no header. */
bool field_split(struct span field, struct sip_header *header);
/* Whether a header with this id may stand only once in a head. */
bool field_is_single(enum sip_header_id id);
/* Whether a value that is to be written holds neither CR nor LF nor NUL, so that it cannot add a line. */
bool field_is_one_line(struct span value);

#endif
