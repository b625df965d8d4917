#include "daemon/http_server.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_BATCH = 8, HEAD_ROOM = 512 };

struct http_connection {
    struct http_server *server;
    int fd; /* -1: free */
    uint64_t number; /* the least is the oldest */
    struct event *readable, *writable, *limit;
    uint8_t head[HTTP_HEAD_MAX];
    size_t head_len;
    uint8_t *answer;
    size_t answer_len, sent;
};

struct http_server {
    struct event_base *base;
    int fd;
    struct event *event;
    struct event *resume; /* when accepting goes on after the system ran out of descriptors */
    http_answerer *answer;
    void *context;
    uint64_t next_number;
    struct http_connection connection[HTTP_CONNECTIONS_MAX];
};

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

static void end(struct http_connection *c)
{
    if (c->fd < 0)
        return;
    free_event(c->readable);
    free_event(c->writable);
    free_event(c->limit);
    close(c->fd);
    free(c->answer);
    *c = (struct http_connection){.server = c->server, .fd = -1};
}

/* --- answering --- */

static void send_more(struct http_connection *c)
{
    struct iovec piece = {c->answer + c->sent, c->answer_len - c->sent};
    const struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        end(c);
        return;
    }
    c->sent += sent > 0 ? (size_t)sent : 0;
    if (c->sent == c->answer_len || event_add(c->writable, NULL) != 0)
        end(c);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    send_more(context);
}

/* The body is written behind room for the head, which says how long it is. */
static void answer(struct http_connection *c, int status, const struct http_request *request)
{
    uint8_t *body = malloc(HTTP_ANSWER_MAX);
    struct writer w = writer_over(body, body ? HTTP_ANSWER_MAX : 0);
    const char *type = "text/plain; charset=utf-8";
    if (status == 200)
        status = c->server->answer(c->server->context, request->path, &w, &type);
    if (w.full)
        status = 500;
    const struct http_answer whole = {status, type, w.full ? (struct span){0} : writer_span(&w),
                                      request->method == HTTP_HEAD};
    c->answer = malloc(w.len + HEAD_ROOM);
    struct writer out = writer_over(c->answer, w.len + HEAD_ROOM);
    http_write(&out, &whole);
    free(body);
    c->answer_len = out.len;
    event_del(c->readable);
    if (out.full)
        end(c);
    else
        send_more(c);
}

/* --- asking --- */

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct http_connection *c = context;
    struct http_request request = {0};
    (void)what;
    ssize_t got = recv(fd, c->head + c->head_len, sizeof c->head - c->head_len, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end(c);
        return;
    }
    c->head_len += (size_t)got;
    switch (http_read(span_of(c->head, c->head_len), &request)) {
    case HTTP_READ:
        answer(c, request.method == HTTP_OTHER ? 405 : 200, &request);
        break;
    case HTTP_BROKEN:
        answer(c, 400, &request);
        break;
    case HTTP_MORE:
        if (c->head_len == sizeof c->head)
            answer(c, 431, &request);
        break;
    }
}

static void on_limit(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    end(context);
}

/* --- connections --- */

static struct http_connection *place(struct http_server *s)
{
    struct http_connection *oldest = &s->connection[0];
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        if (s->connection[i].fd < 0)
            return &s->connection[i];
        if (s->connection[i].number < oldest->number)
            oldest = &s->connection[i];
    }
    end(oldest);
    return oldest;
}

static void begin(struct http_server *s, int fd)
{
    struct http_connection *c = place(s);
    const struct timeval limit = {.tv_sec = HTTP_TALK_LIMIT_MS / 1000};
    c->fd = fd;
    c->number = s->next_number++;
    c->readable = event_new(s->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(s->base, fd, EV_WRITE, on_writable, c);
    c->limit = event_new(s->base, -1, 0, on_limit, c);
    if (!c->readable || !c->writable || !c->limit || event_add(c->readable, NULL) != 0 ||
        event_add(c->limit, &limit) != 0)
        end(c);
}

/* What cannot be accepted for want of descriptors would be told of again at once. */
static void rest(struct http_server *s, int error)
{
    const struct timeval wait = {.tv_sec = 1};
    if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
        return;
    event_del(s->event);
    event_add(s->resume, &wait);
}

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) {
            rest(context, errno);
            return;
        }
        begin(context, accepted);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
    struct http_server *s = context;
    (void)fd;
    (void)what;
    event_add(s->event, NULL);
}

struct http_server *http_server_new(struct event_base *base, int fd, http_answerer *answerer, void *context)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (!s) {
        close(fd);
        return NULL;
    }
    s->base = base;
    s->fd = fd;
    s->answer = answerer;
    s->context = context;
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
        s->connection[i] = (struct http_connection){.server = s, .fd = -1};
    s->event = event_new(base, fd, EV_READ | EV_PERSIST, on_acceptable, s);
    s->resume = event_new(base, -1, 0, on_resume, s);
    if (s->event && s->resume && event_add(s->event, NULL) == 0)
        return s;
    http_server_free(s);
    return NULL;
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
        end(&s->connection[i]);
    free_event(s->event);
    free_event(s->resume);
    close(s->fd);
    free(s);
}
