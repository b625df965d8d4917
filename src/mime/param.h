/* Parameters of MIME headers (RFC 2045 5.1, RFC 2183 2, RFC 3261 25.1), shared by the files of this folder. */
#ifndef SIPSEAL_MIME_PARAM_H
#define SIPSEAL_MIME_PARAM_H

#include "sipseal/bytes.h"

enum { MIME_PARAMS_MAX = 16 }; /* parameters of one header */

/* Passes over white space, line folds too. */
void mime_skip_space(struct cursor *c);

/* A token of RFC 2045: at least one visible character that is no tspecial. */
bool mime_take_token(struct cursor *c, struct span *token);

/* Whether the span is empty or ";name=value" again and again, each name once: what two readers could understand
 * differently (a name that stands twice, an open quote) is refused. A parameter without value, and an empty one (a
 * semicolon at the end), are let pass: peers write them, and nothing can hide there. */
bool mime_params_valid(struct span params);

#endif
