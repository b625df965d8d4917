/* Editing DER in tests: an item is found by the numbers of the children on the way to it, "1.0.2", and replaced; the
 * lengths around it are written anew. */
#ifndef SIPSEAL_TESTS_UNIT_DER_EDIT_H
#define SIPSEAL_TESTS_UNIT_DER_EDIT_H

#include "sipseal/arena.h"

/* The item at the path, with tag and length. Fails the test when there is none. */
struct span der_at(struct span der, const char *path);

/* The object with other bytes in place of the item: none to remove it, several items to insert. In the arena. */
struct span der_replace(struct arena *arena, struct span der, const char *path, struct span bytes);

/* The object with one bit of a byte of the item's content turned over; offsets may count from the end, from -1. */
struct span der_flip(struct arena *arena, struct span der, const char *path, int offset);

#endif
