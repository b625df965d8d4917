/* RecipientInfos (RFC 5652 6.2, RFC 5753 3.1), as written: nothing is judged but their structure. */
#ifndef SIPSEAL_CMS_RECIPIENT_INFO_H
#define SIPSEAL_CMS_RECIPIENT_INFO_H

#include "cms/der.h"
#include "sipseal/cms.h"

/* One encrypted key. */
struct recipient {
    struct cms_reader reader;
    struct der_algorithm key_encryption;
    struct span encrypted_key;
    /* of a KeyAgreeRecipientInfo: */
    struct der_algorithm originator; /* of its originatorKey; `whole` is empty when the originator is named otherwise */
    struct span originator_point;
    struct span ukm; /* user keying material; `at` is null when absent */
};

struct recipients {
    struct recipient recipient[CMS_READERS_MAX];
    size_t count;
};

/* The content of a RecipientInfos SET. RULE_CMS_STRUCTURE, RULE_CMS_LIMIT; RULE_CMS_ALGORITHM for passwords and for
 * recipients of unknown kinds: what cannot be counted as a reader must not read (protocol.md 2.1). */
enum rule recipients_read(struct span content, struct recipients *out);

#endif
