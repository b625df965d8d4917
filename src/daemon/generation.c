#include "daemon/generation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/endpoint.h"
#include "ipc/ipc.h"
#include "sipseal/cms.h"

struct generation *generation_new(void)
{
    struct generation *g = calloc(1, sizeof *g);
    for (size_t i = 0; g && i < CONFIG_LISTEN_MAX; i++)
        g->listener[i].fd = -1;
    if (g)
        g->metrics.fd = g->hep = -1;
    return g;
}

void generation_free(struct generation *g)
{
    if (!g)
        return;
    if (g->config)
        listeners_close(g->listener, g->config->listen_count);
    listeners_close(&g->metrics, 1);
    if (g->hep >= 0)
        close(g->hep);
    keys_close(&g->keys);
    config_free(g->config);
    free(g);
}

/* --- reading --- */

void generation_log_warnings(const struct generation *g, const struct log *log)
{
    for (size_t i = 0; i < g->config->warning_count; i++)
        LOG(log, LOG_LEVEL_WARNING, "configuration", log_word("warning", g->config->warning[i]));
    if (g->config->legacy)
        LOG(log, LOG_LEVEL_WARNING, "legacy", log_word("algorithms", cms_legacy_text(g->config->legacy)),
            log_word("reason", "keys.legacy has switched them on; remove what no peer needs any more"));
}

static void log_key_fault(void *context, enum keys_setting setting, size_t index, bool warning, const char *text)
{
    const struct log *log = context;
    LOG(log, warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "keys", log_word("key", keys_setting_name(setting)),
        log_number("entry", (int64_t)index), log_word("problem", text));
}

bool generation_load_keys(struct generation *g, const struct log *log)
{
    const struct keys_listener listener = {log_key_fault, (void *)(uintptr_t)log};
    if (!keys_load(&g->keys, g->config, &listener))
        return false;
    const struct locked_memory *const secrets[] = {&g->keys.secret, &g->keys.tls_secret, &g->keys.policy_object_secret};
    bool locked = true;
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        locked = locked && (!secrets[i]->at || secrets[i]->locked);
    if (!locked)
        LOG(log, LOG_LEVEL_WARNING, "not-locked",
            log_word("advice", "a private key may be swapped to disk; allow this process to lock memory"));
    return true;
}

/* "file:line:column: key: problem; what to do" */
static void log_fault(const struct log *log, struct span line)
{
    size_t place = span_find_span(line, SPAN(": "));
    LOG(log, LOG_LEVEL_ERROR, "not-reloaded", log_text("place", span_part(line, 0, place)),
        log_text("problem", span_part(line, place < line.len ? place + 2 : 0, line.len)));
}

static void log_faults(const struct log *log, const char *errors)
{
    for (struct span rest = span_text(errors); rest.len > 0;) {
        size_t end = span_find(rest, '\n');
        log_fault(log, span_part(rest, 0, end));
        rest = span_part(rest, end + 1, rest.len);
    }
}

bool generation_reread(struct generation *g, const char *path, const struct log *log)
{
    char *errors = malloc(CONFIG_ERRORS_MAX);
    enum rule rule = errors ? config_read(path, &g->config, errors, CONFIG_ERRORS_MAX) : RULE_NO_MEMORY;
    if (rule != RULE_OK && errors)
        log_faults(log, errors);
    free(errors);
    if (rule != RULE_OK)
        return false;
    generation_log_warnings(g, log);
    if (generation_load_keys(g, log))
        return true;
    LOG(log, LOG_LEVEL_ERROR, "not-reloaded", log_word("problem", "keys that were good a moment ago cannot be loaded"));
    return false;
}

/* --- sockets --- */

