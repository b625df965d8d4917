#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "sipseal/clock.h"

enum { LINE_MAX_SHOWN = 1024 };

/* The length of the well-formed UTF-8 sequence (RFC 3629) at the start, printable and not a control of either set;
 * 0 when there is none. U+2028, U+2029 and the bidirectional controls rearrange what a reader sees, so they are not
 * printed as they are. */
static size_t printable_len(struct span s)
{
    const uint8_t *b = s.at;
    if (s.len == 0)
        return 0;
    if (b[0] >= 0x20 && b[0] < 0x7f)
        return 1;
    size_t len = b[0] >= 0xc2 && b[0] <= 0xdf ? 2 : (b[0] & 0xf0) == 0xe0 ? 3 : b[0] >= 0xf0 && b[0] <= 0xf4 ? 4 : 0;
    if (len == 0 || s.len < len)
        return 0;
    uint32_t point = b[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (b[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000};
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    bool rearranges = (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
                      (point >= 0x2066 && point <= 0x2069) || point == 0x61c || point == 0xfeff;
    return point < least[len] || point > 0x10ffff || surrogate || rearranges ? 0 : len;
}

static void put_escape(struct writer *w, uint8_t byte)
{
    char text[8];
    snprintf(text, sizeof text, "\\x%02x", byte);
    writer_text(w, text);
}

const char *cli_shown(struct span text, char *out, size_t out_len)
{
    struct writer w = writer_over(out, out_len - 1);
    while (text.len > 0 && !w.full) {
        size_t len = printable_len(text);
        if (len)
            writer_put(&w, span_part(text, 0, len));
        else
            put_escape(&w, text.at[0]);
        text = span_part(text, len ? len : 1, text.len);
    }
    out[w.len] = 0;
    return out;
}

/* CRLF and LF are line ends; a lone CR would let the next line overwrite this one. */
static size_t line_end_len(struct span text)
{
    if (span_starts(text, SPAN("\r\n")))
        return 2;
    return text.len > 0 && text.at[0] == '\n';
}

void cli_print_text(struct span text, const char *indent, bool lines)
{
    bool begins = true;
    while (text.len > 0) {
        size_t end = lines ? line_end_len(text) : 0, len = printable_len(text);
        if (begins)
            fputs(indent, stdout);
        begins = end > 0;
        if (end)
            putchar('\n');
        else if (len)
            fwrite(text.at, 1, len, stdout);
        else if (lines && text.at[0] == '\t')
            putchar('\t');
        else
            printf("\\x%02x", text.at[0]);
        text = span_part(text, end ? end : len ? len : 1, text.len);
    }
    if (!begins)
        putchar('\n');
}

__attribute__((format(printf, 2, 0))) static void say(const char *prefix, const char *format, va_list list)
{
    char text[LINE_MAX_SHOWN], shown[LINE_MAX_SHOWN * 4];
    vsnprintf(text, sizeof text, format, list);
    fprintf(stderr, "%s%s\n", prefix, cli_shown(span_text(text), shown, sizeof shown));
}

enum exit_code cli_fail(enum exit_code code, const char *format, ...)
{
    va_list list;
    fflush(stdout);
    va_start(list, format);
    say("sipseal: ", format, list);
    va_end(list);
    return code;
}

enum exit_code cli_fail_file(const char *path, const char *problem, const char *next)
{
    return cli_fail(EXIT_REFUSED, "%s: %s; %s", path, problem, next);
}

void cli_note(const struct cli *cli, const char *format, ...)
{
    va_list list;
    if (cli->quiet)
        return;
    va_start(list, format);
    say("", format, list);
    va_end(list);
}

void cli_detail(const struct cli *cli, const char *format, ...)
{
    va_list list;
    if (!cli->verbose)
        return;
    va_start(list, format);
    say("", format, list);
    va_end(list);
}

const char *cli_colour(const struct cli *cli, enum cli_colour colour)
{
    static const char *const begin[] = {
        [COLOUR_GOOD] = "\x1b[32m", [COLOUR_BAD] = "\x1b[1;31m", [COLOUR_QUIET] = "\x1b[2m"};
    return cli->colour ? begin[colour] : "";
}

const char *cli_plain(const struct cli *cli)
{
    return cli->colour ? "\x1b[0m" : "";
}

void cli_print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    fflush(stdout);
    json_decref(value);
}

json_t *cli_json_text(struct span text)
{
    json_t *value = json_stringn((const char *)text.at, text.len);
    if (value)
        return value;
    char *clean = malloc(text.len * 3 + 1);
    if (!clean)
        return NULL;
    struct writer w = writer_over(clean, text.len * 3);
    while (text.len > 0) {
        size_t len = printable_len(text);
        if (len == 0 && text.at[0] < 0x80)
            len = 1;
        writer_put(&w, len ? span_part(text, 0, len) : SPAN("\xef\xbf\xbd"));
        text = span_part(text, len ? len : 1, text.len);
    }
    value = json_stringn(clean, w.len);
    bytes_wipe(clean, w.cap);
    free(clean);
    return value;
}

json_t *cli_json_hex(struct span bytes)
{
    char text[129];
    struct writer w = writer_over(text, sizeof text - 1);
    writer_hex(&w, bytes);
    return json_stringn(text, w.len);
}

json_t *cli_json_time(int64_t seconds)
{
    char text[32];
    struct writer w = writer_over(text, sizeof text);
    clock_write_rfc3339(&w, seconds);
    return json_stringn(text, w.len);
}

int64_t cli_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

uint64_t cli_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
