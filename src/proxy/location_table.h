/* What the files of the location service share: users in buckets, each with a list of bindings, the newest first. */
#ifndef SIPSEAL_PROXY_LOCATION_TABLE_H
#define SIPSEAL_PROXY_LOCATION_TABLE_H

#include "proxy/location.h"

struct binding {
    struct binding *next;
    struct kept_binding kept; /* spans point into `text` */
    uint64_t number;          /* registrations are numbered: the highest is the newest */
    uint8_t text[];
};

struct user {
    struct user *next; /* in its bucket */
    struct binding *bindings;
    size_t count;
    struct plan *plan; /* keeps the user here, also without bindings */
    size_t aor_len;
    uint8_t aor[];
};

struct location {
    uint8_t key[LOCATION_KEY_LEN];
    size_t bindings_max, per_user_max;
    size_t count;    /* of bindings */
    size_t promised; /* room for those that plans will add */
    uint64_t number;
    uint64_t full_sweep_after;
    size_t sweep_at;
    size_t bucket_count; /* a power of two */
    struct user **bucket;
};

static inline struct span user_aor(const struct user *u)
{
    return span_of(u->aor, u->aor_len);
}

/* Where the pointer to the user of this address-of-record stands, or would stand. */
struct user **location_place(struct location *l, struct span aor);
/* Forgets what has expired of the user at `*place`, and the user when nothing is left. Null when it is gone. */
struct user *location_refresh(struct location *l, struct user **place, uint64_t now);
/* The user of this address-of-record, made when there is none; null without memory. */
struct user *location_user(struct location *l, struct span aor);
/* Room for `more` bindings. When there is none, all that has expired is forgotten first, but not at every request. */
bool location_has_room(struct location *l, size_t more, uint64_t now);

void plan_free(struct plan *plan); /* null is allowed; its user is not told */
void bindings_free(struct binding *b); /* the whole list */
/* A copy, with the number; null without memory. */
struct binding *binding_new(const struct kept_binding *kept, uint64_t number);

#endif
