/* The log of a process: one line for each event, on standard error.
 *
 *     time=2026-11-23T13:00:00.123Z level=warning process=net event=refused rule=signature.date call_id="c1 ua1"
 *
 * or, where server.log_format is json, the same names and values as one object of JSON:
 *
 *     {"time":"2026-11-23T13:00:00.123Z","level":"warning","process":"net","event":"refused","rule":"signature.date"}
 *
 * A line is made of typed fields, never of a format string, and goes out in a single write of at most LOG_LINE_MAX
 * bytes, so that lines of several processes never mix. Values that come from outside are quoted where they are not
 * plain, control bytes and bytes above ASCII are escaped, and what is longer than LOG_VALUE_MAX is cut (it then ends in
 * "..."). JSON is ASCII too: its other characters are \u escapes, and a byte that is no UTF-8 is U+FFFD. A key that
 * comes several times in a line is there once, with an array of its values, since readers keep one value of a name.
 * Nothing of a body, no key and no credential is ever given to it: name what happened, to which message, by which rule.
 *
 *     LOG(log, LOG_LEVEL_WARNING, "refused", log_rule(rule), log_text("call_id", m->call_id));
 */
#ifndef SIPSEAL_DAEMON_LOG_H
#define SIPSEAL_DAEMON_LOG_H

#include <sys/socket.h>

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

enum {
    LOG_LINE_MAX = 4096, /* bytes of a line; POSIX lets a write up to PIPE_BUF not mix with others */
    LOG_VALUE_MAX = 256, /* bytes of a value from outside, before escaping */
};

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Lines that wait for log_flush, in the order in which they came. */
struct log_lines {
    size_t len;
    uint8_t bytes[LOG_LINE_MAX]; /* so many are still a single write that does not mix with others */
};

struct log_field;

/* Hears of each event that is logged, whatever its level and even where no line is written for it. */
struct log_listener {
    void (*heard)(void *context, enum log_level level, const char *event, const struct log_field *field, size_t count);
    void *context;
};

/* Who logs, from which level on, and how. Made once by each process and handed down. */
struct log {
    const char *process; /* "net", "vault-1" */
    enum log_level level;
    enum log_format format;
    int fd;
    struct log_lines *lines; /* null: each line is written at once */
    const struct log_listener *listener; /* null: nobody hears */
};

struct log_field {
    const char *key; /* a word of [a-z_]; null: the field is left out */
    enum log_kind { LOG_KIND_TEXT, LOG_KIND_NUMBER, LOG_KIND_HEX, LOG_KIND_ADDRESS } kind;
    struct span text; /* also the bytes of LOG_KIND_HEX */
    int64_t number;
    const struct sockaddr *address;
};

/* Text from anywhere. */
struct log_field log_text(const char *key, struct span text);
/* A word of the program's own. Null is an empty value. */
struct log_field log_word(const char *key, const char *word);
struct log_field log_number(const char *key, int64_t number);
/* rule=<its name>. */
struct log_field log_rule(enum rule rule);
/* A digest or an identifier, in hexadecimal; at most 32 bytes of it are shown. */
struct log_field log_hex(const char *key, struct span bytes);
/* 192.0.2.1:5060 or [2001:db8::1]:5060. */
struct log_field log_address(const char *key, const struct sockaddr *address);
/* Where an event has no fields. */
struct log_field log_none(void);

#define LOG(log, level, event, ...)                                                                                    \
    log_write((log), (level), (event), (const struct log_field[]){__VA_ARGS__},                                        \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

void log_write(const struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t count);
/* Writes the lines that wait. Whoever lets them wait calls this before it waits itself, and before it ends. */
void log_flush(const struct log *log);

/* The line that log_write would write, at a given time (milliseconds since 1970), with its line feed: for tests. Fields
 * that do not fit are left out, and the line says so with cut=yes ("cut":"yes"). */
void log_compose(struct writer *w, const struct log *log, int64_t milliseconds, enum log_level level, const char *event,
                 const struct log_field *fields, size_t count);

/* "info"; and the reverse, false when it is none. */
const char *log_level_name(enum log_level level);
bool log_level_of(const char *name, enum log_level *level);
/* "text", "json"; and the reverse. */
const char *log_format_name(enum log_format format);
bool log_format_of(const char *name, enum log_format *format);

#endif
