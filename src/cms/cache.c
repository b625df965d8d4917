#include "cms/cache.h"

#include <stdlib.h>

enum { BUCKETS = 1024 };

struct list {
    struct cached *youngest, *oldest;
};

struct cache {
    struct cached entry[CERTIFICATE_CACHE_MAX];
    struct cached *bucket[BUCKETS];
    struct list seen, proven;
    size_t count;
};

struct cache *cache_new(void)
{
    return calloc(1, sizeof(struct cache));
}

static struct cached **bucket_of(struct cache *cache, const uint8_t *hash)
{
    return &cache->bucket[(hash[0] << 8 | hash[1]) % BUCKETS];
}

static struct list *list_of(struct cache *cache, const struct cached *entry)
{
    return entry->chain ? &cache->proven : &cache->seen;
}

static void unlink_entry(struct list *list, struct cached *entry)
{
    *(entry->newer ? &entry->newer->older : &list->youngest) = entry->older;
    *(entry->older ? &entry->older->newer : &list->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void link_youngest(struct list *list, struct cached *entry)
{
    entry->newer = NULL;
    entry->older = list->youngest;
    *(list->youngest ? &list->youngest->newer : &list->oldest) = entry;
    list->youngest = entry;
}

static void empty_entry(struct cached *entry)
{
    sk_X509_pop_free(entry->chain, X509_free);
    certificate_release(entry->certificate);
    *entry = (struct cached){0};
}

void cache_free(struct cache *cache)
{
    for (size_t i = 0; cache && i < cache->count; i++)
        empty_entry(&cache->entry[i]);
    free(cache);
}

struct cached *cache_find(struct cache *cache, const uint8_t hash[CERTIFICATE_HASH_LEN])
{
    struct cached *entry = *bucket_of(cache, hash);
    while (entry && memcmp(entry->certificate->hash, hash, CERTIFICATE_HASH_LEN) != 0)
        entry = entry->same_bucket;
    if (entry) {
        unlink_entry(list_of(cache, entry), entry);
        link_youngest(list_of(cache, entry), entry);
    }
    return entry;
}

/* An entry without a certificate: a fresh one, or that of the one that leaves. */
static struct cached *make_room(struct cache *cache)
{
    if (cache->count < CERTIFICATE_CACHE_MAX)
        return &cache->entry[cache->count++];
    struct list *list = cache->seen.oldest ? &cache->seen : &cache->proven;
    struct cached *leaving = list->oldest;
    struct cached **at = bucket_of(cache, leaving->certificate->hash);
    while (*at != leaving)
        at = &(*at)->same_bucket;
    *at = leaving->same_bucket;
    unlink_entry(list, leaving);
    empty_entry(leaving);
    return leaving;
}

struct cached *cache_add(struct cache *cache, struct certificate *certificate)
{
    certificate_hold(certificate); /* before another leaves, which may hold the last reference to it */
    struct cached *entry = make_room(cache);
    struct cached **bucket = bucket_of(cache, certificate->hash);
    entry->certificate = certificate;
    entry->same_bucket = *bucket;
    *bucket = entry;
    link_youngest(&cache->seen, entry);
    return entry;
}

void cache_prove(struct cache *cache, struct cached *entry, STACK_OF(X509) *chain, int64_t from, int64_t until)
{
    unlink_entry(list_of(cache, entry), entry);
    sk_X509_pop_free(entry->chain, X509_free);
    entry->chain = chain;
    entry->valid_from = from;
    entry->valid_until = until;
    link_youngest(list_of(cache, entry), entry);
}

void cache_forget_chains(struct cache *cache)
{
    while (cache->proven.oldest)
        cache_prove(cache, cache->proven.oldest, NULL, 0, 0);
}
