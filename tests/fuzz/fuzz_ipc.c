/* Messages between processes: each is refused, or read as exactly what its bytes say, so that writing it again gives
 * the same bytes. */
#include <stdlib.h>

#include "ipc/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t room[IPC_MESSAGE_MAX];

static void again_setup(struct writer *w, uint16_t kind, struct cursor *c)
{
    struct span a, b;
    struct ipc_vault_setup vault;
    struct ipc_store_setup store;
    struct ipc_net_setup net;
    if (kind == IPC_SETUP_IDENTITY && ipc_read_identity(c, &a, &b) == RULE_OK)
        ipc_write_identity(w, a, b);
    else if (kind == IPC_SETUP_VAULT && ipc_read_vault_setup(c, &vault) == RULE_OK)
        ipc_write_vault_setup(w, &vault);
    else if (kind == IPC_SETUP_STORE && ipc_read_store_setup(c, &store) == RULE_OK)
        ipc_write_store_setup(w, &store);
    else if (kind == IPC_SETUP_NET && ipc_read_net_setup(c, &net) == RULE_OK)
        ipc_write_net_setup(w, &net);
    else if (kind <= IPC_SETUP_READER && kind != IPC_SETUP_IDENTITY && ipc_read_blob(c, &a) == RULE_OK)
        ipc_write_blob(w, (enum ipc_kind)kind, a);
}

static void again_routing(struct writer *w, uint16_t kind, struct cursor *c)
{
    static struct policy policy;
    struct hop hop;
    uint32_t number;
    struct route route;
    if (kind == IPC_SETUP_LISTEN && ipc_read_listen(c, &number, &hop) == RULE_OK)
        ipc_write_listen(w, number, &hop);
    else if (kind == IPC_SETUP_ROUTE && ipc_read_route(c, &route) == RULE_OK)
        ipc_write_route(w, &route);
    else if (kind == IPC_SETUP_POLICY && ipc_read_policy(c, &policy) == RULE_OK)
        ipc_write_policy(w, &policy);
}

static void again_report(struct writer *w, struct span counters)
{
    struct cursor c = cursor_over(counters);
    struct ipc_counter counter;
    ipc_begin(w, IPC_REPORTED, 0);
    while (ipc_next_counter(&c, &counter))
        ipc_write_counter(w, &counter);
    ipc_end_report(w);
}

static void again_control(struct writer *w, uint16_t kind, struct cursor *c)
{
    uint32_t number;
    enum rule rule;
    struct span der;
    struct ipc_tls_setup tls;
    struct ipc_process process;
    struct ipc_hep_setup hep;
    if (kind == IPC_SETUP_TLS && ipc_read_tls_setup(c, &tls) == RULE_OK)
        ipc_write_tls_setup(w, &tls);
    else if ((kind == IPC_SETUP_TLS_ANCHOR || kind == IPC_SETUP_TLS_CRL) && ipc_read_blob(c, &der) == RULE_OK)
        ipc_write_blob(w, (enum ipc_kind)kind, der);
    else if ((kind == IPC_CHANNEL_VAULT || kind == IPC_CHANNEL_STORE) && ipc_read_channel(c, &number) == RULE_OK)
        ipc_write_channel(w, (enum ipc_kind)kind, number);
    else if ((kind == IPC_STOP || kind == IPC_READY || kind == IPC_COUNTERS || kind == IPC_REPORT) &&
             ipc_read_bare(c) == RULE_OK)
        ipc_write_bare(w, (enum ipc_kind)kind);
    else if (kind == IPC_REPORTED && ipc_read_report(c, &der) == RULE_OK)
        again_report(w, der);
    else if (kind == IPC_PROCESS && ipc_read_process(c, &process) == RULE_OK)
        ipc_write_process(w, &process);
    else if (kind == IPC_SETUP_METRICS && ipc_read_metrics_setup(c, &number) == RULE_OK)
        ipc_write_metrics_setup(w, number);
    else if (kind == IPC_SETUP_HEP && ipc_read_hep_setup(c, &hep) == RULE_OK)
        ipc_write_hep_setup(w, &hep);
    else if (kind == IPC_FAILED && ipc_read_failed(c, &rule) == RULE_OK)
        ipc_write_failed(w, rule);
}

static void again_job(struct writer *w, const struct ipc_header *header, struct cursor *c)
{
    static struct ipc_examined examined;
    struct ipc_examine examine;
    struct ipc_admit admit;
    struct ipc_admitted admitted;
    struct ipc_complete complete;
    if (header->kind == IPC_EXAMINE && ipc_read_examine(c, &examine) == RULE_OK)
        ipc_write_examine(w, header->job, &examine);
    else if (header->kind == IPC_EXAMINED && ipc_read_examined(c, &examined) == RULE_OK)
        ipc_write_examined(w, header->job, &examined);
    else if (header->kind == IPC_ADMIT && ipc_read_admit(c, &admit) == RULE_OK)
        ipc_write_admit(w, header->job, &admit);
    else if (header->kind == IPC_ADMITTED && ipc_read_admitted(c, &admitted) == RULE_OK)
        ipc_write_admitted(w, header->job, &admitted);
    else if (header->kind == IPC_COMPLETE && ipc_read_complete(c, &complete) == RULE_OK)
        ipc_write_complete(w, &complete);
}

static void again_bindings(struct writer *w, const struct ipc_header *header, struct cursor *c)
{
    static struct ipc_bindings page;
    struct ipc_bind bind;
    struct ipc_load load;
    enum rule rule;
    if (header->kind == IPC_BIND && ipc_read_bind(c, &bind) == RULE_OK)
        ipc_write_bind(w, header->job, &bind);
    else if (header->kind == IPC_BOUND && ipc_read_bound(c, &rule) == RULE_OK)
        ipc_write_bound(w, header->job, rule);
    else if (header->kind == IPC_LOAD && ipc_read_load(c, &load) == RULE_OK)
        ipc_write_load(w, &load);
    else if (header->kind == IPC_BINDINGS && ipc_read_bindings(c, &page) == RULE_OK)
        ipc_write_bindings(w, &page);
}

static bool has_job(uint16_t kind)
{
    return (kind >= IPC_EXAMINE && kind <= IPC_ADMITTED) || kind == IPC_BIND || kind == IPC_BOUND;
}

/* The first byte chooses the kind, the others are the fields: a right header is not for a fuzzer to find. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ipc_header header;
    struct cursor fields;
    struct writer w = writer_over(room, sizeof room);
    if (size == 0 || size > IPC_MESSAGE_MAX - IPC_HEADER_LEN)
        return 0;
    struct writer datagram = writer_over(malloc(IPC_HEADER_LEN + size - 1), IPC_HEADER_LEN + size - 1);
    uint16_t kind = (uint16_t)(data[0] % IPC_KIND_LAST + 1);
    ipc_begin(&datagram, (enum ipc_kind)kind, has_job(kind) ? size : 0);
    writer_put(&datagram, span_of(data + 1, size - 1));
    if (!ipc_end(&datagram) || ipc_read_header(writer_span(&datagram), &header, &fields) != RULE_OK)
        abort();
    again_setup(&w, header.kind, &fields);
    again_routing(&w, header.kind, &fields);
    again_control(&w, header.kind, &fields);
    again_job(&w, &header, &fields);
    again_bindings(&w, &header, &fields);
    if (w.full || (w.len && !span_equal(writer_span(&w), writer_span(&datagram))))
        abort();
    free(datagram.at);
    return 0;
}
