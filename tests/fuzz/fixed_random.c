/* The library's own way to replace its generator without a provider is deprecated, and is what is wanted here. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

#include "fixed_random.h"

static uint64_t sequence;

/* SplitMix64. */
static uint64_t next(void)
{
    uint64_t z = sequence += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static int fill(unsigned char *at, int len)
{
    for (int i = 0; i < len; i++)
        at[i] = (unsigned char)(next() >> 32);
    return 1;
}

static int ready(void)
{
    return 1;
}

void fixed_random_install(void)
{
    static const RAND_METHOD method = {.bytes = fill, .pseudorand = fill, .status = ready};
    RAND_set_rand_method(&method);
    fixed_random_restart(1);
}

void fixed_random_restart(uint64_t seed)
{
    sequence = seed;
}
