/* A middle's policy: from what is known of a message to what becomes of it. Pure (protocol.md 4, 5, 6). */
#ifndef SIPSEAL_POLICY_H
#define SIPSEAL_POLICY_H

#include "sipseal/outline.h"
#include "sipseal/verdict.h"

enum { POLICY_RULES_MAX = 64, POLICY_METHODS_MAX = 16, POLICY_CONTENT_MAX = 16, POLICY_DOMAINS_MAX = 64 };

enum policy_direction { POLICY_BOTH, POLICY_FROM_DOMAIN, POLICY_TO_DOMAIN };
enum policy_plain { POLICY_PLAIN_ALLOW, POLICY_PLAIN_REFUSE };
enum policy_mode { POLICY_MONITOR, POLICY_ENFORCE };

struct policy_rule {
    struct span method[POLICY_METHODS_MAX]; /* of CSeq, upper case; ACK counts as INVITE */
    size_t method_count;
    enum policy_direction direction;
    struct span content[POLICY_CONTENT_MAX]; /* patterns of leaf types; none: every type */
    size_t content_count;
    unsigned require; /* enum label_action */
    enum policy_plain plain;
    enum policy_mode mode;
};

struct policy {
    struct policy_rule rule[POLICY_RULES_MAX];
    size_t rule_count;
    struct span domain[POLICY_DOMAINS_MAX]; /* this server's own domains */
    size_t domain_count;
};

/* Before any cryptography: what has to happen to this message. */
struct policy_need {
    bool examine; /* a protected part is there, so that labels and readers must be looked at, or a rule applies */
    bool archive; /* a rule that requires view may apply: what can be seen is to be archived */
};
struct policy_need policy_need_of(const struct policy *policy, const struct message_outline *outline);

enum { POLICY_EXPLANATION_MAX = 200 };

struct decision {
    enum rule broken; /* RULE_OK: forward. Else refuse with `status`. */
    int status;
    enum rule monitored; /* what a rule in monitor mode would have refused, else RULE_OK */
    bool archive;        /* a rule that requires view applies, and content was disclosed or plain: archive first */
};

/* What becomes of the message. Responses are never refused with 495 or 496 (protocol.md 4). */
struct decision policy_decide(const struct policy *policy, const struct message_outline *outline,
                              const struct verdict *verdict);

/* The Warning value for a refusal: 399 <name> "<sentence>" (protocol.md 5). */
void policy_write_warning(struct writer *w, struct span agent, enum rule broken);

#endif
