#include <string.h>

#include "tls/internal.h"

static struct tls_kept_session *place_of(struct tls_context *c, const char *host)
{
    for (size_t i = 0; i < TLS_SESSIONS_MAX; i++)
        if (c->kept[i].session && strcmp(c->kept[i].host, host) == 0)
            return &c->kept[i];
    return NULL;
}

/* By OpenSSL, with a session that a server gave. 1: it is taken over. */
int tls_keep_session(SSL *ssl, SSL_SESSION *session)
{
    const struct tls *t = SSL_get_app_data(ssl);
    struct tls_context *c = t->context;
    if (t->is_server || !SSL_SESSION_is_resumable(session))
        return 0;
    struct tls_kept_session *place = place_of(c, t->host);
    if (!place) {
        place = &c->kept[c->keep_next];
        c->keep_next = (c->keep_next + 1) % TLS_SESSIONS_MAX;
    }
    SSL_SESSION_free(place->session);
    memcpy(place->host, t->host, sizeof place->host);
    place->session = session;
    return 1;
}

void tls_use_session(struct tls *t)
{
    struct tls_kept_session *place = place_of(t->context, t->host);
    if (!place)
        return;
    SSL_set_session(t->ssl, place->session);
    SSL_SESSION_free(place->session);
    place->session = NULL;
}

void tls_forget_sessions(struct tls_context *c)
{
    for (size_t i = 0; i < TLS_SESSIONS_MAX; i++) {
        SSL_SESSION_free(c->kept[i].session);
        c->kept[i].session = NULL;
    }
}
