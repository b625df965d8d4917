/* Attributes (RFC 5652 5.3, 11): each type once, each with exactly one value. */
#ifndef SIPSEAL_CMS_ATTRIBUTES_H
#define SIPSEAL_CMS_ATTRIBUTES_H

#include "cms/der.h"
#include "sipseal/cms.h"

struct attributes {
    struct attribute {
        enum oid oid;
        struct span type;  /* content octets of the OBJECT IDENTIFIER */
        struct span value; /* DER */
    } attribute[CMS_ATTRIBUTES_MAX];
    size_t count;
};

/* The content of a SET OF Attribute. RULE_CMS_STRUCTURE (none at all, one that stands twice, none or several values),
 * RULE_CMS_LIMIT. */
enum rule attributes_read(struct span content, struct attributes *out);

/* The value of the attribute; empty when absent. */
struct span attribute_value(const struct attributes *attributes, enum oid oid);

#endif
