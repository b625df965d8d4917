/* What the labels of a message ask of whom, shown (protocol.md 3). */
#ifndef SIPSEAL_CLI_LABELS_REPORT_H
#define SIPSEAL_CLI_LABELS_REPORT_H

#include "cli/command.h"
#include "sipseal/label.h"

/* A line for each label that names the part, "proxy1.home.example is asked to view and verify it". `by_default`: what
 * one without actions asks of a part of this kind. */
void labels_print_of(const struct labels *labels, struct span cid, unsigned by_default, const char *indent);

/* Arrays of {host, cids, actions}: of all labels as they stand; of those that name the part, with their defaults. */
json_t *labels_json(const struct labels *labels);
json_t *labels_json_of(const struct labels *labels, struct span cid, unsigned by_default);
/* ["view", "verify"] */
json_t *label_actions_json(unsigned actions);

#endif
