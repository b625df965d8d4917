/* Random numbers that are the same in every run: keys, nonces and signatures of a fuzz target are then the same too,
 * and an input that was found leads to the same place again. For fuzz targets alone. */
#ifndef SIPSEAL_TESTS_FUZZ_FIXED_RANDOM_H
#define SIPSEAL_TESTS_FUZZ_FIXED_RANDOM_H

#include <stdint.h>

/* From now on the cryptographic library takes its random numbers from here. */
void fixed_random_install(void);

/* Begins the sequence that belongs to the seed. */
void fixed_random_restart(uint64_t seed);

#endif
