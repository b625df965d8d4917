#include "proxy/location.h"

#include <stdlib.h>

#include "proxy/address.h"
#include "sip/siphash.h"

enum { SWEEP_BUCKETS = 1024, FULL_SWEEP_INTERVAL_MS = 1000, SECOND_MS = 1000 };

struct binding {
    struct binding *next;
    struct hop hop;
    uint64_t flow;
    unsigned q;
    uint32_t cseq;
    uint64_t call_id; /* its hash */
    uint64_t expires; /* milliseconds on the caller's clock */
    uint64_t number;  /* registrations are numbered: the highest is the newest */
    size_t uri_len, user_len;
    uint8_t text[]; /* the URI, then its user part */
};

struct user {
    struct user *next; /* in its bucket */
    struct binding *bindings;
    size_t count;
    size_t aor_len;
    uint8_t aor[];
};

struct location {
    uint8_t key[LOCATION_KEY_LEN];
    size_t bindings_max, per_user_max;
    size_t count;
    uint64_t number;
    uint64_t full_sweep_after;
    size_t sweep_at;
    size_t bucket_count; /* a power of two */
    struct user **bucket;
};

void location_limit(struct location *l, uint32_t bindings_max, uint32_t bindings_per_user)
{
    l->bindings_max = bindings_max;
    l->per_user_max = bindings_per_user < LOCATION_USER_CONTACTS_MAX ? bindings_per_user : LOCATION_USER_CONTACTS_MAX;
}

struct location *location_new(uint32_t bindings_max, uint32_t bindings_per_user, const uint8_t key[LOCATION_KEY_LEN])
{
    struct location *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    memcpy(l->key, key, LOCATION_KEY_LEN);
    location_limit(l, bindings_max, bindings_per_user);
    l->bucket_count = 64;
    while (l->bucket_count < bindings_max && l->bucket_count < (size_t)1 << 24)
        l->bucket_count *= 2;
    l->bucket = calloc(l->bucket_count, sizeof *l->bucket);
    if (!l->bucket) {
        free(l);
        return NULL;
    }
    return l;
}

static void free_bindings(struct binding *b)
{
    while (b) {
        struct binding *next = b->next;
        free(b);
        b = next;
    }
}

void location_free(struct location *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->bucket_count; i++)
        while (l->bucket[i]) {
            struct user *u = l->bucket[i];
            l->bucket[i] = u->next;
            free_bindings(u->bindings);
            free(u);
        }
    free(l->bucket);
    free(l);
}

size_t location_count(const struct location *l)
{
    return l->count;
}

static uint64_t hash_of(const struct location *l, struct span s)
{
    struct siphash h;
    siphash_begin(&h, l->key);
    siphash_add(&h, s);
    return siphash_end(&h).half[0];
}

/* Where the pointer to the user of this address-of-record stands, or would stand. */
static struct user **place_of(struct location *l, struct span aor)
{
    struct user **at = &l->bucket[hash_of(l, aor) & (l->bucket_count - 1)];
    while (*at && !span_equal(span_of((*at)->aor, (*at)->aor_len), aor))
        at = &(*at)->next;
    return at;
}

/* --- expiry --- */

static void forget_expired(struct location *l, struct user *u, uint64_t now)
{
    for (struct binding **at = &u->bindings; *at;) {
        struct binding *b = *at;
        if (b->expires > now) {
            at = &b->next;
            continue;
        }
        *at = b->next;
        free(b);
        u->count--;
        l->count--;
    }
}

/* Forgets what has expired of the user at `*place`, and the user when nothing is left. */
static struct user *refresh(struct location *l, struct user **place, uint64_t now)
{
    struct user *u = *place;
    if (!u)
        return NULL;
    forget_expired(l, u, now);
    if (u->bindings)
        return u;
    *place = u->next;
    free(u);
    return NULL;
}

