/* ContentInfo, around every object (RFC 5652 3). */
#ifndef SIPSEAL_CMS_CONTENT_INFO_H
#define SIPSEAL_CMS_CONTENT_INFO_H

#include "cms/der.h"
#include "sipseal/rule.h"

/* Checks the whole object as DER, and gives the inside of its content, a SEQUENCE. RULE_CMS_DER, RULE_CMS_STRUCTURE;
 * RULE_CMS_TYPE when it is of another type. */
enum rule content_info_open(struct span der, enum oid type, struct cursor *content);

/* Wraps what was written since the mark, the inside of a SEQUENCE. */
void content_info_wrap(struct der_writer *w, enum oid type, size_t mark);

#endif
