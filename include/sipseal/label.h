/* Proxy-Inspect-Body: asks a middle to view or verify body parts (protocol.md 3; REQ-CONF-3, REQ-INT-2). */
#ifndef SIPSEAL_LABEL_H
#define SIPSEAL_LABEL_H

#include "sipseal/bytes.h"
#include "sipseal/rule.h"
#include "sipseal/sip_message.h"

enum {
    LABELS_MAX = 8,          /* header lines in a message */
    LABEL_CIDS_MAX = 8,      /* Content-IDs on one line */
    LABEL_CID_MAX = 128,     /* bytes of one Content-ID */
    LABEL_HOST_MAX = 253,    /* bytes of a host name (RFC 1035 2.3.4) */
    LABEL_EXPIRES_DEFAULT = 3600,
};

enum label_action { LABEL_VIEW = 1, LABEL_VERIFY = 2 };

struct label {
    struct span value; /* the header's value as it stands */
    struct span host;
    struct span cid[LABEL_CIDS_MAX]; /* without quotes and brackets, in order: outer before inner */
    size_t cid_count;
    unsigned actions; /* of enum label_action; 0: absent, which means view for a sealed part and verify for a signed one */
    bool reciprocal;
    bool has_expires;
    uint32_t expires; /* seconds */
};

struct labels {
    struct label label[LABELS_MAX];
    size_t count;
};

/* Reads one header value. Spans point into it. */
enum rule label_parse(struct span value, struct label *label);

/* Reads every label among the headers, under either of its names. RULE_LABEL_SYNTAX, RULE_LABEL_LIMIT. */
enum rule labels_of(const struct sip_header *headers, size_t header_count, struct labels *labels);

/* Writes "Proxy-Inspect-Body: ..." and CRLF. `value` is ignored. */
void label_write(struct writer *w, const struct label *label);

/* Whether header and signed copy match (protocol.md 3): host without regard to case, ordered cids, actions,
 * reciprocal, expires. */
bool label_equal(const struct label *a, const struct label *b);

/* Whether both hold the same labels, in any order. */
bool labels_equal(const struct labels *a, const struct labels *b);

/* The label that names one of the hosts and this Content-ID; null when there is none. */
const struct label *labels_find(const struct labels *labels, const struct span *hosts, size_t host_count,
                                struct span cid);

#endif
