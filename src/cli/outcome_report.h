/* The final response to one's own request, told to whoever sent it. */
#ifndef SIPSEAL_CLI_OUTCOME_REPORT_H
#define SIPSEAL_CLI_OUTCOME_REPORT_H

#include "cli/command.h"
#include "sipseal/arena.h"
#include "ua/outcome.h"

/* What the response means; its words are copied into the arena, since its bytes go with the next message. */
void outcome_keep(struct arena *arena, const struct sip_message *response, struct outcome *out);

/* Adds status, reason, warning and next. */
void outcome_json(const struct outcome *outcome, json_t *out);

/* Says "WHAT: 403 Forbidden: ...; what to do", and gives the exit code; for an outcome that is none of delivered. */
enum exit_code outcome_fail(const struct outcome *outcome, const char *what);

#endif
