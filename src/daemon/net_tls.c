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

enum rule net_tls_take(struct net_tls *t, uint16_t kind, struct cursor *fields)
{
    if (!t->making && !(t->making = tls_context_new()))
        return RULE_NO_MEMORY;
    if (kind != IPC_SETUP_TLS)
        return take_blob(t->making, kind, fields);
    enum rule rule = take_end(t, fields);
    if (rule != RULE_OK)
        return rule;
    tls_context_release(t->made);
    t->made = t->making;
    t->making = NULL;
    return RULE_OK;
}

void net_tls_free(struct net_tls *t)
{
    tls_context_release(t->making);
    tls_context_release(t->made);
    *t = (struct net_tls){0};
}
