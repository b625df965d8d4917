/* PEM, the textual encoding of certificates, revocation lists and keys (RFC 7468): bytes in, bytes out, no files. */
#ifndef SIPSEAL_PEM_H
#define SIPSEAL_PEM_H

#include "sipseal/arena.h"
#include "sipseal/bytes.h"
#include "sipseal/rule.h"

#define PEM_CERTIFICATE "CERTIFICATE"
#define PEM_CRL "X509 CRL"
#define PEM_PRIVATE_KEY "PRIVATE KEY" /* PKCS#8, not encrypted */

/* The next block of the given type in `*rest`, which moves past it; blocks of other types and text between blocks are
 * passed over. `*der` is in the arena; it is empty, with RULE_OK, when there is no further block of the type.
 * RULE_FILE_FORMAT when a block does not end or is not base64; RULE_NO_MEMORY. */
enum rule pem_next(struct arena *arena, struct span *rest, const char *type, struct span *der);

/* The one block of the type; RULE_FILE_FORMAT when there is none or more than one. */
enum rule pem_only(struct arena *arena, struct span text, const char *type, struct span *der);

/* Appends one block, 64 digits a line. */
void pem_write(struct writer *w, const char *type, struct span der);

#endif
