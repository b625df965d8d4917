/* Text as a value of JSON (RFC 8259), for the log and for answers. */
#ifndef SIPSEAL_DAEMON_LOG_JSON_H
#define SIPSEAL_DAEMON_LOG_JSON_H

#include "sipseal/bytes.h"

/* Writes bytes from anywhere as a string of ASCII, with its quotes. Other characters are \u escapes, in pairs where
 * they are above U+FFFF; a byte that is not of UTF-8 (RFC 3629) is U+FFFD. After LOG_VALUE_MAX bytes (daemon/log.h) the
 * value is cut between two characters, and ends in "...". */
void log_json_text(struct writer *w, struct span value);
/* The same with another bound. */
void log_json_text_up_to(struct writer *w, struct span value, size_t max);

#endif
