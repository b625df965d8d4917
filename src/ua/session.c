#include "ua/session.h"

struct medium {
    struct span media, proto, formats;
    bool declined; /* port 0: not offered (RFC 3264 5.1) */
};

/* --- reading --- */

/* The next line, without its CRLF or LF (RFC 8866 5: parsers should take both). False at the end. */
static bool take_line(struct cursor *c, struct span *line)
{
    struct span rest = cursor_rest(c), end;
    if (cursor_done(c))
        return false;
    size_t len = span_find(rest, '\n');
    if (!cursor_take(c, len, line))
        return false;
    cursor_take(c, 1, &end);
    if (line->len > 0 && line->at[line->len - 1] == '\r')
        line->len--;
    return true;
}

static bool is_word(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= ' ' || s.at[i] > '~')
            return false;
    return s.len > 0;
}

static bool is_words(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < ' ' || s.at[i] > '~')
            return false;
    return s.len > 0 && s.at[0] != ' ';
}

static struct span take_word(struct span *text)
{
    size_t len = span_find(*text, ' ');
    struct span word = span_part(*text, 0, len);
    *text = span_part(*text, len + 1, text->len);
    return word;
}

/* "audio 49170/2 RTP/AVP 0 8" */
static bool read_medium(struct span text, struct medium *m)
{
    uint32_t port;
    m->media = take_word(&text);
    struct span ports = take_word(&text);
    m->proto = take_word(&text);
    m->formats = text;
    bool numeric = span_decimal(span_part(ports, 0, span_find(ports, '/')), 65535, &port);
    m->declined = numeric && port == 0;
    return numeric && is_word(m->media) && is_word(m->proto) && is_words(m->formats);
}

/* Media of a description; 0 when it is none, or has too many. Each line is "LETTER=..." and the first one v=0. */
static size_t read_media(struct span text, struct medium medium[SESSION_MEDIA_MAX])
{
    struct cursor c = cursor_over(text);
    struct span line;
    size_t count = 0;
    if (text.len > SESSION_MAX || !take_line(&c, &line) || !span_equal(line, SPAN("v=0")))
        return 0;
    while (take_line(&c, &line)) {
        if (line.len < 2 || line.at[1] != '=')
            return 0;
        if (line.at[0] != 'm')
            continue;
        if (count == SESSION_MEDIA_MAX || !read_medium(span_part(line, 2, line.len), &medium[count]))
            return 0;
        count++;
    }
    return count;
}

/* --- writing --- */

static void write_head(struct writer *w, const struct session_self *self)
{
    const char *family = span_find(self->address, ':') < self->address.len ? "IN IP6 " : "IN IP4 ";
    writer_text(w, "v=0\r\no=- ");
    writer_decimal(w, self->id);
    writer_byte(w, ' ');
    writer_decimal(w, self->version);
    writer_byte(w, ' ');
    writer_text(w, family);
    writer_put(w, self->address);
    writer_text(w, "\r\ns=-\r\nc=");
    writer_text(w, family);
    writer_put(w, self->address);
    writer_text(w, "\r\nt=0 0\r\n");
}

static void write_medium(struct writer *w, const struct medium *m, bool taken)
{
    writer_text(w, "m=");
    writer_put(w, m->media);
    writer_byte(w, ' ');
    writer_decimal(w, taken ? SESSION_DISCARD_PORT : 0);
    writer_byte(w, ' ');
    writer_put(w, m->proto);
    writer_byte(w, ' ');
    writer_put(w, m->formats);
    writer_text(w, taken ? "\r\na=inactive\r\n" : "\r\n");
}

void session_write_offer(struct writer *w, const struct session_self *self)
{
    const struct medium audio = {.media = SPAN("audio"), .proto = SPAN("RTP/AVP"), .formats = SPAN("0 8")};
    write_head(w, self);
    write_medium(w, &audio, true);
}

static bool can_take(const struct medium *m)
{
    return !m->declined && span_equal(m->media, SPAN("audio")) && span_equal(m->proto, SPAN("RTP/AVP"));
}

bool session_write_answer(struct writer *w, const struct session_self *self, struct span offer)
{
    struct medium medium[SESSION_MEDIA_MAX];
    size_t count = read_media(offer, medium);
    bool taken = false;
    write_head(w, self);
    for (size_t i = 0; i < count; i++) {
        bool take = !taken && can_take(&medium[i]);
        write_medium(w, &medium[i], take);
        taken |= take;
    }
    return taken && !w->full;
}
