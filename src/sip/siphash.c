#include "siphash.h"

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

/* Words are little-endian. */
static uint64_t read_word(const uint8_t *at)
{
    uint64_t word = 0;
    for (unsigned i = 8; i-- > 0;)
        word = word << 8 | at[i];
    return word;
}

static void rounds(uint64_t v[4], int count)
{
    while (count-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void mix(struct siphash *h, uint64_t word)
{
    h->v[3] ^= word;
    rounds(h->v, 2);
    h->v[0] ^= word;
}

void siphash_begin(struct siphash *h, const uint8_t key[16])
{
    uint64_t k0 = read_word(key), k1 = read_word(key + 8);
    *h = (struct siphash){
        .v = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
              k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)},
    };
}

static void add_byte(struct siphash *h, uint8_t byte)
{
    unsigned filled = h->len++ % 8;
    h->word |= (uint64_t)byte << (8 * filled);
    if (filled == 7) {
        mix(h, h->word);
        h->word = 0;
    }
}

/* Eight bytes at a time, also where those before do not end with a word. */
void siphash_add(struct siphash *h, struct span s)
{
    unsigned shift = h->len % 8 * 8;
    size_t i = 0;
    for (; s.len - i >= 8; i += 8) {
        uint64_t word = read_word(s.at + i);
        mix(h, h->word | word << shift);
        h->word = shift ? word >> (64 - shift) : 0;
        h->len += 8;
    }
    for (; i < s.len; i++)
        add_byte(h, s.at[i]);
}

void siphash_add_field(struct siphash *h, struct span s)
{
    uint8_t len[4];
    struct writer w = writer_over(len, sizeof len);
    writer_u32(&w, (uint32_t)s.len);
    siphash_add(h, writer_span(&w));
    siphash_add(h, s);
}

struct digest siphash_end(struct siphash *h)
{
    struct digest digest;
    mix(h, h->word | h->len << 56);
    h->v[2] ^= 0xee;
    rounds(h->v, 4);
    digest.half[0] = h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
    h->v[1] ^= 0xdd;
    rounds(h->v, 4);
    digest.half[1] = h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
    return digest;
}
