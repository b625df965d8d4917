/* What the files of TLS share. */
#ifndef SIPSEAL_TLS_INTERNAL_H
#define SIPSEAL_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "sipseal/certificate.h"
#include "tls/tls.h"

struct tls_kept_session {
    char host[TLS_HOST_MAX + 1];
    SSL_SESSION *session; /* null: a free place */
};

struct tls_context {
    unsigned references;
    SSL_CTX *ssl;
    BIO_METHOD *socket;
    struct trust *trust;
    bool presents;
    struct tls_kept_session kept[TLS_SESSIONS_MAX]; /* a ring */
    size_t keep_next;
};

struct tls {
    struct tls_context *context;
    SSL *ssl;
    int fd;
    bool ended; /* the socket has nothing more to read */
    bool is_server, must_present;
    char host[TLS_HOST_MAX + 1]; /* of the server that is to be reached; empty for a server's end */
    int64_t now;
    enum rule why;
    struct certificate *peer; /* once the handshake is done; null: it presented none */
};

/* socket.c: a BIO over `tls.fd` that makes no other system calls than recv and sendmsg. */
BIO_METHOD *tls_socket_method(void);
bool tls_socket_attach(struct tls *t);

/* verify.c */
/* Called by OpenSSL in place of its own verification. */
int tls_verify(X509_STORE_CTX *store, void *unused);
/* After the handshake: takes the other end's certificate, and looks at it again where a session was resumed. */
enum rule tls_take_peer(struct tls *t);

/* sessions.c: sessions of servers, by host, each used once (RFC 8446 C.4) */
int tls_keep_session(SSL *ssl, SSL_SESSION *session);
void tls_use_session(struct tls *t);
void tls_forget_sessions(struct tls_context *c);

#endif