static bool open_hep(struct generation *g, const struct log *log)
{
    const struct config *c = g->config;
    char to[LISTENER_URI_MAX];
    if (!c->hep)
        return true;
    const struct sockaddr *address = (const struct sockaddr *)&c->hep_to.address;
    listener_write_uri(to, &c->hep_to);
    g->hep = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (g->hep < 0 || connect(g->hep, address, c->hep_to.address_len) != 0) {
        LOG(log, LOG_LEVEL_ERROR, "cannot-export", log_word("to", to), log_word("reason", strerror(errno)),
            log_word("advice", "this machine cannot reach it; correct hep.to"));
        return false;
    }
    bool content = c->hep_bodies == CONFIG_BODIES_WIRE, far = !endpoint_is_loopback(&c->hep_to);
    LOG(log, content && far ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "exporting", log_word("to", to),
        log_word("bodies", content ? "wire" : "none"),
        content && far ? log_word("reason", "whoever is on the way reads what is not sealed, and credentials")
                       : log_none());
    return true;
}

bool generation_open_sockets(struct generation *g, const struct generation *old, const struct log *log)
{
    const struct config *old_config = old ? old->config : NULL;
    bool ok = listeners_open(g->listener, g->config, old ? old->listener : NULL, old_config, log);
    ok = listener_open_metrics(&g->metrics, g->config, old ? &old->metrics : NULL, old_config, log) && ok;
    return open_hep(g, log) && ok;
}

void generation_take_over_sockets(struct generation *g, struct generation *old)
{
    listeners_take_over(g->listener, g->config->listen_count, old->listener, old->config->listen_count);
    listeners_take_over(&g->metrics, 1, &old->metrics, 1);
}

/* --- comparing --- */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool stays(bool same, const char *key, const struct log *log)
{
    if (!same)
        LOG(log, LOG_LEVEL_ERROR, "not-reloaded", log_word("key", key),
            log_word("problem", "it cannot change while the processes run"),
            log_word("advice", "restart sipseald, or write what was there before"));
    return same;
}

bool generation_may_follow(const struct generation *next, const struct generation *now, const struct log *log)
{
    const struct config *a = next->config, *b = now->config;
    bool user = stays(span_equal(a->user, b->user), "server.user", log);
    bool store = stays(same_text(a->store_path, b->store_path), "store.path", log);
    bool archive = stays(same_text(a->archive_path, b->archive_path), "archive.path", log);
    bool control = stays(same_text(a->control_path, b->control_path), "server.control", log);
    return user && store && archive && control;
}

static bool same_spans(const struct span *a, size_t a_count, const struct span *b, size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++)
        if (!span_equal(a[i], b[i]))
            return false;
    return true;
}

static bool same_readers(const struct keys *a, const struct keys *b)
{
    return same_spans(a->reader, a->reader_count, b->reader, b->reader_count);
}

static bool same_former_keys(const struct keys *a, const struct keys *b)
{
    if (a->former_count != b->former_count)
        return false;
    for (size_t i = 0; i < a->former_count; i++)
        if (!span_equal(a->former[i].certificate, b->former[i].certificate) ||
            !span_equal(a->former[i].private_key, b->former[i].private_key))
            return false;
    return true;
}

static bool same_keys(const struct generation *a, const struct generation *b)
{
    const struct keys *x = &a->keys, *y = &b->keys;
    return span_equal(x->certificate, y->certificate) && span_equal(x->private_key, y->private_key) &&
           same_former_keys(x, y) &&
           same_spans(x->anchor, x->anchor_count, y->anchor, y->anchor_count) &&
           same_spans(x->crl, x->crl_count, y->crl, y->crl_count) && a->config->window == b->config->window &&
           a->config->legacy == b->config->legacy;
}

static bool same_tls(const struct generation *a, const struct generation *b)
{
    const struct keys *x = &a->keys, *y = &b->keys;
    return a->config->tls_clients == b->config->tls_clients && span_equal(x->tls_private_key, y->tls_private_key) &&
           same_spans(x->tls_certificate, x->tls_certificate_count, y->tls_certificate, y->tls_certificate_count) &&
           same_spans(x->tls_anchor, x->tls_anchor_count, y->tls_anchor, y->tls_anchor_count) &&
           same_spans(x->tls_crl, x->tls_crl_count, y->tls_crl, y->tls_crl_count);
}

static bool same_names(const struct config *a, const struct config *b)
{
    return same_spans(a->name, a->name_count, b->name, b->name_count);
}

