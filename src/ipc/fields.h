/* Fields of messages between processes: written and read in pairs. Private to src/ipc.
 *
 * Each reader takes its field and returns true, or returns false when the field is cut, out of range or malformed; the
 * message is then refused as a whole. Booleans are one byte, 0 or 1; enumerations one byte below their end. */
#ifndef SIPSEAL_IPC_FIELDS_H
#define SIPSEAL_IPC_FIELDS_H

#include <sys/socket.h>

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

enum { FIELD_HOST_MAX = 253 }; /* RFC 1035 2.3.4 */

void field_write_bool(struct writer *w, bool value);
bool field_bool(struct cursor *c, bool *value);

/* An enumeration's value: at most `max`. */
bool field_enum(struct cursor *c, unsigned max, unsigned *value);

/* A count of entries: at most `max`, 16 bits. */
void field_write_count(struct writer *w, size_t count);
bool field_count(struct cursor *c, size_t max, size_t *count);

/* A number of 32 bits within [min, max]. */
bool field_number(struct cursor *c, uint32_t min, uint32_t max, uint32_t *value);

/* A time or a span of time: seconds, not negative. */
bool field_seconds(struct cursor *c, int64_t *value);

/* Bytes of any value, at most `max` of them; written with writer_block. */
bool field_bytes(struct cursor *c, size_t max, struct span *out);

/* Text for a C string: no NUL. Empty only where `may_be_empty`. */
bool field_text(struct cursor *c, size_t max, bool may_be_empty, struct span *out);

/* An IPv4 or IPv6 address with its port. */
void field_write_address(struct writer *w, const struct sockaddr_storage *address);
bool field_address(struct cursor *c, struct sockaddr_storage *address, socklen_t *len);

/* A list of host names: at least one, at most `max`. */
void field_write_names(struct writer *w, const struct span *name, size_t count);
bool field_names(struct cursor *c, size_t max, struct span *name, size_t *count);

/* RULE_OK when everything was read and nothing is left. */
static inline enum rule fields_end(bool read, const struct cursor *c)
{
    return read && cursor_done(c) ? RULE_OK : RULE_IPC;
}

#endif
