#include "sipseal/random.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "sipseal/bytes.h"

bool random_bytes(void *at, size_t len)
{
    if (len <= INT_MAX && (len == 0 || RAND_bytes(at, (int)len) == 1))
        return true;
    bytes_wipe(at, len);
    ERR_clear_error();
    return false;
}