/* What vaults use of the limits. */
static bool same_allowance(const struct config *a, const struct config *b)
{
    return a->limits.new_certificates == b->limits.new_certificates &&
           a->limits.new_certificates_burst == b->limits.new_certificates_burst;
}

static bool same_log(const struct config *a, const struct config *b)
{
    return a->log_level == b->log_level && a->log_format == b->log_format;
}

bool generation_same_vaults(const struct generation *a, const struct generation *b)
{
    return a->config->vaults == b->config->vaults && same_log(a->config, b->config) &&
           same_allowance(a->config, b->config) && same_names(a->config, b->config) && same_keys(a, b) &&
           same_readers(&a->keys, &b->keys);
}

static bool same_listeners(const struct generation *a, const struct generation *b)
{
    if (a->config->listen_count != b->config->listen_count)
        return false;
    for (size_t i = 0; i < a->config->listen_count; i++)
        if (a->listener[i].number != b->listener[i].number)
            return false;
    return true;
}

static bool same_server(const struct generation *a, const struct generation *b)
{
    return same_names(a->config, b->config) && same_listeners(a, b) && a->config->vaults == b->config->vaults &&
           same_log(a->config, b->config);
}

/* Routes and the policy are the same when net is told the same of them. */
static bool same_told(void (*write)(struct writer *w, const void *what), const void *a, const void *b)
{
    uint8_t *room = malloc(2 * (size_t)IPC_MESSAGE_MAX);
    if (!room)
        return false;
    struct writer x = writer_over(room, IPC_MESSAGE_MAX), y = writer_over(room + IPC_MESSAGE_MAX, IPC_MESSAGE_MAX);
    write(&x, a);
    write(&y, b);
    bool same = span_equal(writer_span(&x), writer_span(&y));
    free(room);
    return same;
}

static void write_route(struct writer *w, const void *route)
{
    ipc_write_route(w, route);
}

static void write_policy(struct writer *w, const void *policy)
{
    ipc_write_policy(w, policy);
}

static bool same_routes(const struct config *a, const struct config *b)
{
    if (a->route_count != b->route_count)
        return false;
    for (size_t i = 0; i < a->route_count; i++)
        if (!same_told(write_route, &a->route[i], &b->route[i]))
            return false;
    return true;
}

static bool same_hep(const struct config *a, const struct config *b)
{
    return a->hep == b->hep && endpoint_same(&a->hep_to, &b->hep_to) && a->hep_id == b->hep_id &&
           span_equal(a->hep_password, b->hep_password) && a->hep_bodies == b->hep_bodies;
}

static bool same_policy_object(const struct generation *a, const struct generation *b)
{
    const struct policy_object_settings *x = &a->config->policy_object, *y = &b->config->policy_object;
    return span_equal(x->domain, y->domain) && x->expires_in == y->expires_in &&
           span_equal(a->keys.policy_object_certificate, b->keys.policy_object_certificate) &&
           span_equal(a->keys.policy_object_private_key, b->keys.policy_object_private_key);
}

void generation_write_changes(char out[GENERATION_CHANGES_MAX], const struct generation *a, const struct generation *b)
{
    const struct {
        const char *section;
        bool same;
    } parts[] = {
        {"server", same_server(a, b)},
        {"keys", same_keys(a, b)},
        {"tls", same_tls(a, b)},
        {"routes", same_routes(a->config, b->config)},
        {"policy", same_told(write_policy, &a->config->policy, &b->config->policy)},
        {"policy_object", same_policy_object(a, b)},
        {"archive", same_readers(&a->keys, &b->keys)},
        {"metrics", a->metrics.number == b->metrics.number && a->config->metrics == b->config->metrics},
        {"hep", same_hep(a->config, b->config)},
        {"limits", memcmp(&a->config->limits, &b->config->limits, sizeof a->config->limits) == 0},
    };
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!parts[i].same)
            len += (size_t)snprintf(out + len, GENERATION_CHANGES_MAX - len, "%s%s", len ? " " : "", parts[i].section);
}
