#include "sipseal/digest.h"

#include <openssl/err.h>

#include "cms/primitives.h"

void sha256_begin(struct sha256 *h)
{
    const struct primitives *p = primitives();
    *h = (struct sha256){.context = EVP_MD_CTX_new()};
    h->failed = !p || !h->context || EVP_DigestInit_ex2(h->context, p->sha256, NULL) != 1;
}

void sha256_more(struct sha256 *h, struct span s)
{
    if (!h->failed && s.len && EVP_DigestUpdate(h->context, s.at, s.len) != 1)
        h->failed = true;
}

bool sha256_end(struct sha256 *h, uint8_t out[SHA256_LEN])
{
    bool ok = h->context && !h->failed && EVP_DigestFinal_ex(h->context, out, NULL) == 1;
    sha256_abandon(h);
    if (!ok) {
        memset(out, 0, SHA256_LEN);
        ERR_clear_error();
    }
    return ok;
}

void sha256_abandon(struct sha256 *h)
{
    EVP_MD_CTX_free(h->context);
    *h = (struct sha256){0};
}

bool sha256(struct span s, uint8_t out[SHA256_LEN])
{
    struct sha256 h;
    sha256_begin(&h);
    sha256_more(&h, s);
    return sha256_end(&h, out);
}
