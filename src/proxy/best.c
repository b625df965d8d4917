/* What the ends of branches lead to (RFC 3261 16.7): a response upstream, the next branches, or waiting for others. */
#include <limits.h>
#include <stdlib.h>

#include "proxy/core.h"

enum { CHALLENGES_MAX = 16 * 1024 /* bytes of header lines of other 401 and 407 */ };

static bool is_challenge(int status)
{
    return status == 401 || status == 407;
}

/* Nobody hears of a 408 to a request other than INVITE (RFC 4320 4.2). */
static bool stays_unsaid(const struct pass *pass, int status)
{
    return !pass->invite && status == 408;
}

/* Smaller is better (step 6): 6xx, then the lowest class; of 4xx first what tells the sender how to try again. What a
 * branch only counts as having answered comes behind what another really did, in the same class; what stays unsaid
 * comes last. */
static int rank(const struct pass *pass, int status, enum rule rule)
{
    int class = status >= 600 ? 0 : status / 100 * 100;
    if (stays_unsaid(pass, status))
        return INT_MAX;
    if (rule != RULE_OK)
        return class + 3;
    if (is_challenge(status))
        return class;
    bool helps = status == 415 || status == 420 || status == 484;
    return class + (helps ? 1 : 2);
}

static bool beats(int status, enum rule rule, const struct pass *pass)
{
    const struct best *best = &pass->best;
    return best->status == 0 || rank(pass, status, rule) < rank(pass, best->status, best->rule);
}

void best_free(struct best *best)
{
    free(best->response);
    free(best->challenges);
    *best = (struct best){0};
}

void best_note_rule(struct pass *pass, enum rule rule)
{
    int status = rule_status(rule);
    if (!beats(status, rule, pass))
        return;
    free(pass->best.response);
    pass->best.response = NULL;
    pass->best.status = status;
    pass->best.rule = rule;
}

/* --- challenges (step 7) --- */

/* Header lines of one challenge go beside those of others; beyond the limit they are left out, and the sender is asked
 * again. */
static void collect_challenges(struct best *best, const struct sip_message *m)
{
    uint8_t lines[CHALLENGES_MAX];
    struct writer w = writer_over(lines, sizeof lines);
    writer_put(&w, packet_span(best->challenges));
    for (size_t i = 0; i < m->header_count; i++)
        if (m->headers[i].id == SIP_H_WWW_AUTHENTICATE || m->headers[i].id == SIP_H_PROXY_AUTHENTICATE)
            writer_put(&w, m->headers[i].line);
    struct packet *all = w.full ? NULL : packet_copy(writer_span(&w));
    if (!all)
        return;
    free(best->challenges);
    best->challenges = all;
}

/* The best response with the challenges of the others. */
static bool write_best(struct proxy *p, const struct best *best, struct writer *w)
{
    struct sip_edits edits = {.count = 0};
    if (sip_message_parse(packet_span(best->response), SIP_DATAGRAM, &p->other) != RULE_OK)
        return false;
    if (is_challenge(best->status))
        sip_edit_insert(&edits, &p->other, span_part(p->other.head, p->other.head.len - 2, 2),
                        packet_span(best->challenges));
    return sip_edits_apply(&edits, &p->other, w);
}

/* --- noting --- */

static void note(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct best *best = &pass->best;
    struct writer w = writer_over(p->scratch, p->scratch_len);
    int status = status_upstream(m->status);
    if (!beats(status, RULE_OK, pass)) {
        if (is_challenge(status))
            collect_challenges(best, m);
        return;
    }
    struct packet *response = write_upstream(pass, m, &w) ? packet_copy(writer_span(&w)) : NULL;
    if (!response) {
        best_note_rule(pass, RULE_INTERNAL);
        return;
    }
    free(best->response);
    best->response = response;
    best->status = status;
    best->rule = RULE_OK;
}

/* --- answering --- */

/* No next hop has answered a request other than INVITE: nothing goes upstream (RFC 4320 4.2); the archive learns it. */
static void leave_unanswered(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    event_push(p, PROXY_EVENT_UNANSWERED, RULE_SIP_TIMEOUT, 0, m, &pass->source, pass->record_id);
    complete(p, pass, rule_status(RULE_SIP_TIMEOUT));
    pass_enter(p, pass, PASS_DONE);
    pass_settle(p, pass);
}

void best_answer(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct writer w = writer_over(p->scratch, p->scratch_len);
    const struct best *best = &pass->best;
    enum rule rule = best->status ? best->rule : RULE_INTERNAL;
    if (rule != RULE_OK && pass->cancelled)
        refuse_pass(p, pass, m, RULE_SIP_CANCELLED);
    else if (stays_unsaid(pass, best->status))
        leave_unanswered(p, pass, m);
    else if (rule != RULE_OK)
        refuse_pass(p, pass, m, rule);
    else if (write_best(p, best, &w))
        forward_final(p, pass, m, best->status, writer_span(&w));
    else
        refuse_pass(p, pass, m, RULE_INTERNAL);
}

/* Whether the pass has to wait, or may still try, before it answers. */
static bool is_open(const struct pass *pass)
{
    for (size_t i = 0; i < pass->branch_count; i++)
        if (pass->branch[i].state != BRANCH_DONE && pass->branch[i].state != BRANCH_SPARE)
            return true;
    return false;
}

void branches_go_on(struct proxy *p, struct pass *pass)
{
    bool waits = branches_under_way(pass) && !branches_next(pass);
    if (waits || !pass_read(p, pass, &p->message))
        return;
    branches_start(p, pass, &p->message);
    if (!branches_under_way(pass))
        best_answer(p, pass, &p->message);
}

void branch_without_answer(struct proxy *p, struct branch *b, enum rule rule)
{
    struct pass *pass = b->pass;
    branch_enter(p, b, BRANCH_DONE);
    if (pass->state != PASS_FORWARDED)
        return;
    best_note_rule(pass, rule);
    branches_go_on(p, pass);
}

/* Goes upstream as it came. */
static void answer_with(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct writer w = writer_over(p->scratch, p->scratch_len);
    if (write_upstream(pass, m, &w))
        forward_final(p, pass, m, status_upstream(m->status), writer_span(&w));
    else
        refuse_later(p, pass, RULE_INTERNAL);
}

/* A 2xx is passed on at once and the others are cancelled (steps 5 and 10); a 6xx waits for them, since one of them may
 * still succeed. */
void branch_answered(struct proxy *p, struct branch *b, const struct sip_message *m)
{
    struct pass *pass = b->pass;
    if (m->status == 430 && branch_replace(p, b))
        return;
    branch_enter(p, b, BRANCH_DONE);
    if (m->status < 300 || m->status >= 600)
        branches_cancel(p, pass);
    if (m->status < 300 || (pass->best.status == 0 && !is_open(pass))) {
        answer_with(p, pass, m);
        return;
    }
    note(p, pass, m);
    branches_go_on(p, pass);
}
