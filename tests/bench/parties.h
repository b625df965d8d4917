/* Who takes part, and protected messages between them: home.example's Alice writes to Bob at far.example. */
#ifndef SIPSEAL_TESTS_BENCH_PARTIES_H
#define SIPSEAL_TESTS_BENCH_PARTIES_H

#include "sipseal/arena.h"
#include "sipseal/certificate.h"

#define ALICE "alice@home.example"
#define BOB "bob@far.example"
#define PROXY "proxy1.home.example"
#define CONTENT_ID "body1@ua1.home.example"

enum { PARTIES_READERS_MAX = 3, PARTIES_TEXT_LEN = 160 };

struct parties {
    struct identity alice, bob, proxy, third;
    struct certificate *authority;
    struct trust *trust;
};

/* Keys and certificates made now, by an authority made now. */
void parties_make(struct parties *p);
/* Keys and certificates from PEM files, "<folder>/<name>.pem" and ".key"; `third`, `authority`, `trust` stay empty. */
void parties_load(struct parties *p, const char *alice, const char *bob, const char *proxy);
void parties_clear(struct parties *p);

/* What is unique about a message, and where its responses go. */
struct parties_draft {
    unsigned long number;
    int64_t now;
    const char *sent_by; /* of Via */
    size_t readers;      /* 1 to 3: Bob, the proxy, a third */
};
/* A MESSAGE with 160 bytes of text, sealed(signed(content)), labelled for the proxy: whole, and its body alone. Both
 * are in the arena. */
struct span parties_message(const struct parties *p, const struct parties_draft *draft, struct arena *arena,
                            struct span *body);

#endif
