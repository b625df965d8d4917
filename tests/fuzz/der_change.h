/* Changes to a valid DER object that keep it well-formed, made by the bytes of a fuzzer: items are found by their
 * number, and the lengths around what was changed are written anew. So a fuzzer comes past the outermost length. */
#ifndef SIPSEAL_TESTS_FUZZ_DER_CHANGE_H
#define SIPSEAL_TESTS_FUZZ_DER_CHANGE_H

#include "cms/der.h"
#include "sipseal/arena.h"

enum { DER_CHANGES_MAX = 6 };

/* The object with as many changes as `changes` says: each has a byte for the kind of change, two for the item's number
 * (counted from the outermost, parents before children), one for a length, and as many bytes. In the arena; the object
 * itself when there is no change that can be made. */
struct span der_change(struct arena *arena, struct span der, struct cursor *changes);

/* The object with `bytes` in place of the item that begins at `old`, a part of `der`. Empty when there is no such
 * item. */
struct span der_put_in_place(struct arena *arena, struct span der, struct span old, struct span bytes);

#endif
