#include "proxy/keyed_hash.h"

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void round_once(struct keyed_hash *h)
{
    h->v0 += h->v1;
    h->v1 = rotate(h->v1, 13) ^ h->v0;
    h->v0 = rotate(h->v0, 32);
    h->v2 += h->v3;
    h->v3 = rotate(h->v3, 16) ^ h->v2;
    h->v0 += h->v3;
    h->v3 = rotate(h->v3, 21) ^ h->v0;
    h->v2 += h->v1;
    h->v1 = rotate(h->v1, 17) ^ h->v2;
    h->v2 = rotate(h->v2, 32);
}

static void take_word(struct keyed_hash *h, uint64_t word)
{
    h->v3 ^= word;
    round_once(h);
    round_once(h);
    h->v0 ^= word;
}

static uint64_t little_endian(const uint8_t *at)
{
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--)
        word = word << 8 | at[i];
    return word;
}

void keyed_hash_begin(struct keyed_hash *h, const uint8_t key[KEYED_HASH_KEY_LEN])
{
    uint64_t k0 = little_endian(key), k1 = little_endian(key + 8);
    *h = (struct keyed_hash){
        .v0 = k0 ^ 0x736f6d6570736575,
        .v1 = k1 ^ 0x646f72616e646f6d,
        .v2 = k0 ^ 0x6c7967656e657261,
        .v3 = k1 ^ 0x7465646279746573,
    };
}

void keyed_hash_bytes(struct keyed_hash *h, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        h->word |= (uint64_t)s.at[i] << 8 * (h->total % 8);
        h->total++;
        if (h->total % 8 == 0) {
            take_word(h, h->word);
            h->word = 0;
        }
    }
}

void keyed_hash_field(struct keyed_hash *h, struct span s)
{
    uint8_t len[4];
    struct writer w = writer_over(len, sizeof len);
    writer_u32(&w, (uint32_t)s.len);
    keyed_hash_bytes(h, writer_span(&w));
    keyed_hash_bytes(h, s);
}

uint64_t keyed_hash_end(struct keyed_hash *h)
{
    take_word(h, h->word | h->total << 56);
    h->v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        round_once(h);
    return h->v0 ^ h->v1 ^ h->v2 ^ h->v3;
}

uint64_t keyed_hash_of(const uint8_t key[KEYED_HASH_KEY_LEN], struct span s)
{
    struct keyed_hash h;
    keyed_hash_begin(&h, key);
    keyed_hash_bytes(&h, s);
    return keyed_hash_end(&h);
}
