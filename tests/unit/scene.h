/* Parties with keys, and protected messages between them: what the tests of the mechanism have in common. */
#ifndef SIPSEAL_TESTS_UNIT_SCENE_H
#define SIPSEAL_TESTS_UNIT_SCENE_H

#include "sipseal/arena.h"
#include "sipseal/certificate.h"
#include "sipseal/middle.h"
#include "sipseal/recipient.h"
#include "sipseal/sender.h"

enum { SCENE_NOW = 1795438800 }; /* Mon, 23 Nov 2026 13:00:00 GMT */

#define ALICE "alice@home.example"
#define BOB "bob@far.example"
#define PROXY "proxy1.home.example"
#define CID "body1@ua1.home.example"

struct scene {
    struct arena arena;   /* of the sender and of the message */
    struct arena opening; /* of whoever examines */
    struct trust *trust;
    struct identity alice, bob, proxy, mallory; /* mallory: a user of the same domain and authority */
    struct identity domain;                     /* home.example itself */
    struct identity stranger;                   /* calls himself alice; another authority */
    struct identity expired;                    /* was alice's, until an hour ago */
    struct identity revoked;                    /* was alice's, until the authority revoked it */
    unsigned legacy;                            /* enum cms_legacy: what the proxy and every recipient read; 0 */
};

/* A fresh scene; `scene_close` for each. Keys are made anew for each program that calls it. */
void scene_open(struct scene *s);
void scene_close(struct scene *s);

/* How a message is made; `scene_draft` gives the ordinary one: alice to bob, sealed for bob and the proxy, labelled for
 * the proxy. Change it, then `scene_message`. */
struct scene_draft {
    const struct identity *signer;
    const struct identity *reader[4];
    size_t reader_count;
    int64_t date;
    struct span sealed;    /* sign this sealed object instead of a text; empty: the text */
    const char *label;     /* the value of the header and of its signed copy; null: none */
    const char *call_id;
    const char *text;
};
struct scene_draft scene_draft(const struct scene *s);

/* The whole SIP message, in the scene's arena. */
struct span scene_message(struct scene *s, const struct scene_draft *draft);

/* The same message around another body, whose head lines are `headers`. */
struct span scene_message_of(struct scene *s, const char *call_id, struct span headers, struct span body);

/* The body of a message, and its header lines that belong to the body. */
struct span scene_body(struct span message);

/* The message with the first `old` replaced by `new`, of any length; fails the test when there is none. */
struct span scene_replace(struct scene *s, struct span message, const char *old, const char *new);

/* Outline of a message; spans point into it. */
enum rule scene_outline(struct span message, struct message_outline *outline);

/* What the proxy, and bob, make of it. */
enum rule scene_examine(struct scene *s, struct span message, struct verdict *verdict, struct disclosed *disclosed);
void scene_receive(struct scene *s, const struct identity *who, struct span message, struct received *received);

#endif
