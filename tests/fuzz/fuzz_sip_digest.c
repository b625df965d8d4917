/* Any bytes as the headers of Digest: what is read lies where it was found, and credentials are written to the same. */
#include <stdlib.h>

#include "sipseal/sip_digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_credentials(struct span value)
{
    static uint8_t room[16 * DIGEST_VALUE_MAX];
    struct digest_credentials c, again;
    if (digest_read_credentials(value, &c) != RULE_OK)
        return;
    require(span_within(c.username, value) && span_within(c.nonce, value) && span_within(c.response, value));
    require(c.nc != 0 && c.response.len == digest_hex_len(c.algorithm));
    struct writer w = writer_over(room, sizeof room);
    digest_write_credentials(&w, &c);
    require(!w.full && digest_read_credentials(writer_span(&w), &again) == RULE_OK);
    require(span_equal(again.username, c.username) && span_equal(again.uri, c.uri) && span_equal(again.realm, c.realm));
    require(again.nc == c.nc && again.qop == c.qop && again.algorithm == c.algorithm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[DIGEST_NONCE_KEY_LEN] = {1};
    struct span value = span_of(data, size);
    struct digest_challenge challenge;
    struct digest_info info;
    int64_t made;
    if (digest_read_challenge(value, &challenge) == RULE_OK)
        require(span_within(challenge.realm, value) && span_within(challenge.nonce, value));
    if (digest_read_info(value, &info) == RULE_OK)
        require(info.rspauth.len == 0 || span_within(info.rspauth, value));
    try_credentials(value);
    require(digest_nonce_check(key, value, SPAN("home.example"), 1764000000, 300, &made) == DIGEST_NONCE_FOREIGN);
    return 0;
}