static void sweep_buckets(struct location *l, size_t buckets, uint64_t now)
{
    for (size_t i = 0; i < buckets; i++) {
        struct user **at = &l->bucket[l->sweep_at];
        while (*at)
            if (refresh(l, at, now))
                at = &(*at)->next;
        l->sweep_at = (l->sweep_at + 1) & (l->bucket_count - 1);
    }
}

void location_sweep(struct location *l, uint64_t now)
{
    sweep_buckets(l, l->bucket_count < SWEEP_BUCKETS ? l->bucket_count : SWEEP_BUCKETS, now);
}

/* Room for `more` bindings. When there is none, all that has expired is forgotten first, but not at every request. */
static bool has_room(struct location *l, size_t more, uint64_t now)
{
    if (l->count + more > l->bindings_max && now >= l->full_sweep_after) {
        sweep_buckets(l, l->bucket_count, now);
        l->full_sweep_after = now + FULL_SWEEP_INTERVAL_MS;
    }
    return l->count + more <= l->bindings_max;
}

/* --- registering --- */

/* A contact over TLS goes by its URI: where it is reached changes with each connection. */
static bool same_contact(const struct contact *a, const struct contact *b)
{
    if (a->flow && b->flow)
        return span_equal(a->uri, b->uri);
    return hop_equal(&a->hop, &b->hop) && span_equal(a->user, b->user);
}

static bool is_of_contact(const struct binding *b, const struct contact *c)
{
    const struct contact bound = {.uri = span_of(b->text, b->uri_len),
                                  .user = span_of(b->text + b->uri_len, b->user_len),
                                  .hop = b->hop,
                                  .flow = b->flow};
    return same_contact(&bound, c);
}

static struct binding *find_binding(const struct user *u, const struct contact *c)
{
    for (struct binding *b = u ? u->bindings : NULL; b; b = b->next)
        if (is_of_contact(b, c))
            return b;
    return NULL;
}

static struct binding *new_binding(const struct contact *c)
{
    struct binding *b = malloc(sizeof *b + c->uri.len + c->user.len);
    if (!b)
        return NULL;
    *b = (struct binding){
        .hop = c->hop, .flow = c->flow, .q = c->q, .uri_len = c->uri.len, .user_len = c->user.len};
    memcpy(b->text, c->uri.at, c->uri.len);
    if (c->user.len)
        memcpy(b->text + c->uri.len, c->user.at, c->user.len);
    return b;
}

static bool in_order(const struct binding *b, uint64_t call_id, uint32_t cseq)
{
    return b->call_id != call_id || cseq > b->cseq;
}

/* Of a contact that stands twice, the last counts. */
static bool stands_again(const struct registration *r, size_t at)
{
    for (size_t i = at + 1; i < r->count; i++)
        if (same_contact(&r->contact[i], &r->contact[at]))
            return true;
    return false;
}

/* Whether the registration may be made, and how many bindings come and go (10.3 steps 6 and 7). */
static enum rule check(const struct location *l, const struct user *u, const struct registration *r, uint64_t call_id,
                       size_t *added)
{
    size_t removed = 0;
    *added = 0;
    for (const struct binding *b = u && r->remove_all ? u->bindings : NULL; b; b = b->next)
        if (!in_order(b, call_id, r->cseq))
            return RULE_SIP_REGISTER_ORDER;
    for (size_t i = 0; i < r->count; i++) {
        const struct binding *b = find_binding(u, &r->contact[i]);
        if (b && !in_order(b, call_id, r->cseq))
            return RULE_SIP_REGISTER_ORDER;
        if (stands_again(r, i))
            continue;
        if (!b && r->contact[i].expires > 0)
            ++*added;
        else if (b && r->contact[i].expires == 0)
            removed++;
    }
    size_t present = u ? u->count : 0;
    if (*added > removed && present + *added - removed > l->per_user_max)
        return RULE_SIP_REGISTER_LIMIT;
    return RULE_OK;
}

static void remove_binding(struct location *l, struct user *u, const struct binding *gone)
{
    for (struct binding **at = &u->bindings; *at; at = &(*at)->next)
        if (*at == gone) {
            struct binding *b = *at;
            *at = b->next;
            free(b);
            u->count--;
            l->count--;
            return;
        }
}

