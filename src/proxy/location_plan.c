/* Registrations: what there will be, worked out beside what there is (RFC 3261 10.3 steps 6 and 7). */
#include <stdlib.h>

#include "proxy/location_table.h"

enum { SECOND_MS = 1000 };

struct plan {
    struct user *user;
    struct binding *bindings; /* all that the user will have */
    size_t count;
    size_t promised; /* the room that was promised to it */
};

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    bindings_free(plan->bindings);
    free(plan);
}

/* --- which binding a contact is about --- */

static bool names_flow(const struct contact *c)
{
    return c->instance.len > 0 && c->reg_id > 0;
}

/* Flows of an instance go by their number (RFC 5626 6), all others by the rules of URIs. */
static bool is_of_contact(const struct contact *a, const struct contact *b)
{
    struct sip_uri left, right;
    if (names_flow(a) && names_flow(b))
        return a->reg_id == b->reg_id && span_equal(a->instance, b->instance);
    return sip_uri_parse(a->uri, &left) == RULE_OK && sip_uri_parse(b->uri, &right) == RULE_OK &&
           sip_same_uri(&left, &right);
}

static bool is_about(const struct registration *r, const struct binding *b)
{
    bool about = r->remove_all;
    for (size_t i = 0; i < r->count && !about; i++)
        about = is_of_contact(&b->kept.contact, &r->contact[i]);
    return about;
}

static bool in_order(const struct user *u, const struct registration *r)
{
    for (const struct binding *b = u ? u->bindings : NULL; b; b = b->next)
        if (is_about(r, b) && span_equal(b->kept.call_id, r->call_id) && r->cseq <= b->kept.cseq)
            return false;
    return true;
}

/* --- working out --- */

static bool plan_add(struct plan *plan, struct binding **at, const struct kept_binding *kept, uint64_t number)
{
    struct binding *b = binding_new(kept, number);
    if (!b)
        return false;
    b->next = *at;
    *at = b;
    plan->count++;
    return true;
}

/* Bindings that the registration is not about stay as they are. */
static bool plan_others(struct plan *plan, const struct user *u, const struct registration *r)
{
    struct binding **end = &plan->bindings;
    for (const struct binding *b = u ? u->bindings : NULL; b; b = b->next) {
        if (is_about(r, b))
            continue;
        if (!plan_add(plan, end, &b->kept, b->number))
            return false;
        end = &(*end)->next;
    }
    return true;
}

/* Of one contact named twice, the later one counts. */
static bool is_named_again(const struct registration *r, size_t i)
{
    for (size_t j = i + 1; j < r->count; j++)
        if (is_of_contact(&r->contact[i], &r->contact[j]))
            return true;
    return false;
}

static bool plan_contacts(struct plan *plan, struct location *l, const struct registration *r, uint64_t now)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct kept_binding kept = {.contact = r->contact[i], .call_id = r->call_id, .cseq = r->cseq,
                                          .expires_at = now + (uint64_t)r->contact[i].expires * SECOND_MS};
        if (kept.contact.expires > 0 && !is_named_again(r, i) &&
            !plan_add(plan, &plan->bindings, &kept, ++l->number))
            return false;
    }
    return true;
}

/* The room for what is added is promised to the plan. */
static enum rule find_room(struct location *l, struct plan *plan, size_t present, uint64_t now)
{
    if (plan->count <= present)
        return RULE_OK;
    if (plan->count > l->per_user_max)
        return RULE_SIP_REGISTER_LIMIT;
    if (!location_has_room(l, plan->count - present, now))
        return RULE_OVERLOAD;
    plan->promised = plan->count - present;
    return RULE_OK;
}

enum rule location_plan(struct location *l, const struct registration *r, uint64_t now, struct plan **out)
{
    const struct user *u = location_refresh(l, location_place(l, r->aor), now);
    if (u && u->plan)
        return RULE_INTERNAL;
    if (!in_order(u, r))
        return RULE_SIP_REGISTER_ORDER;
    struct plan *plan = calloc(1, sizeof *plan);
    enum rule rule = plan && plan_others(plan, u, r) && plan_contacts(plan, l, r, now) ? RULE_OK : RULE_NO_MEMORY;
    if (rule == RULE_OK)
        rule = find_room(l, plan, u ? u->count : 0, now);
    if (rule == RULE_OK && !(plan->user = location_user(l, r->aor)))
        rule = RULE_NO_MEMORY;
    if (rule != RULE_OK) {
        plan_free(plan);
        return rule;
    }
    l->promised += plan->promised;
    plan->user->plan = *out = plan;
    return RULE_OK;
}

/* --- the end of a plan --- */

bool location_is_planned(struct location *l, struct span aor)
{
    const struct user *u = *location_place(l, aor);
    return u && u->plan;
}

void location_make(struct location *l, struct plan *plan, uint64_t now)
{
    struct user *u = plan->user;
    struct binding *old = u->bindings;
    l->count += plan->count;
    l->count -= u->count;
    u->bindings = plan->bindings;
    u->count = plan->count;
    plan->bindings = old;
    location_drop(l, plan, now);
}

void location_drop(struct location *l, struct plan *plan, uint64_t now)
{
    struct user *u = plan->user;
    l->promised -= plan->promised;
    u->plan = NULL;
    plan_free(plan);
    location_refresh(l, location_place(l, user_aor(u)), now);
}

enum rule location_register(struct location *l, const struct registration *r, uint64_t now)
{
    struct plan *plan;
    enum rule rule = location_plan(l, r, now, &plan);
    if (rule == RULE_OK)
        location_make(l, plan, now);
    return rule;
}

/* --- what is kept --- */

static size_t list_bindings(const struct binding *first, struct kept_binding *out)
{
    uint64_t number[LOCATION_USER_CONTACTS_MAX];
    size_t count = 0;
    for (const struct binding *b = first; b && count < LOCATION_USER_CONTACTS_MAX; b = b->next) {
        size_t at = count++;
        for (; at > 0 && b->number < number[at - 1]; at--) {
            number[at] = number[at - 1];
            out[at] = out[at - 1];
        }
        number[at] = b->number;
        out[at] = b->kept;
    }
    return count;
}

struct span plan_aor(const struct plan *plan)
{
    return user_aor(plan->user);
}

size_t plan_bindings(const struct plan *plan, struct kept_binding out[LOCATION_USER_CONTACTS_MAX])
{
    return list_bindings(plan->bindings, out);
}

size_t location_bindings(struct location *l, struct span aor, uint64_t now,
                         struct kept_binding out[LOCATION_USER_CONTACTS_MAX])
{
    const struct user *u = location_refresh(l, location_place(l, aor), now);
    return u ? list_bindings(u->bindings, out) : 0;
}

enum rule location_restore(struct location *l, struct span aor, const struct kept_binding *binding)
{
    if (l->count + l->promised >= l->bindings_max)
        return RULE_OVERLOAD;
    struct user *u = location_user(l, aor);
    struct binding *b = u && u->count < LOCATION_USER_CONTACTS_MAX ? binding_new(binding, ++l->number) : NULL;
    if (!b)
        return u ? RULE_OVERLOAD : RULE_NO_MEMORY;
    b->next = u->bindings;
    u->bindings = b;
    u->count++;
    l->count++;
    return RULE_OK;
}
