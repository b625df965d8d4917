#include "daemon/http.h"

static bool take_token(struct cursor *c, struct span *token)
{
    const uint8_t *begin = c->at;
    while (cursor_peek(c) > ' ' && cursor_peek(c) < 0x7f)
        c->at++;
    *token = span_of(begin, (size_t)(c->at - begin));
    return token->len > 0;
}

static enum http_method method_of(struct span name)
{
    if (span_equal(name, SPAN("GET")))
        return HTTP_GET;
    return span_equal(name, SPAN("HEAD")) ? HTTP_HEAD : HTTP_OTHER;
}

/* RFC 9112 3: method SP request-target SP HTTP-version. */
static bool read_line(struct span line, struct http_request *request)
{
    struct cursor c = cursor_over(line);
    struct span method, target;
    if (!take_token(&c, &method) || !cursor_accept(&c, ' ') || !take_token(&c, &target) || !cursor_accept(&c, ' '))
        return false;
    struct span version = cursor_rest(&c);
    request->method = method_of(method);
    request->path = span_part(target, 0, span_find(target, '?'));
    return span_equal(version, SPAN("HTTP/1.1")) || span_equal(version, SPAN("HTTP/1.0"));
}

enum http_read http_read(struct span bytes, struct http_request *request)
{
    size_t end = span_find_span(bytes, SPAN("\r\n\r\n"));
    size_t line = span_find_span(bytes, SPAN("\r\n"));
    if (line < bytes.len && !read_line(span_part(bytes, 0, line), request))
        return HTTP_BROKEN;
    return end < bytes.len ? HTTP_READ : HTTP_MORE;
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

void http_write(struct writer *w, const struct http_answer *answer)
{
    writer_text(w, "HTTP/1.1 ");
    writer_decimal(w, (uint64_t)answer->status);
    writer_byte(w, ' ');
    writer_text(w, reason_of(answer->status));
    writer_text(w, "\r\nContent-Type: ");
    writer_text(w, answer->type);
    writer_text(w, "\r\nContent-Length: ");
    writer_decimal(w, answer->body.len);
    if (answer->status == 405)
        writer_text(w, "\r\nAllow: GET, HEAD");
    writer_text(w, "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
    if (!answer->head_only)
        writer_put(w, answer->body);
}
