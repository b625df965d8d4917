/* A value of JSON (RFC 8259), written piece by piece in one line of ASCII. */
#ifndef SIPSEAL_DAEMON_JSON_OUT_H
#define SIPSEAL_DAEMON_JSON_OUT_H

#include "sipseal/bytes.h"

struct json_out {
    struct writer *w; /* `w->full` at the end: it did not fit */
    bool more;        /* something stands before what comes next in this object or array */
};

/* Each writes one value; `key` is its name in an object, a word of ours, and null in an array or at the top. */
void json_begin_object(struct json_out *j, const char *key);
void json_end_object(struct json_out *j);
void json_begin_array(struct json_out *j, const char *key);
void json_end_array(struct json_out *j);
/* Bytes from anywhere, as log_json_text writes them, and never cut. */
void json_text(struct json_out *j, const char *key, struct span text);
void json_word(struct json_out *j, const char *key, const char *word);
void json_number(struct json_out *j, const char *key, int64_t number);
void json_bool(struct json_out *j, const char *key, bool value);
/* The time of seconds since 1970, as RFC 3339 has it; null where it is 0. */
void json_time(struct json_out *j, const char *key, int64_t seconds);

#endif