/* New bindings, made before anything is changed; null with `*made` false when memory ends. */
static struct binding *make_bindings(const struct registration *r, bool *made)
{
    struct binding *list = NULL, **last = &list;
    *made = true;
    for (size_t i = 0; i < r->count; i++) {
        if (r->contact[i].expires == 0)
            continue;
        *last = new_binding(&r->contact[i]);
        if (!*last) {
            free_bindings(list);
            *made = false;
            return NULL;
        }
        last = &(*last)->next;
    }
    return list;
}

/* Puts each contact in place of the binding it renews; those that expire at once only remove theirs. */
static void apply(struct location *l, struct user *u, const struct registration *r, uint64_t call_id,
                  struct binding *made, uint64_t now)
{
    for (size_t i = 0; i < r->count; i++) {
        struct binding *old = find_binding(u, &r->contact[i]);
        if (old)
            remove_binding(l, u, old);
        if (r->contact[i].expires == 0)
            continue;
        struct binding *b = made;
        made = made->next;
        b->call_id = call_id;
        b->cseq = r->cseq;
        b->expires = now + (uint64_t)r->contact[i].expires * SECOND_MS;
        b->number = ++l->number;
        b->next = u->bindings;
        u->bindings = b;
        u->count++;
        l->count++;
    }
}

static struct user *new_user(struct span aor)
{
    struct user *u = calloc(1, sizeof *u + aor.len);
    if (!u)
        return NULL;
    u->aor_len = aor.len;
    memcpy(u->aor, aor.at, aor.len);
    return u;
}

static void remove_all(struct location *l, struct user *u)
{
    l->count -= u->count;
    free_bindings(u->bindings);
    u->bindings = NULL;
    u->count = 0;
}

enum rule location_register(struct location *l, const struct registration *r, uint64_t now)
{
    uint64_t call_id = hash_of(l, r->call_id);
    struct user *u = refresh(l, place_of(l, r->aor), now);
    size_t added;
    enum rule rule = check(l, u, r, call_id, &added);
    if (rule != RULE_OK)
        return rule;
    if (added > 0 && !has_room(l, added, now))
        return RULE_OVERLOAD;
    bool made;
    struct binding *bindings = make_bindings(r, &made);
    if (!made)
        return RULE_NO_MEMORY;
    struct user **place = place_of(l, r->aor); /* a sweep may have moved it */
    if (!*place && bindings && !(*place = new_user(r->aor))) {
        free_bindings(bindings);
        return RULE_NO_MEMORY;
    }
    if (*place && r->remove_all)
        remove_all(l, *place);
    if (*place)
        apply(l, *place, r, call_id, bindings, now);
    refresh(l, place_of(l, r->aor), now);
    return RULE_OK;
}

/* --- looking up --- */

static bool better(const struct binding *a, const struct binding *b)
{
    return a->q != b->q ? a->q > b->q : a->number > b->number;
}

static struct contact contact_of(const struct binding *b, uint64_t now)
{
    return (struct contact){
        .uri = span_of(b->text, b->uri_len),
        .user = span_of(b->text + b->uri_len, b->user_len),
        .hop = b->hop,
        .flow = b->flow,
        .q = b->q,
        .expires = (uint32_t)((b->expires - now + SECOND_MS - 1) / SECOND_MS),
    };
}

size_t location_find(struct location *l, struct span aor, uint64_t now, struct contact *out, size_t max)
{
    const struct binding *sorted[LOCATION_USER_CONTACTS_MAX];
    size_t count = 0;
    const struct user *u = refresh(l, place_of(l, aor), now);
    for (const struct binding *b = u ? u->bindings : NULL; b && count < LOCATION_USER_CONTACTS_MAX; b = b->next) {
        size_t at = count++;
        for (; at > 0 && better(b, sorted[at - 1]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = b;
    }
    for (size_t i = 0; i < count && i < max; i++)
        out[i] = contact_of(sorted[i], now);
    return count < max ? count : max;
}
