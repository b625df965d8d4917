/* Memory for secrets: not swapped, not dumped, not inherited by a fork, wiped when given back. */
#ifndef SIPSEAL_CONFIG_LOCKED_H
#define SIPSEAL_CONFIG_LOCKED_H

#include "sipseal/bytes.h"

struct locked_memory {
    uint8_t *at;
    size_t len;
    bool locked; /* false: the system would not keep it from being swapped (RLIMIT_MEMLOCK) */
};

/* `len` zeroed bytes at least. False when there is no memory. */
bool locked_open(struct locked_memory *m, size_t len);
/* Wipes and gives back; a zeroed one may be closed. */
void locked_close(struct locked_memory *m);

#endif
