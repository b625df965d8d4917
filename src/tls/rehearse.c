/* A handshake with oneself, over a pair of sockets: what OpenSSL reads, fetches and allocates late has then been. */
#include <sys/socket.h>
#include <unistd.h>

#include "sipseal/clock.h"
#include "sipseal/issue.h"
#include "tls/internal.h"

enum { ARENA = 64 * 1024, ROUNDS = 16, A_DAY = 86400 };

static const char host[] = "rehearsal.invalid";

static enum rule make_own(struct arena *arena, int64_t now, struct tls_own *own, struct span *anchor)
{
    struct span authority_key;
    struct identity authority = {0};
    const struct issue_terms terms = {
        .kind = ISSUE_TLS, .name = span_text(host), .not_before = now - A_DAY, .not_after = now + A_DAY};
    enum rule rule = issue_key(arena, &authority_key);
    if (rule == RULE_OK)
        rule = issue_authority(arena, authority_key, span_text(host), now - A_DAY, now + A_DAY, anchor);
    if (rule == RULE_OK)
        rule = identity_load(*anchor, authority_key, &authority);
    if (rule == RULE_OK)
        rule = issue_key(arena, &own->private_key);
    if (rule == RULE_OK)
        rule = issue_certificate(arena, &authority, own->private_key, &terms, &own->certificate[0]);
    own->certificate_count = 1;
    identity_clear(&authority);
    return rule;
}

/* Both ends in turn, until each is done. */
static bool shake_hands(struct tls *server, struct tls *client, int64_t now)
{
    enum tls_step at_server = TLS_WANTS_READ, at_client = TLS_WANTS_WRITE;
    enum rule why;
    for (int i = 0; i < ROUNDS && (at_server != TLS_DONE || at_client != TLS_DONE); i++) {
        if (at_client != TLS_DONE)
            at_client = tls_handshake(client, now, &why);
        if (at_server != TLS_DONE)
            at_server = tls_handshake(server, now, &why);
    }
    return at_server == TLS_DONE && at_client == TLS_DONE;
}

/* A session may come first. */
static bool exchange(struct tls *from, struct tls *to)
{
    uint8_t got[8];
    size_t len;
    if (tls_write(from, SPAN("\r\n"), &len) != TLS_DONE)
        return false;
    enum tls_step step = TLS_WANTS_READ;
    for (int i = 0; i < ROUNDS && step == TLS_WANTS_READ; i++)
        step = tls_read(to, got, sizeof got, &len);
    return step == TLS_DONE;
}

static enum rule rehearse_version(struct tls_context *c, int version, int64_t now)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return RULE_NO_MEMORY;
    struct tls *server = tls_accept(c, TLS_CLIENTS_REQUIRED, pair[0]);
    struct tls *client = tls_connect(c, span_text(host), pair[1]);
    bool done = server && client && SSL_set_max_proto_version(client->ssl, version) == 1 &&
                shake_hands(server, client, now) && exchange(server, client) && exchange(client, server);
    tls_free(client);
    tls_free(server);
    close(pair[0]);
    close(pair[1]);
    return done ? RULE_OK : RULE_CRYPTO_LIBRARY;
}

static enum rule rehearse_with(struct tls_context *c, struct arena *arena, int64_t now)
{
    struct tls_own own = {.certificate_count = 0};
    struct span anchor;
    enum rule rule = make_own(arena, now, &own, &anchor);
    if (rule == RULE_OK)
        rule = tls_context_add_anchor(c, anchor);
    if (rule == RULE_OK)
        rule = tls_context_present(c, &own);
    if (rule == RULE_OK)
        rule = rehearse_version(c, TLS1_2_VERSION, now);
    /* Twice, so that a session is resumed too. */
    for (int i = 0; i < 2 && rule == RULE_OK; i++)
        rule = rehearse_version(c, TLS1_3_VERSION, now);
    return rule;
}

enum rule tls_rehearse(int64_t now)
{
    struct arena arena;
    if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1)
        return RULE_CRYPTO_LIBRARY;
    if (!arena_open(&arena, ARENA))
        return RULE_NO_MEMORY;
    struct tls_context *c = tls_context_new();
    enum rule rule = c ? rehearse_with(c, &arena, now) : RULE_NO_MEMORY;
    tls_context_release(c);
    arena_close(&arena);
    return rule;
}
