/* Requests of HTTP/1.0 and 1.1 (RFC 9112) as far as /metrics and /health need them: the request line is read, all other
 * lines are passed over, and a body is none of ours. One request, one answer, and the connection is closed. */
#ifndef SIPSEAL_DAEMON_HTTP_H
#define SIPSEAL_DAEMON_HTTP_H

#include "sipseal/bytes.h"

enum { HTTP_HEAD_MAX = 4096 }; /* bytes of a request line and all header lines */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_OTHER };

struct http_request {
    enum http_method method;
    struct span path; /* without the query; within what was read */
};

enum http_read { HTTP_MORE, HTTP_READ, HTTP_BROKEN };

/* Reads what has come so far. HTTP_MORE until the empty line is there; HTTP_BROKEN when it is no request. */
enum http_read http_read(struct span bytes, struct http_request *request);

/* A whole answer; `body` is left out, and its length said, where `head_only`. `type` is a media type. */
struct http_answer {
    int status;
    const char *type;
    struct span body;
    bool head_only;
};
void http_write(struct writer *w, const struct http_answer *answer);

#endif
