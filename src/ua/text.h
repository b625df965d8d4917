/* Text as it is signed: text/ types have CRLF line ends (protocol.md 2.4; RFC 8551 3.1.1). */
#ifndef SIPSEAL_UA_TEXT_H
#define SIPSEAL_UA_TEXT_H

#include "sipseal/bytes.h"

/* Whether a media type, with or without parameters, is text/ something. */
bool text_type(struct span content_type);

/* Writes `text` with each LF, CR and CRLF as CRLF; at most twice its length. */
void text_write_crlf(struct writer *w, struct span text);

/* Whether a media type given by a user can stand in a header: token "/" token *(";" ...), printable ASCII. */
bool text_is_media_type(struct span content_type);

#endif
