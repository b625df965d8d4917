/* An inspection, shown: a tree of parts, and for each who can read it, who may act on it, and what it proves. */
#ifndef SIPSEAL_CLI_INSPECT_REPORT_H
#define SIPSEAL_CLI_INSPECT_REPORT_H

#include "cli/readers.h"
#include "sipseal/outline.h"
#include "ua/inspection.h"

struct inspect_report {
    struct cli *cli;
    struct keyring *keyring;
    const struct certificate *self; /* null: without a key */
    const char *self_name;
    const struct sip_message *message; /* null when archived */
    const struct message_context *context;
    const struct labels *labels;
    const struct inspection *inspection;
    struct arena *arena;
    int64_t now;
    bool archived; /* what is looked at was taken out of its message: who could read that is not said */
};

void inspect_print(const struct inspect_report *r);
/* The parts alone. */
void inspect_print_parts(const struct inspect_report *r);
json_t *inspect_json(const struct inspect_report *r);
json_t *inspect_json_parts(const struct inspect_report *r);

#endif
