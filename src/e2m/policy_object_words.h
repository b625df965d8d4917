/* The words of a policy object's JSON: read and written by the same tables. */
#ifndef SIPSEAL_E2M_POLICY_OBJECT_WORDS_H
#define SIPSEAL_E2M_POLICY_OBJECT_WORDS_H

#include "sipseal/policy_object.h"

enum { POLICY_OBJECT_VERSION = 1 };

static const char *const policy_object_directions[] = {
    [POLICY_BOTH] = "both", [POLICY_FROM_DOMAIN] = "from-domain", [POLICY_TO_DOMAIN] = "to-domain"};
static const char *const policy_object_plain[] = {[POLICY_PLAIN_ALLOW] = "allow", [POLICY_PLAIN_REFUSE] = "refuse"};

/* A word of `require` (protocol.md 6). */
static const struct policy_object_action {
    const char *word;
    unsigned action;
} policy_object_actions[] = {{"view", LABEL_VIEW}, {"verify", LABEL_VERIFY}};

#endif
