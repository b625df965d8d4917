/* A middle's policy: from what is known of a message to what becomes of it. Pure (protocol.md 4, 5, 6). */
#ifndef SIPSEAL_POLICY_H
#define SIPSEAL_POLICY_H

#include "sipseal/outline.h"
#include "sipseal/verdict.h"

enum { POLICY_RULES_MAX = 64, POLICY_METHODS_MAX = 16, POLICY_CONTENT_MAX = 16, POLICY_DOMAINS_MAX = 64 };

/* Whose messages a rule is about: those of any two parties, those that this server's own users send, or those that
 * they receive (protocol.md 6). */
enum policy_direction { POLICY_BOTH, POLICY_FROM_DOMAIN, POLICY_TO_DOMAIN };
enum policy_plain { POLICY_PLAIN_ALLOW, POLICY_PLAIN_REFUSE };
enum policy_mode { POLICY_MONITOR, POLICY_ENFORCE };

struct policy_rule {
    struct span method[POLICY_METHODS_MAX]; /* of CSeq, upper case; ACK counts as INVITE; none: every method */
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
    bool examine; /* a protected part is there, so that labels and readers must be looked at, or a label, or a rule that
                     may match a part */
    bool archive; /* a rule that requires view may match: what can be seen is to be archived */
};
struct policy_need policy_need_of(const struct policy *policy, const struct message_outline *outline);

/* Whether any rule is about messages of this method and direction, whatever their bodies are. A body that cannot be
 * taken apart matters only then, or where a label asks for an examination: a proxy does not judge bodies that it has no
 * business with (REQ-GEN-3). */
bool policy_concerns(const struct policy *policy, const struct message_context *context);

struct decision {
    enum rule broken; /* RULE_OK: forward. Else refuse with `status`; an ACK, which nobody answers, is dropped. */
    int status;
    enum rule monitored; /* what a rule in monitor mode would have refused, or what was let pass in a response or an
                            emergency call, else RULE_OK: for the log */
    bool archive;        /* a rule that requires view applies, and content was disclosed or plain: archive first */
};

/* What becomes of the message. Responses are never refused (protocol.md 4), nor is what belongs to an emergency call
 * (protocol.md 6). A verdict without parts says that nobody examined the message: then every protected part counts as
 * closed, and every signature as absent. */
struct decision policy_decide(const struct policy *policy, const struct message_outline *outline,
                              const struct verdict *verdict);

/* Whether the message is a call to urn:service:sos (RFC 5031), by its Request-URI or To, or belongs to one: in a
 * dialog, the called side writes it in From. A MESSAGE, which is no call, only by its Request-URI. */
bool policy_emergency(const struct message_context *context);

/* The Warning value for a refusal: 399 <name> "<sentence>" (protocol.md 5). */
void policy_write_warning(struct writer *w, struct span agent, enum rule broken);

#endif
