/* What a final response means to whoever sent the request: protocol.md 5, in words. */
#ifndef SIPSEAL_UA_OUTCOME_H
#define SIPSEAL_UA_OUTCOME_H

#include "sipseal/rule.h"
#include "sipseal/sip_message.h"

enum outcome_kind {
    OUTCOME_DELIVERED,
    OUTCOME_REFUSED,
    OUTCOME_UNREADABLE, /* the recipient cannot open it */
    OUTCOME_NETWORK,    /* nobody, or only the network, answered */
};

/* Warning: 399 proxy1.home.example "one plain sentence" (RFC 3261 20.43). */
struct warning {
    uint32_t code;
    struct span agent;
    struct span text; /* without its quotes; escapes are still inside */
};

/* Reads the first warning-value. False when it is none. */
bool warning_parse(struct span value, struct warning *warning);

/* The rule whose sentence this is; RULE_OK when it is none of ours. */
enum rule warning_rule(const struct warning *warning);

struct outcome {
    enum outcome_kind kind;
    int status;
    struct span reason; /* as received */
    bool has_warning;
    struct warning warning;
    const char *next; /* what to do: a plain sentence; empty when delivered */
};

/* Spans point into the response. */
struct outcome outcome_of(const struct sip_message *response);

#endif
