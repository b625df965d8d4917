#include "daemon/net_tls.h"

bool net_tls_is_about(uint16_t kind)
{
    return kind == IPC_SETUP_TLS_ANCHOR || kind == IPC_SETUP_TLS_CRL || kind == IPC_SETUP_TLS;
}

static enum rule take_blob(struct tls_context *c, uint16_t kind, struct cursor *fields)
{
    struct span der;
    enum rule rule = ipc_read_blob(fields, &der);
    if (rule != RULE_OK)
        return rule;
    return kind == IPC_SETUP_TLS_ANCHOR ? tls_context_add_anchor(c, der) : tls_context_add_crl(c, der);
}

static enum rule take_end(struct net_tls *t, struct cursor *fields)
{
    struct ipc_tls_setup setup;
    enum rule rule = ipc_read_tls_setup(fields, &setup);
    if (rule == RULE_OK)
        rule = tls_context_present(t->making, &setup.own);
    if (rule == RULE_OK)
        t->clients = setup.clients;
    return rule;
}

/* The end of one telling: what was made takes the place of what there was, or goes. */
static void conclude(struct net_tls *t)
{
    bool good = t->refused == RULE_OK;
    tls_context_release(good ? t->made : t->making);
    if (good)
        t->made = t->making;
    t->making = NULL;
    t->refused = RULE_OK;
}

enum rule net_tls_take(struct net_tls *t, uint16_t kind, struct cursor *fields, bool *whole)
{
    bool last = kind == IPC_SETUP_TLS;
    if (!t->making && !(t->making = tls_context_new()))
        t->refused = RULE_NO_MEMORY;
    if (t->refused == RULE_OK)
        t->refused = last ? take_end(t, fields) : take_blob(t->making, kind, fields);
    enum rule rule = t->refused;
    *whole = last && rule == RULE_OK;
    if (last)
        conclude(t);
    return rule;
}

void net_tls_free(struct net_tls *t)
{
    tls_context_release(t->making);
    tls_context_release(t->made);
    *t = (struct net_tls){0};
}
