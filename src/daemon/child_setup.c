#include "daemon/child_setup.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "daemon/policy_signer.h"
#include "sipseal/policy_object.h"

/* The larger of the two: a vault's identity, and what net is told of TLS. */
enum { SECRET_MESSAGE_MAX = IPC_HEADER_LEN + 16 + (4 + CERTIFICATE_MAX) * TLS_CHAIN_MAX + CONFIG_KEY_MAX };

bool setup_open(struct setup *s)
{
    s->room = malloc(IPC_MESSAGE_MAX);
    return s->room && locked_open(&s->secret, SECRET_MESSAGE_MAX);
}

void setup_close(struct setup *s)
{
    locked_close(&s->secret);
    free(s->room);
    s->room = NULL;
}

static struct writer message(struct setup *s)
{
    return writer_over(s->room, IPC_MESSAGE_MAX);
}

/* --- store --- */

bool setup_store(struct setup *s, struct child *store)
{
    struct writer w = message(s);
    const struct ipc_store_setup what = {
        .store_path = span_text(s->config->store_path),
        .archive_path = span_text(s->config->archive_path),
    };
    ipc_write_store_setup(&w, &what);
    return child_send(store, &w, -1, s->log);
}

/* --- vault --- */

static bool send_blobs(struct setup *s, struct child *child, enum ipc_kind kind, const struct span *blob, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct writer w = message(s);
        ipc_write_blob(&w, kind, blob[i]);
        if (!child_send(child, &w, -1, s->log))
            return false;
    }
    return true;
}

static bool send_identity(struct setup *s, struct child *vault, struct span certificate, struct span private_key)
{
    struct writer w = writer_over(s->secret.at, s->secret.len);
    ipc_write_identity(&w, certificate, private_key);
    bool sent = child_send(vault, &w, -1, s->log);
    bytes_wipe(s->secret.at, s->secret.len);
    return sent;
}

static bool send_identities(struct setup *s, struct child *vault)
{
    const struct keys *k = s->keys;
    bool sent = send_identity(s, vault, k->certificate, k->private_key);
    for (size_t i = 0; sent && i < k->former_count; i++)
        sent = send_identity(s, vault, k->former[i].certificate, k->former[i].private_key);
    return sent;
}

bool setup_vault(struct setup *s, struct child *vault)
{
    const struct keys *k = s->keys;
    const struct config *c = s->config;
    if (!send_blobs(s, vault, IPC_SETUP_ANCHOR, k->anchor, k->anchor_count) ||
        !send_blobs(s, vault, IPC_SETUP_CRL, k->crl, k->crl_count) || !send_identities(s, vault) ||
        !send_blobs(s, vault, IPC_SETUP_READER, k->reader, k->reader_count))
        return false;
    struct ipc_vault_setup what = {
        .name_count = c->name_count, .limits = c->limits, .window = c->window, .legacy = c->legacy};
    memcpy(what.name, c->name, sizeof what.name);
    struct writer w = message(s);
    ipc_write_vault_setup(&w, &what);
    return child_send(vault, &w, -1, s->log);
}

/* --- net --- */

static bool send_listeners(struct setup *s, struct child *net)
{
    for (size_t i = 0; i < s->config->listen_count; i++) {
        struct writer w = message(s);
        ipc_write_listen(&w, s->listener[i].number, &s->listener[i].hop);
        if (!child_send(net, &w, s->listener[i].fd, s->log))
            return false;
    }
    return true;
}

static bool send_metrics(struct setup *s, struct child *net)
{
    if (!s->config->metrics)
        return true;
    struct writer w = message(s);
    ipc_write_metrics_setup(&w, s->metrics->number);
    return child_send(net, &w, s->metrics->fd, s->log);
}

/* The password is none of those that let somebody in here: it goes over the wire as it is. */
static bool send_hep(struct setup *s, struct child *net)
{
    const struct config *c = s->config;
    if (!c->hep)
        return true;
    struct writer w = message(s);
    ipc_write_hep_setup(&w, &(struct ipc_hep_setup){c->hep_id, c->hep_password, c->hep_bodies == CONFIG_BODIES_WIRE});
    return child_send(net, &w, s->hep, s->log);
}

static bool send_routes(struct setup *s, struct child *net)
{
    for (size_t i = 0; i < s->config->route_count; i++) {
        struct writer w = message(s);
        ipc_write_route(&w, &s->config->route[i]);
        if (!child_send(net, &w, -1, s->log))
            return false;
    }
    return true;
}

static bool send_policy(struct setup *s, struct child *net)
{
    struct writer w = message(s);
    ipc_write_policy(&w, &s->config->policy);
    return child_send(net, &w, -1, s->log);
}

