/* OpenSSL's own BIO for sockets reads and writes as from files; a process behind its fence does that with none, and a
 * peer that is gone would raise SIGPIPE. */
#include <errno.h>
#include <sys/socket.h>

#include "tls/internal.h"

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int socket_read(BIO *bio, char *at, int cap)
{
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t got = recv(t->fd, at, (size_t)cap, MSG_DONTWAIT);
    t->ended = got == 0;
    if (got < 0 && would_block())
        BIO_set_retry_read(bio);
    return (int)got;
}

static int socket_write(BIO *bio, const char *at, int len)
{
    struct tls *t = BIO_get_data(bio);
    struct iovec bytes = {.iov_base = (void *)(uintptr_t)at, .iov_len = (size_t)len};
    const struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    BIO_clear_retry_flags(bio);
    ssize_t sent = sendmsg(t->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && would_block())
        BIO_set_retry_write(bio);
    return (int)sent;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls *t = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return t->ended;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (method && BIO_meth_set_read(method, socket_read) == 1 && BIO_meth_set_write(method, socket_write) == 1 &&
        BIO_meth_set_ctrl(method, socket_control) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

bool tls_socket_attach(struct tls *t)
{
    BIO *bio = BIO_new(t->context->socket);
    if (!bio)
        return false;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio); /* which takes it over */
    return true;
}
