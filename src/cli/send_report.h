/* What a plan to send comes to, told before it is carried out: who will be able to read what. */
#ifndef SIPSEAL_CLI_SEND_REPORT_H
#define SIPSEAL_CLI_SEND_REPORT_H

#include "cli/send_plan.h"

void send_report_plan(const struct send_plan *plan);

/* Adds from, to, protection, readers, parts and middles. */
void send_report_json(const struct send_plan *plan, json_t *out);

#endif
