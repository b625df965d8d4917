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

static enum rule take_end(struct net_tls *t, struct cursor *fields, bool *whole)
{
    struct ipc_tls_setup setup;
    enum rule rule = ipc_read_tls_setup(fields, &setup);
    if (rule == RULE_OK)
        rule = tls_context_present(t->making, &setup.own);
    if (rule != RULE_OK)
        return rule;
    tls_context_release(t->made);
    t->made = t->making;
    t->making = NULL;
    t->clients = setup.clients;
    *whole = true;
    return RULE_OK;
}

enum rule net_tls_take(struct net_tls *t, uint16_t kind, struct cursor *fields, bool *whole)
{
    *whole = false;
    if (!t->making && !(t->making = tls_context_new()))
        return RULE_NO_MEMORY;
    enum rule rule = kind == IPC_SETUP_TLS ? take_end(t, fields, whole) : take_blob(t->making, kind, fields);
    if (rule != RULE_OK) {
        tls_context_release(t->making);
        t->making = NULL;
    }
    return rule;
}

void net_tls_free(struct net_tls *t)
{
    tls_context_release(t->making);
    tls_context_release(t->made);
    *t = (struct net_tls){0};
}
