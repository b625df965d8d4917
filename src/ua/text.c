#include "ua/text.h"

bool text_type(struct span content_type)
{
    return span_starts_nocase(content_type, SPAN("text/"));
}

void text_write_crlf(struct writer *w, struct span text)
{
    struct cursor c = cursor_over(text);
    uint8_t byte;
    while (cursor_u8(&c, &byte)) {
        if (byte != '\r' && byte != '\n') {
            writer_byte(w, byte);
            continue;
        }
        if (byte == '\r')
            cursor_accept(&c, '\n');
        writer_text(w, "\r\n");
    }
}

static size_t token_len(struct span s)
{
    size_t len = 0;
    while (len < s.len && s.at[len] > ' ' && s.at[len] < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", s.at[len]))
        len++;
    return len;
}

bool text_is_media_type(struct span content_type)
{
    size_t type = token_len(content_type);
    struct span rest = span_part(content_type, type, content_type.len);
    if (type == 0 || rest.len == 0 || rest.at[0] != '/')
        return false;
    rest = span_part(rest, 1, rest.len);
    size_t subtype = token_len(rest);
    rest = span_part(rest, subtype, rest.len);
    if (subtype == 0 || (rest.len > 0 && rest.at[0] != ';'))
        return false;
    for (size_t i = 0; i < rest.len; i++)
        if (rest.at[i] < ' ' || rest.at[i] > '~')
            return false;
    return true;
}
