#include "cms/cbc.h"

#include "cms/primitives.h"

/* 0xff when a < b, else 0; both below 256. */
static uint8_t mask_if_below(unsigned a, unsigned b)
{
    return (uint8_t)((a - b) >> 8);
}

bool cbc_content(struct span plain, struct span *content)
{
    const uint8_t *last = plain.at + plain.len - CBC_BLOCK_LEN;
    unsigned said = last[CBC_BLOCK_LEN - 1];
    uint8_t wrong = mask_if_below(said, 1) | mask_if_below(CBC_BLOCK_LEN, said);
    for (unsigned back = 0; back < CBC_BLOCK_LEN; back++)
        wrong |= mask_if_below(back, said) & (uint8_t)(last[CBC_BLOCK_LEN - 1 - back] ^ said);
    uint8_t right = (uint8_t)((wrong - 1u) >> 8);
    *content = span_of(plain.at, plain.len - (said & right));
    return right & 1;
}
