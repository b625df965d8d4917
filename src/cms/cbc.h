/* What AES-CBC decrypts to: bytes that nobody has authenticated, and their padding. */
#ifndef SIPSEAL_CMS_CBC_H
#define SIPSEAL_CMS_CBC_H

#include "sipseal/bytes.h"

/* The content in front of the padding of RFC 5652 6.3, from 1 to 16 bytes that each say how many they are; all of
 * `plain`, whole blocks and at least one, when it does not end so. True when it does. Neither branch nor index depends
 * on the bytes. */
bool cbc_content(struct span plain, struct span *content);

#endif
