/* The Content-IDs that labels and Sealed-For name (protocol.md 3; RFC 2392, RFC 5322 3.6.4). */
#ifndef SIPSEAL_E2M_CONTENT_ID_H
#define SIPSEAL_E2M_CONTENT_ID_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"

/* Passes over white space, line folds too. */
void e2m_skip_space(struct cursor *c);

/* Takes one Content-ID and the white space around it: with or without quotes, with or without angle brackets. `*cid`
 * has neither. RULE_LABEL_SYNTAX; RULE_LABEL_LIMIT when it is longer than LABEL_CID_MAX. */
enum rule content_id_take(struct cursor *c, struct span *cid);

#endif
