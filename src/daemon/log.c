#include "daemon/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log_json.h"
#include "sipseal/clock.h"

enum {
    LOG_HEX_MAX = 32,   /* bytes shown of a digest */
    LOG_END_ROOM = 16,  /* kept for " cut=yes" or ,"cut":"yes"} and the line feed */
};

static const char *const level_names[] = {"debug", "info", "warning", "error"};

const char *log_level_name(enum log_level level)
{
    return (unsigned)level <= LOG_LEVEL_ERROR ? level_names[level] : "unknown";
}

bool log_level_of(const char *name, enum log_level *level)
{
    for (unsigned i = 0; i <= LOG_LEVEL_ERROR; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

static const char *const format_names[] = {"text", "json"};

const char *log_format_name(enum log_format format)
{
    return format == LOG_FORMAT_JSON ? format_names[LOG_FORMAT_JSON] : format_names[LOG_FORMAT_TEXT];
}

bool log_format_of(const char *name, enum log_format *format)
{
    for (unsigned i = 0; i <= LOG_FORMAT_JSON; i++)
        if (strcmp(name, format_names[i]) == 0) {
            *format = (enum log_format)i;
            return true;
        }
    return false;
}

struct log_field log_text(const char *key, struct span text)
{
    return (struct log_field){.key = key, .kind = LOG_KIND_TEXT, .text = text};
}

struct log_field log_word(const char *key, const char *word)
{
    return log_text(key, span_text(word));
}

struct log_field log_number(const char *key, int64_t number)
{
    return (struct log_field){.key = key, .kind = LOG_KIND_NUMBER, .number = number};
}

struct log_field log_rule(enum rule rule)
{
    return log_word("rule", rule_name(rule));
}

struct log_field log_hex(const char *key, struct span bytes)
{
    return (struct log_field){.key = key, .kind = LOG_KIND_HEX, .text = span_part(bytes, 0, LOG_HEX_MAX)};
}

struct log_field log_address(const char *key, const struct sockaddr *address)
{
    return (struct log_field){.key = key, .kind = LOG_KIND_ADDRESS, .address = address};
}

struct log_field log_none(void)
{
    return (struct log_field){0};
}

/* Whether a value may stand without quotes and still be told apart by any reader of logfmt. */
static bool is_plain(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.at[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return value.len > 0;
}

static void write_escaped(struct writer *w, uint8_t c)
{
    if (c == '"' || c == '\\') {
        writer_byte(w, '\\');
        writer_byte(w, c);
    } else if (c < ' ' || c >= 0x7f) {
        writer_text(w, "\\x");
        writer_hex(w, span_of(&c, 1));
    } else {
        writer_byte(w, c);
    }
}

static void write_value(struct writer *w, struct span value)
{
    struct span shown = span_part(value, 0, LOG_VALUE_MAX);
    bool cut = shown.len < value.len;
    if (!cut && is_plain(shown)) {
        writer_put(w, shown);
        return;
    }
    writer_byte(w, '"');
    for (size_t i = 0; i < shown.len; i++)
        write_escaped(w, shown.at[i]);
    writer_text(w, cut ? "...\"" : "\"");
}

static void write_number(struct writer *w, int64_t number)
{
    if (number < 0)
        writer_byte(w, '-');
    writer_decimal(w, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

static void write_address(struct writer *w, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    uint16_t port = 0;
    bool ipv6 = address && address->sa_family == AF_INET6;
    if (ipv6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
        port = ntohs(in6.sin6_port);
    } else if (address && address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
        port = ntohs(in.sin_port);
    } else {
        writer_text(w, "unknown");
        return;
    }
    writer_text(w, ipv6 ? "[" : "");
    writer_text(w, text);
    writer_text(w, ipv6 ? "]:" : ":");
    writer_decimal(w, port);
}

/* As a value of JSON where it is to be one: of the kinds, numbers are the same in both. */
static void write_field_value(struct writer *w, const struct log_field *field, enum log_format format)
{
    bool quotes = format == LOG_FORMAT_JSON && (field->kind == LOG_KIND_HEX || field->kind == LOG_KIND_ADDRESS);
    writer_text(w, quotes ? "\"" : "");
    switch (field->kind) {
    case LOG_KIND_TEXT:
        if (format == LOG_FORMAT_JSON)
            log_json_text(w, field->text);
        else
            write_value(w, field->text);
        break;
    case LOG_KIND_NUMBER:
        write_number(w, field->number);
        break;
    case LOG_KIND_HEX:
        writer_hex(w, field->text);
        break;
    case LOG_KIND_ADDRESS:
        write_address(w, field->address);
        break;
    }
    writer_text(w, quotes ? "\"" : "");
}

static bool same_key(const struct log_field *a, const struct log_field *b)
{
    return a->key && b->key && strcmp(a->key, b->key) == 0;
}

static void write_field(struct writer *w, const struct log_field *field)
{
    writer_byte(w, ' ');
    writer_text(w, field->key);
    writer_byte(w, '=');
    write_field_value(w, field, LOG_FORMAT_TEXT);
}

/* The values of a key that comes once or several times; the first of them is at `first`. */
static void write_json_member(struct writer *w, const struct log_field *fields, size_t first, size_t count)
{
    size_t others = 0;
    for (size_t i = first + 1; i < count; i++)
        others += same_key(&fields[i], &fields[first]);
    writer_text(w, ",\"");
    writer_text(w, fields[first].key);
    writer_text(w, others ? "\":[" : "\":");
    write_field_value(w, &fields[first], LOG_FORMAT_JSON);
    for (size_t i = first + 1; i < count && others; i++)
        if (same_key(&fields[i], &fields[first])) {
            writer_byte(w, ',');
            write_field_value(w, &fields[i], LOG_FORMAT_JSON);
        }
    writer_text(w, others ? "]" : "");
}

static bool came_before(const struct log_field *fields, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (same_key(&fields[i], &fields[at]))
            return true;
    return false;
}

/* A field, with all of its key in JSON, where nothing is left to be written of one that came before. */
static void write_one(struct writer *w, enum log_format format, const struct log_field *fields, size_t at, size_t count)
{
    if (!fields[at].key)
        return;
    if (format != LOG_FORMAT_JSON)
        write_field(w, &fields[at]);
    else if (!came_before(fields, at))
        write_json_member(w, fields, at, count);
}

/* "2026-11-23T13:00:00.123Z": milliseconds go in front of the Z that clock_write_rfc3339 ends with. */
static void write_time(struct writer *w, int64_t milliseconds)
{
    int64_t seconds = milliseconds / 1000;
    unsigned rest = (unsigned)(milliseconds % 1000);
    clock_write_rfc3339(w, seconds);
    if (w->len && !w->full)
        w->len--;
    const uint8_t digits[] = {'.', (uint8_t)('0' + rest / 100), (uint8_t)('0' + rest / 10 % 10),
                              (uint8_t)('0' + rest % 10), 'Z'};
    writer_put(w, span_of(digits, sizeof digits));
}

void log_compose(struct writer *w, const struct log *log, int64_t milliseconds, enum log_level level, const char *event,
                 const struct log_field *fields, size_t count)
{
    struct writer line = writer_over(w->at + w->len, w->cap - w->len);
    if (line.cap < LOG_END_ROOM) {
        w->full = true;
        return;
    }
    line.cap -= LOG_END_ROOM;
    bool json = log->format == LOG_FORMAT_JSON;
    writer_text(&line, json ? "{\"time\":\"" : "time=");
    write_time(&line, milliseconds);
    writer_text(&line, json ? "\"" : "");
    const struct log_field first[] = {log_word("level", log_level_name(level)), log_word("process", log->process),
                                      log_word("event", event)};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        write_one(&line, log->format, first, i, sizeof first / sizeof *first);
    bool cut = line.full;
    for (size_t i = 0; i < count && !line.full; i++) {
        size_t before = line.len;
        write_one(&line, log->format, fields, i, count);
        if (line.full) {
            line.len = before;
            cut = true;
        }
    }
    w->len += line.len;
    if (cut)
        writer_text(w, json ? ",\"cut\":\"yes\"" : " cut=yes");
    writer_text(w, json ? "}\n" : "\n");
}

static int64_t now_in_milliseconds(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec < 0 ? 0 : (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A log that cannot be written must not stop the work; there is nowhere to say it. */
static void write_out(int fd, struct span lines)
{
    int error = errno; /* whoever logs a failure may still want to look at it */
    ssize_t written;
    do
        written = write(fd, lines.at, lines.len);
    while (written < 0 && errno == EINTR);
    errno = error;
}

void log_flush(const struct log *log)
{
    struct log_lines *lines = log->lines;
    if (lines && lines->len)
        write_out(log->fd, span_of(lines->bytes, lines->len));
    if (lines)
        lines->len = 0;
}

static void let_wait(const struct log *log, struct span line)
{
    struct log_lines *lines = log->lines;
    if (lines->len + line.len > sizeof lines->bytes)
        log_flush(log);
    memcpy(lines->bytes + lines->len, line.at, line.len);
    lines->len += line.len;
}

void log_write(const struct log *log, enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    if (log->listener)
        log->listener->heard(log->listener->context, level, event, fields, count);
    if (level < log->level)
        return;
    uint8_t room[LOG_LINE_MAX];
    struct writer w = writer_over(room, sizeof room);
    log_compose(&w, log, now_in_milliseconds(), level, event, fields, count);
    if (log->lines)
        let_wait(log, writer_span(&w));
    else
        write_out(log->fd, writer_span(&w));
}
