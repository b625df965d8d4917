/* What `sipseal send` does when a proxy asks for something (protocol.md 4, 6; REQ-GEN-4): learns its policy, decides by
 * the rules of the user, and changes the plan; or tells who asked for what, with nothing disclosed. */
#ifndef SIPSEAL_CLI_SEND_POLICY_H
#define SIPSEAL_CLI_SEND_POLICY_H

#include "cli/net_address.h"
#include "cli/send_plan.h"
#include "ua/outcome.h"
#include "ua/policy_trust.h"

struct send_policy {
    struct send_plan *plan;
    struct net_place place; /* where requests go */
    struct policy_trust trust;
    struct policy_parties parties;
    unsigned rounds; /* times that the message was sent again */

    /* The last who asked. */
    bool asked;
    char host[PARTY_NAME_MAX];
    unsigned actions;    /* enum label_action: what it asks for */
    struct span purpose; /* in its words */
    enum rule broken;    /* RULE_OK: it was given; else why not */
};

/* Reads the user's rules: --trust-proxies, else $XDG_CONFIG_HOME/sipseal/trust-proxies, else the default. Says what is
 * wrong. */
enum exit_code send_policy_open(struct send_policy *policy, struct send_plan *plan);

/* Before the first try: gives what the rules grant to proxies whose policies are known and concern the message. Nobody
 * is asked. */
void send_policy_beforehand(struct send_policy *policy);

/* After a refusal by a proxy. `object` is what the response carried (RULE_OK in `carried`), else the proxy is asked.
 * True when the plan was changed, and the message is to be protected and sent again. */
bool send_policy_learn(struct send_policy *policy, const struct warning *warning, enum rule carried,
                       struct span object);

/* Whether the outcome is told in full by send_policy_fail. */
bool send_policy_has_reason(const struct send_policy *policy);
/* Says who asked for what, why it was not given, and what to do. */
enum exit_code send_policy_fail(const struct send_policy *policy, int status);
void send_policy_json(const struct send_policy *policy, json_t *out);

#endif
