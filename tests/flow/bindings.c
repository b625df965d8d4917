/* Statements about the bindings that a store keeps. Of each station the script remembers what the store has: what the
 * proxy asked it to keep, and the script said that it kept. */
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"

/* --- what the store has --- */

static bool read_bind(struct span datagram, struct ipc_header *header, struct ipc_bind *bind)
{
    struct cursor fields;
    return ipc_read_header(datagram, header, &fields) == RULE_OK && header->kind == IPC_BIND &&
           ipc_read_bind(&fields, bind) == RULE_OK;
}

static struct span span_kept(const struct kept_bytes *kept)
{
    return span_of(kept->bytes, kept->len);
}

/* In place of what was there of this user, or of this question. */
static bool keep(struct flow *f, struct kept_bytes *list, size_t *count, size_t at, struct span datagram)
{
    uint8_t *copy = at < KEPT_MAX ? malloc(datagram.len) : NULL;
    if (!copy)
        return flow_fail(f, "too many users for a script");
    memcpy(copy, datagram.at, datagram.len);
    if (at == *count)
        ++*count;
    else
        free(list[at].bytes);
    list[at] = (struct kept_bytes){copy, datagram.len};
    return true;
}

static bool keep_user(struct flow *f, struct span datagram)
{
    struct station *s = f->current;
    struct ipc_header header;
    struct ipc_bind bind, other;
    size_t at = 0;
    if (!read_bind(datagram, &header, &bind))
        return false;
    while (at < s->kept_count && read_bind(span_kept(&s->kept[at]), &header, &other) &&
           !span_equal(other.aor, bind.aor))
        at++;
    return keep(f, s->kept, &s->kept_count, at, datagram);
}

void station_forget_kept(struct station *s)
{
    for (size_t i = 0; i < s->kept_count; i++)
        free(s->kept[i].bytes);
    for (size_t i = 0; i < s->asked_count; i++)
        free(s->asked[i].bytes);
    s->kept_count = s->asked_count = 0;
}

/* --- what the proxy asks --- */

static struct seen *first_asked(struct flow *f)
{
    for (size_t i = 0; i < f->current->seen_count; i++)
        if (f->current->seen[i].action.kind == PROXY_ASK_STORE)
            return &f->current->seen[i];
    flow_fail(f, "the proxy did not ask the store");
    return NULL;
}

static void account(struct flow *f, const struct seen *seen)
{
    station_forget(f->current, (size_t)(seen - f->current->seen));
}

/* ask keep JOB AOR COUNT, and told keep AOR COUNT, which is not answered */
static bool expect_keep(struct flow *f, bool answered)
{
    const struct statement *st = &f->statement;
    const struct seen *seen = first_asked(f);
    struct station *s = f->current;
    struct ipc_header header;
    struct ipc_bind bind;
    if (!seen || st->count != (answered ? 5 : 4))
        return seen ? flow_fail(f, "ask keep JOB AOR COUNT, told keep AOR COUNT") : false;
    if (!read_bind(seen->action.bytes, &header, &bind) || (header.job != 0) != answered)
        return flow_fail(f, "the question is another one");
    if (!span_equal(bind.aor, span_text(st->word[st->count - 2])))
        return flow_fail(f, "it is about %.*s", SPAN_ARGS(bind.aor));
    if (bind.count != strtoul(st->word[st->count - 1], NULL, 10) || bind.now != f->now.wall)
        return flow_fail(f, "%zu bindings are to be kept", bind.count);
    char job[24];
    snprintf(job, sizeof job, "%llu", (unsigned long long)header.job);
    if (answered && !variable_set(f, st->word[2], span_text(job)))
        return false;
    if (answered ? !keep(f, s->asked, &s->asked_count, s->asked_count, seen->action.bytes)
                 : !keep_user(f, seen->action.bytes))
        return false;
    account(f, seen);
    return true;
}

/* ask bindings [after=AOR] */
static bool expect_load(struct flow *f)
{
    const struct seen *seen = first_asked(f);
    const char *after = statement_option(&f->statement, "after");
    struct ipc_header header;
    struct cursor fields;
    struct ipc_load load;
    if (!seen)
        return false;
    if (ipc_read_header(seen->action.bytes, &header, &fields) != RULE_OK || header.kind != IPC_LOAD ||
        ipc_read_load(&fields, &load) != RULE_OK || load.now != f->now.wall)
        return flow_fail(f, "the proxy does not ask for bindings");
    if (!span_equal(load.after, span_text(after ? after : "")))
        return flow_fail(f, "it asks for those after \"%.*s\"", SPAN_ARGS(load.after));
    snprintf(f->current->load_after, sizeof f->current->load_after, "%s", after ? after : "");
    account(f, seen);
    return true;
}

/* --- what the store answers --- */

static enum rule rule_named(const char *name)
{
    for (int i = 0; i < RULE_COUNT; i++)
        if (strcmp(rule_name((enum rule)i), name) == 0)
            return (enum rule)i;
    return RULE_COUNT;
}