/* Without one net refuses as well as with one: a policy object that cannot be made is told, and goes without. */
static bool send_policy_object(struct setup *s, struct child *net, enum ipc_kind kind)
{
    struct span der;
    if (s->config->policy_object.domain.len == 0)
        return true;
    uint8_t *room = malloc(POLICY_OBJECT_BYTES_MAX);
    enum rule rule = room ? policy_signer_run(s->config, s->keys, (int64_t)time(NULL), room, &der) : RULE_NO_MEMORY;
    bool sent = true;
    if (rule == RULE_OK) {
        struct writer w = message(s);
        ipc_write_blob(&w, kind, der);
        sent = child_send(net, &w, -1, s->log);
        LOG(s->log, LOG_LEVEL_INFO, "policy-object", log_number("bytes", (int64_t)der.len));
    } else {
        LOG(s->log, LOG_LEVEL_ERROR, "no-policy-object", log_rule(rule),
            log_word("advice", "senders are not told what is asked of them; look at policy_object"));
    }
    free(room);
    return sent;
}

bool setup_renew_policy_object(struct setup *s, struct child *net)
{
    return send_policy_object(s, net, IPC_POLICY_OBJECT);
}

/* The keys for TLS go to net, and those for messages never. */
static bool send_tls(struct setup *s, struct child *net)
{
    const struct keys *k = s->keys;
    if (k->tls_certificate_count == 0)
        return true;
    if (!send_blobs(s, net, IPC_SETUP_TLS_ANCHOR, k->tls_anchor, k->tls_anchor_count) ||
        !send_blobs(s, net, IPC_SETUP_TLS_CRL, k->tls_crl, k->tls_crl_count))
        return false;
    struct ipc_tls_setup what = {.clients = s->config->tls_clients};
    memcpy(what.own.certificate, k->tls_certificate, sizeof what.own.certificate);
    what.own.certificate_count = k->tls_certificate_count;
    what.own.private_key = k->tls_private_key;
    struct writer w = writer_over(s->secret.at, s->secret.len);
    ipc_write_tls_setup(&w, &what);
    bool sent = child_send(net, &w, -1, s->log);
    bytes_wipe(s->secret.at, s->secret.len);
    return sent;
}

bool setup_net(struct setup *s, struct child *net)
{
    const struct config *c = s->config;
    if (!send_listeners(s, net) || !send_metrics(s, net) || !send_hep(s, net) || !send_routes(s, net) ||
        !send_policy(s, net) || !send_policy_object(s, net, IPC_SETUP_POLICY_OBJECT) || !send_tls(s, net))
        return false;
    struct ipc_net_setup what = {
        .name_count = c->name_count,
        .limits = c->limits,
        .vaults = s->vaults,
        .log_level = s->level,
        .log_format = s->format,
        .archive = c->archive_path != NULL,
        .keep_bindings = c->store_path != NULL,
        .window = c->window,
    };
    memcpy(what.name, c->name, sizeof what.name);
    struct writer w = message(s);
    ipc_write_net_setup(&w, &what);
    return child_send(net, &w, -1, s->log);
}

bool setup_process(struct setup *s, struct child *net, const struct ipc_process *process)
{
    struct writer w = message(s);
    ipc_write_process(&w, process);
    return child_send(net, &w, -1, s->log);
}

/* --- channels --- */

bool setup_channel(struct setup *s, struct child *net, struct child *peer)
{
    enum ipc_kind kind = peer->kind == CHILD_STORE ? IPC_CHANNEL_STORE : IPC_CHANNEL_VAULT;
    int pair[2];
    if (!channel_pair(pair)) {
        LOG(s->log, LOG_LEVEL_ERROR, "cannot-connect", log_word("child", peer->name),
            log_word("reason", strerror(errno)));
        return false;
    }
    struct writer w = message(s);
    ipc_write_channel(&w, kind, peer->number);
    bool sent = child_send(peer, &w, pair[1], s->log) && child_send(net, &w, pair[0], s->log);
    close(pair[0]);
    close(pair[1]);
    return sent;
}

static bool tell(struct setup *s, struct child *c, enum ipc_kind kind)
{
    struct writer w = message(s);
    ipc_write_bare(&w, kind);
    return child_send(c, &w, -1, s->log);
}

bool setup_stop(struct setup *s, struct child *c)
{
    return tell(s, c, IPC_STOP);
}

bool setup_ask_counters(struct setup *s, struct child *c)
{
    return tell(s, c, IPC_COUNTERS);
}

bool setup_ask_report(struct setup *s, struct child *c)
{
    return tell(s, c, IPC_REPORT);
}
