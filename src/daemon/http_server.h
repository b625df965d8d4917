/* HTTP over libevent, for those on this machine who look after the server: bounded connections, bytes and time. What is
 * answered, the owner says. */
#ifndef SIPSEAL_DAEMON_HTTP_SERVER_H
#define SIPSEAL_DAEMON_HTTP_SERVER_H

#include "daemon/http.h"

struct event_base;
struct http_server;

enum {
    HTTP_CONNECTIONS_MAX = 8,       /* at once; the oldest gives way */
    HTTP_ANSWER_MAX = 2 * 1024 * 1024, /* bytes of an answer */
    HTTP_TALK_LIMIT_MS = 5000,      /* from the beginning of a connection to its end */
};

/* Writes the body of the answer into `w`, and gives the status; `*type` is its media type. */
typedef int http_answerer(void *context, struct span path, struct writer *w, const char **type);

/* Listens on a socket, which it takes over also when it fails: null. */
struct http_server *http_server_new(struct event_base *base, int fd, http_answerer *answer, void *context);
/* Closes everything. Null may be freed. */
void http_server_free(struct http_server *s);

#endif