/* store keeps JOB ok|RULE */
static bool store_keeps(struct flow *f)
{
    const struct statement *st = &f->statement;
    struct station *s = f->current;
    const char *job = st->count == 4 ? variable_get(f, st->word[2]) : NULL;
    enum rule rule = st->count == 4 ? rule_named(st->word[3]) : RULE_COUNT;
    if (!job || rule == RULE_COUNT)
        return flow_fail(f, "store keeps JOB ok|RULE");
    for (size_t i = 0; i < s->asked_count; i++) {
        struct ipc_header header;
        struct ipc_bind bind;
        if (!read_bind(span_kept(&s->asked[i]), &header, &bind) || header.job != strtoull(job, NULL, 10))
            continue;
        if (rule == RULE_OK && !keep_user(f, span_kept(&s->asked[i])))
            return false;
        proxy_bound(s->proxy, header.job, rule, f->now);
        return true;
    }
    return flow_fail(f, "the store was not asked that");
}

/* The user whose name is the first behind `after`; null when there is none. */
static const struct kept_bytes *first_behind(const struct station *s, struct span after, struct ipc_bind *first)
{
    const struct kept_bytes *found = NULL;
    for (size_t i = 0; i < s->kept_count; i++) {
        struct ipc_header header;
        struct ipc_bind bind;
        char name[IPC_AOR_MAX + 1], behind[IPC_AOR_MAX + 1], best[IPC_AOR_MAX + 1];
        read_bind(span_kept(&s->kept[i]), &header, &bind);
        snprintf(name, sizeof name, "%.*s", SPAN_ARGS(bind.aor));
        snprintf(behind, sizeof behind, "%.*s", SPAN_ARGS(after));
        snprintf(best, sizeof best, "%.*s", found ? (int)first->aor.len : 0, found ? (const char *)first->aor.at : "");
        if (strcmp(name, behind) > 0 && (!found || strcmp(name, best) < 0)) {
            *first = bind;
            found = &s->kept[i];
        }
    }
    return found;
}

/* store gives all|USERS|RULE: what it has, that much of it, or that it cannot be read */
static bool store_gives(struct flow *f)
{
    static struct ipc_bindings page;
    struct station *s = f->current;
    const char *what = f->statement.count == 3 ? f->statement.word[2] : "";
    size_t users = strcmp(what, "all") == 0 ? SIZE_MAX : strtoul(what, NULL, 10);
    struct span after = span_text(s->load_after);
    struct ipc_bind bind;
    page = (struct ipc_bindings){.rule = users ? RULE_OK : rule_named(what)};
    if (page.rule == RULE_COUNT)
        return flow_fail(f, "store gives all|USERS|RULE");
    while (users > 0 && first_behind(s, after, &bind)) {
        for (size_t i = 0; i < bind.count && page.count < IPC_PAGE_MAX; i++)
            if (bind.binding[i].expires > f->now.wall)
                page.binding[page.count++] = bind.binding[i];
        after = bind.aor;
        users--;
    }
    page.last = !first_behind(s, after, &bind);
    proxy_bindings(s->proxy, &page, f->now);
    return true;
}

/* restart [NUMBER s]: the proxy ends and begins anew, that much later by the clock on the wall. Its connections are
 * closed, and the other clock begins anew with it. */
static bool restart(struct flow *f)
{
    const struct statement *st = &f->statement;
    struct station *s = f->current;
    if (st->count != 1 && (st->count != 3 || strcmp(st->word[2], "s") != 0))
        return flow_fail(f, "restart [NUMBER s]");
    proxy_free(s->proxy);
    for (size_t i = 0; i < s->connection_count; i++)
        s->connection[i].open = false;
    f->now.monotonic = RESTART_MONOTONIC_MS;
    f->now.wall += st->count == 3 ? strtoll(st->word[1], NULL, 10) : 0;
    s->proxy = proxy_new(&s->settings, f->now);
    return s->proxy ? true : flow_fail(f, "no memory for a proxy");
}

/* --- */

bool bindings_statement(struct flow *f, bool *known)
{
    const struct statement *st = &f->statement;
    const char *word = st->word[0], *second = st->count > 1 ? st->word[1] : "";
    bool asks = strcmp(word, "ask") == 0, tells = strcmp(word, "told") == 0, store = strcmp(word, "store") == 0;
    bool happens = (store && (strcmp(second, "keeps") == 0 || strcmp(second, "gives") == 0)) ||
                   strcmp(word, "restart") == 0;
    *known = happens || (asks && (strcmp(second, "keep") == 0 || strcmp(second, "bindings") == 0)) || tells;
    if (!*known || !f->current || !f->current->proxy)
        return !*known;
    if (!happens)
        return strcmp(second, "bindings") == 0 ? expect_load(f) : expect_keep(f, asks);
    if (!station_settled(f, f->current))
        return false;
    bool done = !store ? restart(f) : strcmp(second, "keeps") == 0 ? store_keeps(f) : store_gives(f);
    return done && station_drain(f, f->current);
}
