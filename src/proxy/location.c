#include "proxy/location.h"

#include <stdlib.h>

#include "proxy/location_table.h"
#include "sip/siphash.h"

enum { SWEEP_BUCKETS = 1024, FULL_SWEEP_INTERVAL_MS = 1000, SECOND_MS = 1000 };

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

void bindings_free(struct binding *b)
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
            bindings_free(u->bindings);
            plan_free(u->plan);
            free(u);
        }
    free(l->bucket);
    free(l);
}

size_t location_count(const struct location *l)
{
    return l->count;
}

uint64_t location_hash(const struct location *l, struct span aor)
{
    struct siphash h;
    siphash_begin(&h, l->key);
    siphash_add(&h, aor);
    return siphash_end(&h).half[0];
}

struct user **location_place(struct location *l, struct span aor)
{
    struct user **at = &l->bucket[location_hash(l, aor) & (l->bucket_count - 1)];
    while (*at && !span_equal(user_aor(*at), aor))
        at = &(*at)->next;
    return at;
}

/* --- expiry --- */

static void forget_expired(struct location *l, struct user *u, uint64_t now)
{
    for (struct binding **at = &u->bindings; *at;) {
        struct binding *b = *at;
        if (b->kept.expires_at > now) {
            at = &b->next;
            continue;
        }
        *at = b->next;
        free(b);
        u->count--;
        l->count--;
    }
}

struct user *location_refresh(struct location *l, struct user **place, uint64_t now)
{
    struct user *u = *place;
    if (!u)
        return NULL;
    forget_expired(l, u, now);
    if (u->bindings || u->plan)
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
            if (location_refresh(l, at, now))
                at = &(*at)->next;
        l->sweep_at = (l->sweep_at + 1) & (l->bucket_count - 1);
    }
}

void location_sweep(struct location *l, uint64_t now)
{
    sweep_buckets(l, l->bucket_count < SWEEP_BUCKETS ? l->bucket_count : SWEEP_BUCKETS, now);
}

bool location_has_room(struct location *l, size_t more, uint64_t now)
{
    if (l->count + l->promised + more > l->bindings_max && now >= l->full_sweep_after) {
        sweep_buckets(l, l->bucket_count, now);
        l->full_sweep_after = now + FULL_SWEEP_INTERVAL_MS;
    }
    return l->count + l->promised + more <= l->bindings_max;
}

/* --- users and bindings --- */

struct user *location_user(struct location *l, struct span aor)
{
    struct user **place = location_place(l, aor);
    if (*place)
        return *place;
    struct user *u = calloc(1, sizeof *u + aor.len);
    if (!u)
        return NULL;
    u->aor_len = aor.len;
    memcpy(u->aor, aor.at, aor.len);
    return *place = u;
}

static struct span keep_text(struct writer *w, struct span text)
{
    size_t from = w->len;
    writer_put(w, text);
    return span_of(w->at + from, text.len);
}

struct binding *binding_new(const struct kept_binding *kept, uint64_t number)
{
    const struct contact *c = &kept->contact;
    size_t len = c->uri.len + c->path.len + c->instance.len + kept->call_id.len;
    struct binding *b = malloc(sizeof *b + len);
    if (!b)
        return NULL;
    struct writer w = writer_over(b->text, len);
    *b = (struct binding){.kept = *kept, .number = number};
    b->kept.contact.uri = keep_text(&w, c->uri);
    b->kept.contact.path = keep_text(&w, c->path);
    b->kept.contact.instance = keep_text(&w, c->instance);
    b->kept.call_id = keep_text(&w, kept->call_id);
    return b;
}

/* --- looking up --- */

static bool better(const struct binding *a, const struct binding *b)
{
    unsigned q = a->kept.contact.q, other = b->kept.contact.q;
    return q != other ? q > other : a->number > b->number;
}

static struct contact contact_of(const struct binding *b, uint64_t now)
{
    struct contact contact = b->kept.contact;
    contact.expires = (uint32_t)((b->kept.expires_at - now + SECOND_MS - 1) / SECOND_MS);
    return contact;
}

size_t location_find(struct location *l, struct span aor, uint64_t now, struct contact *out, size_t max)
{
    const struct binding *sorted[LOCATION_USER_CONTACTS_MAX];
    size_t count = 0;
    const struct user *u = location_refresh(l, location_place(l, aor), now);
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
