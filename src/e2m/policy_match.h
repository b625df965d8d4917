/* Which rules of a policy concern a message and its parts (protocol.md 6); policy.c says what becomes of them. */
#ifndef SIPSEAL_E2M_POLICY_MATCH_H
#define SIPSEAL_E2M_POLICY_MATCH_H

#include "sipseal/policy.h"

/* Between whom a message goes, as directions see it: a URI, a bare domain (of a domain's proof), or empty. */
struct parties {
    struct span sender, receiver;
    bool sender_unknown; /* before cryptography: a protected part may yet prove another sender than From */
};

/* From and To, swapped for a response; `proven` takes the sender's place where it is not empty. */
struct parties parties_of(const struct message_context *context, struct span proven);

/* Whether the rule concerns the message: its method and its direction. */
bool rule_concerns(const struct policy *policy, const struct policy_rule *rule, const struct message_context *context,
                   const struct parties *parties);

/* Whether the rule is about content of this type. */
bool rule_names_type(const struct policy_rule *rule, struct span type);

#endif
