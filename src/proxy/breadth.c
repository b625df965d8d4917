/* Max-Breadth: how many branches of a request there may be at once, here and in all that comes after (RFC 5393 5).
 *
 * What a request brings is divided among the branches that are under way, and what a branch had is free again when it
 * has ended (5.3.3.1). Targets for which nothing is left wait until it is, instead of a 440 (5.5), so this proxy never
 * sends one itself. */
#include "proxy/core.h"

/* More digits than a number may have are a large number, and lowered as any other (5.8: 1*DIGIT). */
static bool read_number(struct span value, uint32_t *number)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
    while (value.len > 1 && value.at[0] == '0')
        value = span_part(value, 1, value.len);
    if (!span_decimal(value, UINT32_MAX, number))
        *number = UINT32_MAX;
    return value.len > 0 && *number > 0;
}

/* 5.3.3: what is absent, and what exceeds the maximum, becomes the maximum. */
enum rule breadth_take(const struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    uint32_t most = p->settings.limits.breadth, asked = most;
    size_t count = sip_header_count(m, SIP_H_MAX_BREADTH);
    if (count > 1)
        return RULE_SIP_HEADER_TWICE;
    if (count == 1 && !read_number(sip_header_value(m, SIP_H_MAX_BREADTH), &asked))
        return RULE_SIP_SYNTAX;
    pass->breadth = asked < most ? asked : most;
    return RULE_OK;
}

uint32_t breadth_left(const struct pass *pass)
{
    uint32_t used = 0;
    for (size_t i = 0; i < pass->branch_count; i++)
        if (branch_under_way(&pass->branch[i]))
            used += pass->branch[i].breadth;
    return used < pass->breadth ? pass->breadth - used : 0;
}

/* Equal parts for those whose turn it is; the first ones get what cannot be divided. */
uint32_t breadth_for(const struct pass *pass, const struct branch *b)
{
    uint32_t left = breadth_left(pass), others = 0;
    for (size_t i = 0; i < pass->branch_count; i++)
        if (&pass->branch[i] != b && pass->branch[i].state == BRANCH_LATER && pass->branch[i].q == b->q)
            others++;
    return (left + others) / (others + 1);
}
