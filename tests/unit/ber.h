/* BER to DER: the same CMS object with its lengths written out and its strings in one piece. The order of sets stays. */
#ifndef SIPSEAL_TESTS_UNIT_BER_H
#define SIPSEAL_TESTS_UNIT_BER_H

#include "sipseal/arena.h"
#include "sipseal/bytes.h"

/* In the arena. What is no BER, or nested deeper than CMS is, fails the test. */
struct span ber_in_der(struct arena *arena, struct span ber);

#endif
