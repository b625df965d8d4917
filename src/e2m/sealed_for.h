/* Sealed-For, shared by the files of this folder. */
#ifndef SIPSEAL_E2M_SEALED_FOR_H
#define SIPSEAL_E2M_SEALED_FOR_H

#include "sipseal/sipfrag.h"

/* Writes the header line with its CRLF. */
void sealed_for_write(struct writer *w, const struct sealed_for *sealed_for);

#endif
