/* A binding as the store keeps it: bytes of which it knows nothing, in a form of their own version. */
#ifndef SIPSEAL_PROXY_BINDING_RECORD_H
#define SIPSEAL_PROXY_BINDING_RECORD_H

#include "proxy/location.h"

enum { BINDING_RECORD_VERSION = 1 };

/* `socket` is where the REGISTER arrived, if it arrived by UDP: it names the contact's flow when net begins anew, while a
 * connection ends with net. Not written: when the binding expires, which the store must know. */
void binding_record_write(struct writer *w, const struct kept_binding *b, const struct hop *socket);

/* False when it is no such record. Spans point into it. The flow is 0; `*socket` has transport SIP_TRANSPORT_NONE where
 * there was none. */
bool binding_record_read(struct span record, struct kept_binding *b, struct hop *socket);

#endif
