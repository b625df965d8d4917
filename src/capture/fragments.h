/* IP datagrams put together from their fragments (RFC 791 3.2, RFC 8200 4.5). A datagram whose fragments overlap is
 * dropped whole (RFC 5722): what overlaps can be read in two ways. */
#ifndef SIPSEAL_CAPTURE_FRAGMENTS_H
#define SIPSEAL_CAPTURE_FRAGMENTS_H

#include "capture/packet.h"

struct fragments;

struct fragments *fragments_new(void);
void fragments_free(struct fragments *f);

/* Takes a fragment. True when the datagram is whole: `p` is then no fragment any more, and its payload is valid until
 * the next call. `*lost` grows by each datagram that is given up. */
bool fragments_take(struct fragments *f, int64_t now, struct ip_packet *p, uint64_t *lost);
/* How many datagrams are not whole. */
size_t fragments_open(const struct fragments *f);

#endif
