/* Media types, shared by the files of this folder. */
#ifndef SIPSEAL_MIME_TYPE_H
#define SIPSEAL_MIME_TYPE_H

#include "sipseal/mime.h"

/* Takes "text/plain" and the white space around it; parameters are left. */
bool mime_take_type(struct cursor *c, struct span *type);

enum mime_kind mime_kind_of(struct span type, struct span params);

#endif
