#include "ua/replay_set.h"

#include <stdlib.h>

bool replay_set_open(struct replay_set *s, size_t max)
{
    *s = (struct replay_set){.entry = calloc(max, sizeof(struct replay_entry)), .max = max};
    return s->entry != NULL;
}

void replay_set_close(struct replay_set *s)
{
    free(s->entry);
    *s = (struct replay_set){0};
}

static bool holds(const struct replay_set *s, const uint8_t *key)
{
    for (size_t i = 0; i < s->count; i++)
        if (memcmp(s->entry[i].key, key, REPLAY_SET_KEY_LEN) == 0)
            return true;
    return false;
}

static void forget_expired(struct replay_set *s, int64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->entry[i].expires >= now)
            s->entry[kept++] = s->entry[i];
    s->count = kept;
}

enum rule replay_set_check(struct replay_set *s, const struct replay_entry *entries, size_t count, int64_t now)
{
    forget_expired(s, now);
    for (size_t i = 0; i < count; i++) {
        if (holds(s, entries[i].key))
            return RULE_REPLAY;
        for (size_t k = 0; k < i; k++)
            if (memcmp(entries[i].key, entries[k].key, REPLAY_SET_KEY_LEN) == 0)
                return RULE_REPLAY;
    }
    return count > s->max - s->count ? RULE_OVERLOAD : RULE_OK;
}

void replay_set_spend(struct replay_set *s, const struct replay_entry *entries, size_t count)
{
    for (size_t i = 0; i < count && s->count < s->max; i++)
        s->entry[s->count++] = entries[i];
}
