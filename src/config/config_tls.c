/* tls: with what the server proves who it is to the other ends of TLS connections, and whom it believes there. */
#include "config/config_reader.h"

void read_tls(struct config_reader *r, struct yaml_value v)
{
    static const char *const words[] = {"none", "optional", "required"};
    struct config *c = r->config;
    struct yaml_map m = yaml_map_of(v);
    unsigned clients = TLS_CLIENTS_OPTIONAL;
    r->tls = v;
    r->tls_certificate = yaml_key(&m, "certificate", YAML_REQUIRED);
    r->tls_private_key = yaml_key(&m, "private_key", YAML_REQUIRED);
    r->tls_trust = yaml_key(&m, "trust", YAML_REQUIRED);
    read_path(r, r->tls_certificate, &c->tls_certificate_path);
    read_path(r, r->tls_private_key, &c->tls_private_key_path);
    read_path(r, r->tls_trust, &c->tls_trust_path);
    yaml_choice(yaml_key(&m, "clients", YAML_OPTIONAL), words, sizeof words / sizeof *words, &clients);
    c->tls_clients = (enum tls_clients)clients;
    yaml_map_end(&m);
}

static bool uses_tls(const struct config *c)
{
    for (size_t i = 0; i < c->listen_count; i++)
        if (c->listen[i].transport == SIP_TLS)
            return true;
    return false; /* a route to a next server over TLS needs a socket that listens for TLS: check_next */
}

void check_tls(struct config_reader *r)
{
    if (uses_tls(r->config) && !yaml_given(r->tls))
        yaml_fault(r->listen,
                   "has an entry for TLS, which needs a section tls with certificate, private_key and trust; "
                   "add it, or remove the entry");
}
