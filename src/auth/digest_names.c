#include "sipseal/sip_digest.h"

static const struct {
    const char *name;
    size_t hex_len;
} algorithms[DIGEST_ALGORITHM_COUNT] = {
    [DIGEST_MD5] = {"MD5", 32},
    [DIGEST_SHA256] = {"SHA-256", 64},
    [DIGEST_SHA512_256] = {"SHA-512-256", 64},
};

const char *digest_algorithm_name(enum digest_algorithm algorithm)
{
    return algorithms[algorithm].name;
}

size_t digest_hex_len(enum digest_algorithm algorithm)
{
    return algorithms[algorithm].hex_len;
}

bool digest_algorithm_of(struct span name, enum digest_algorithm *algorithm)
{
    for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
        if (span_equal_nocase(name, span_text(algorithms[i].name))) {
            *algorithm = (enum digest_algorithm)i;
            return true;
        }
    return false;
}
