/* Entities as this profile writes them (protocol.md 2.4). */
#include "sipseal/mime.h"

void mime_boundary(const uint8_t random[16], char boundary[MIME_BOUNDARY_LEN + 1])
{
    struct writer w = writer_over(boundary, MIME_BOUNDARY_LEN);
    writer_hex(&w, span_of(random, 16));
    boundary[MIME_BOUNDARY_LEN] = '\0';
}

static void write_header(struct writer *w, const char *name, struct span value)
{
    if (value.len == 0)
        return;
    writer_text(w, name);
    writer_text(w, ": ");
    writer_put(w, value);
    writer_text(w, "\r\n");
}

void mime_write_head(struct writer *w, const struct mime_head *head)
{
    if (head->content_id.len) {
        writer_text(w, "Content-ID: <");
        writer_put(w, head->content_id);
        writer_text(w, ">\r\n");
    }
    write_header(w, "Content-Type", head->content_type);
    if (head->binary)
        write_header(w, "Content-Transfer-Encoding", SPAN("binary"));
    else if (head->base64)
        write_header(w, "Content-Transfer-Encoding", SPAN("base64"));
    write_header(w, "Content-Disposition", head->disposition);
    writer_text(w, "\r\n");
}

void mime_write_delimiter(struct writer *w, const char *boundary, bool first)
{
    writer_text(w, first ? "--" : "\r\n--");
    writer_text(w, boundary);
    writer_text(w, "\r\n");
}

void mime_write_close(struct writer *w, const char *boundary)
{
    writer_text(w, "\r\n--");
    writer_text(w, boundary);
    writer_text(w, "--\r\n");
}
