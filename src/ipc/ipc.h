/* Messages between the processes of sipseald (docs/architecture.md).
 *
 * SOCK_SEQPACKET socket pairs: one datagram is one message, a fixed header and fields that are read through a cursor.
 * Whoever reads trusts nobody: a message that is not well-formed ends the channel (RULE_IPC). Writing and reading of
 * one message stand side by side in one file. */
#ifndef SIPSEAL_IPC_IPC_H
#define SIPSEAL_IPC_IPC_H

#include "config/config.h"
#include "sipseal/arena.h"
#include "sipseal/bytes.h"
#include "sipseal/outline.h"
#include "sipseal/rule.h"
#include "sipseal/verdict.h"

enum {
    IPC_MESSAGE_MAX = 256 * 1024, /* one datagram, header included */
    IPC_SOCKET_BUFFER = 1024 * 1024,
    IPC_BATCH_MAX = 32, /* datagrams in one system call */
    IPC_FDS_MAX = CONFIG_LISTEN_MAX,
    IPC_HEADER_LEN = 16,
    IPC_CONTROL_FD = 3, /* a child's channel to the parent */
    IPC_RECORD_MAX = 224 * 1024, /* bytes of an archive record: it travels with a verdict */
    IPC_BLOB_MAX = CONFIG_CRL_MAX,
    IPC_AOR_MAX = 512,        /* bytes of an address-of-record */
    IPC_BINDING_MAX = 2560,   /* bytes of a binding as it is kept */
    IPC_USER_BINDINGS_MAX = 32,
    IPC_PAGE_MAX = 256,       /* bindings in one message */
    IPC_VAULT_JOBS_MAX = 4, /* that a vault has at once: as few as keep it busy, since they die with it */
    IPC_VAULTS_MAX = 2 * CONFIG_VAULTS_MAX, /* numbers of vaults: in a reload, old and new ones run side by side */
};

enum ipc_kind {
    /* parent to child, in this order; then the child answers IPC_READY or IPC_FAILED */
    IPC_SETUP_ANCHOR = 1, /* vault: one trust anchor, DER */
    IPC_SETUP_CRL,        /* vault: one revocation list, DER */
    IPC_SETUP_IDENTITY,   /* vault: certificate and private key, DER */
    IPC_SETUP_READER,     /* vault: the certificate of one reader of the archive */
    IPC_SETUP_VAULT,      /* vault: names, window, legacy, limits; ends its setup */
    IPC_SETUP_STORE,      /* store: paths; ends its setup */
    IPC_SETUP_LISTEN,     /* net: one listening socket, with its descriptor */
    IPC_SETUP_ROUTE,      /* net: one route */
    IPC_SETUP_POLICY,     /* net: the policy */
    IPC_SETUP_POLICY_OBJECT, /* net: the signed policy object that it hands out */
    IPC_SETUP_TLS_ANCHOR, /* net: one trust anchor for TLS, DER */
    IPC_SETUP_TLS_CRL,    /* net: one revocation list for TLS, DER */
    IPC_SETUP_TLS,        /* net: certificates, private key, what is asked of clients; ends what it is told of TLS */
    IPC_SETUP_NET,        /* net: names, limits, numbers of vaults; ends its setup. Later, when the configuration is
                             another one, net is told all of this again, and answers again */
    IPC_CHANNEL_VAULT,    /* net: the descriptor of a channel to vault number n, new or in place of a broken one.
                             vault: the descriptor of its channel to net */
    IPC_CHANNEL_STORE,    /* net: the descriptor of a channel to the store. store: of its channel to net */
    IPC_STOP,             /* finish what is under way and exit */
    /* child to parent */
    IPC_READY,
    IPC_FAILED, /* a rule: why setup failed */
    /* net and vault */
    IPC_EXAMINE,
    IPC_EXAMINED,
    /* net and store */
    IPC_ADMIT,
    IPC_ADMITTED,
    IPC_COMPLETE,
    /* parent to child */
    IPC_COUNTERS, /* log what was counted */
    IPC_REPORT,   /* tell what was counted */
    /* child to parent */
    IPC_REPORTED,
    /* parent to net, where metrics are configured */
    IPC_SETUP_METRICS, /* a part of its setup: the descriptor of the socket on which they are asked for */
    IPC_PROCESS,       /* how another process is, and what it has counted: again and again */
    /* parent to net, a part of its setup where messages are exported */
    IPC_SETUP_HEP, /* the descriptor of a UDP socket that is connected to the capture server, and what is told there */
    /* net and store */
    IPC_BIND,
    IPC_BOUND,
    IPC_LOAD,
    IPC_BINDINGS,
    /* parent to net */
    IPC_POLICY_OBJECT, /* another signed policy object, in place of the one that it has */
    IPC_KIND_LAST = IPC_POLICY_OBJECT,
};

struct ipc_header {
    uint16_t kind;
    uint16_t version; /* 1 */
    uint32_t length;  /* of the fields after the header */
    uint64_t job;     /* chosen by who asks, repeated by who answers; 0 where nothing is answered */
};

/* Every ipc_write_... writes one whole message, header included, into an empty writer, and leaves `w->full` set when it
 * does not fit or holds what cannot be written. Every ipc_read_... takes the fields that ipc_read_header left, checks
 * each of them, and breaks RULE_IPC when one is out of range or bytes are left over. Spans that are read point into the
 * datagram: who keeps them longer copies them. */

/* Begins a message in `w`; `ipc_end` writes its length. False when the message does not fit. */
void ipc_begin(struct writer *w, enum ipc_kind kind, uint64_t job);
bool ipc_end(struct writer *w);
/* Reads the header; `*fields` is what follows. RULE_IPC unless kind, length and version are right. */
enum rule ipc_read_header(struct span datagram, struct ipc_header *header, struct cursor *fields);

/* Messages without fields: IPC_READY, IPC_STOP, IPC_COUNTERS, IPC_REPORT. */
void ipc_write_bare(struct writer *w, enum ipc_kind kind);
enum rule ipc_read_bare(const struct cursor *fields);

/* --- the examination of one message: net asks a vault --- */

struct ipc_examine {
    int64_t now;
    uint64_t clock; /* monotonic milliseconds: for rates */
    uint64_t peer;  /* who sent it, as a number of net's that stands for it as long as net lives */
    bool proven;    /* the peer proved who it is; the others together count as one */
    bool archive; /* seal what is disclosed, or plain, for the archive's readers */
    struct outline_source source;
};
void ipc_write_examine(struct writer *w, uint64_t job, const struct ipc_examine *ask);
enum rule ipc_read_examine(struct cursor *fields, struct ipc_examine *ask);

struct ipc_examined {
    struct verdict verdict;
    struct span record; /* an archive_record (service/archive.h) to hand to the store as it is; empty: none */
};
void ipc_write_examined(struct writer *w, uint64_t job, const struct ipc_examined *answer);
enum rule ipc_read_examined(struct cursor *fields, struct ipc_examined *answer);

/* --- admission: net asks the store before it forwards --- */

struct ipc_replay {
    uint8_t key[32];
    int64_t expires; /* Date plus the window: until when it must be remembered */
};
struct ipc_admit {
    int64_t now;
    struct ipc_replay replay[VERDICT_PARTS_MAX]; /* refused when any is spent */
    size_t replay_count;
    struct span record; /* to be durable before the answer; empty: none */
};
void ipc_write_admit(struct writer *w, uint64_t job, const struct ipc_admit *ask);
enum rule ipc_read_admit(struct cursor *fields, struct ipc_admit *ask);

struct ipc_admitted {
    enum rule rule;    /* RULE_OK: durable, not replayed; RULE_REPLAY; RULE_STORE_GONE: not durable */
    int64_t record_id; /* of the archive record, also of the one that an honest copy already made; 0: none */
};
void ipc_write_admitted(struct writer *w, uint64_t job, const struct ipc_admitted *answer);
enum rule ipc_read_admitted(struct cursor *fields, struct ipc_admitted *answer);

/* What became of the message: its final response. Spends the replay keys when it is a 2xx. Not answered. */
struct ipc_complete {
    int64_t now;
    int64_t record_id; /* 0: none */
    uint32_t status;
    struct ipc_replay replay[VERDICT_PARTS_MAX];
    size_t replay_count;
};
void ipc_write_complete(struct writer *w, const struct ipc_complete *complete);
enum rule ipc_read_complete(struct cursor *fields, struct ipc_complete *complete);

/* --- who is registered: net asks the store to keep it, and to give it back --- */

/* One binding of a user. The store does not look into it. */
struct ipc_binding {
    struct span aor;
    int64_t expires; /* seconds since 1970: not kept longer */
    struct span record;
};

/* All the bindings of a user from now on, the first one first; none of before stays. `aor` of each is that of all. */
struct ipc_bind {
    int64_t now;
    struct span aor;
    struct ipc_binding binding[IPC_USER_BINDINGS_MAX];
    size_t count;
};
void ipc_write_bind(struct writer *w, uint64_t job, const struct ipc_bind *bind);
enum rule ipc_read_bind(struct cursor *fields, struct ipc_bind *bind);

/* RULE_OK: durable; RULE_STORE_GONE: not kept. */
void ipc_write_bound(struct writer *w, uint64_t job, enum rule rule);
enum rule ipc_read_bound(struct cursor *fields, enum rule *rule);

/* What is kept of users behind `after` (in the order of their bytes; empty: of all) and has not expired. */
struct ipc_load {
    int64_t now;
    struct span after;
};
void ipc_write_load(struct writer *w, const struct ipc_load *load);
enum rule ipc_read_load(struct cursor *fields, struct ipc_load *load);

/* As many as fit, all those of a user together, in that order. */
struct ipc_bindings {
    enum rule rule; /* RULE_STORE_GONE: they cannot be read */
    bool last;      /* there are no more */
    struct ipc_binding binding[IPC_PAGE_MAX];
    size_t count;
};
void ipc_write_bindings(struct writer *w, const struct ipc_bindings *page);
enum rule ipc_read_bindings(struct cursor *fields, struct ipc_bindings *page);

/* --- setup --- */

void ipc_write_blob(struct writer *w, enum ipc_kind kind, struct span blob); /* ANCHOR, CRL, READER, TLS_..., POLICY_OBJECT */
enum rule ipc_read_blob(struct cursor *fields, struct span *blob);
void ipc_write_identity(struct writer *w, struct span certificate_der, struct span key_der);
enum rule ipc_read_identity(struct cursor *fields, struct span *certificate_der, struct span *key_der);

/* Certificates and the private key for TLS: `own` points into the datagram, which is to be wiped. */
struct ipc_tls_setup {
    struct tls_own own;
    enum tls_clients clients;
};
void ipc_write_tls_setup(struct writer *w, const struct ipc_tls_setup *setup);
enum rule ipc_read_tls_setup(struct cursor *fields, struct ipc_tls_setup *setup);

struct ipc_vault_setup {
    struct span name[MIDDLE_NAMES_MAX];
    size_t name_count;
    struct limits limits;
    int64_t window;
    unsigned legacy; /* enum cms_legacy */
};
void ipc_write_vault_setup(struct writer *w, const struct ipc_vault_setup *setup);
enum rule ipc_read_vault_setup(struct cursor *fields, struct ipc_vault_setup *setup);

struct ipc_store_setup {
    struct span store_path;
    struct span archive_path; /* empty: no archive */
};
void ipc_write_store_setup(struct writer *w, const struct ipc_store_setup *setup);
enum rule ipc_read_store_setup(struct cursor *fields, struct ipc_store_setup *setup);

/* `number` names the socket for as long as the parent runs: net keeps the one that it has of that number. */
void ipc_write_listen(struct writer *w, uint32_t number, const struct hop *hop);
enum rule ipc_read_listen(struct cursor *fields, uint32_t *number, struct hop *hop);

/* `number` as above, with the listening socket for metrics. */
void ipc_write_metrics_setup(struct writer *w, uint32_t number);
enum rule ipc_read_metrics_setup(struct cursor *fields, uint32_t *number);

struct ipc_hep_setup {
    uint32_t id;
    struct span password; /* empty: none */
    bool bodies;          /* messages as they are; else without content and credentials */
};
void ipc_write_hep_setup(struct writer *w, const struct ipc_hep_setup *setup);
enum rule ipc_read_hep_setup(struct cursor *fields, struct ipc_hep_setup *setup);

void ipc_write_route(struct writer *w, const struct route *route);
enum rule ipc_read_route(struct cursor *fields, struct route *route);

void ipc_write_policy(struct writer *w, const struct policy *policy);
enum rule ipc_read_policy(struct cursor *fields, struct policy *policy);

struct ipc_net_setup {
    struct span name[MIDDLE_NAMES_MAX];
    size_t name_count;
    struct limits limits;
    uint64_t vaults;    /* bit n: vault number n is one to ask. 0: no keys are configured */
    uint32_t log_level; /* an enum log_level (daemon/log.h) */
    uint32_t log_format; /* an enum log_format */
    bool archive;      /* an archive is configured */
    bool keep_bindings; /* the store keeps who is registered */
    int64_t window;
};
void ipc_write_net_setup(struct writer *w, const struct ipc_net_setup *setup);
enum rule ipc_read_net_setup(struct cursor *fields, struct ipc_net_setup *setup);

void ipc_write_channel(struct writer *w, enum ipc_kind kind, uint32_t number);
enum rule ipc_read_channel(struct cursor *fields, uint32_t *number);

void ipc_write_failed(struct writer *w, enum rule rule);
enum rule ipc_read_failed(struct cursor *fields, enum rule *rule);

/* --- what was counted: IPC_REPORTED, one counter after the other between ipc_begin and ipc_end_report --- */

enum {
    IPC_COUNTER_NAME_MAX = 64,    /* bytes of the name of a counter, and of its group */
    IPC_REPORT_MAX = 24 * 1024, /* bytes of the counters of one process */
};
struct ipc_counter {
    struct span group, name; /* words of [a-z0-9_] */
    uint64_t value;
};
void ipc_write_counter(struct writer *w, const struct ipc_counter *counter);
void ipc_end_report(struct writer *w);
/* `counters`: all of them, each checked, for ipc_next_counter. */
enum rule ipc_read_report(struct cursor *fields, struct span *counters);
/* The next of those; false at the end. */
bool ipc_next_counter(struct cursor *counters, struct ipc_counter *counter);

/* How a process is, for the metrics. */
struct ipc_process {
    struct span name;   /* "vault-1": of [a-z0-9-] */
    bool up;            /* it is at work */
    uint32_t restarts;
    int64_t started_at; /* seconds since 1970; 0: it does not run */
    bool reported;      /* it has told what it counted, */
    uint32_t age_ms;    /* so long ago: */
    struct span counters;
};
enum { IPC_PROCESS_NAME_MAX = 24 };
void ipc_write_process(struct writer *w, const struct ipc_process *process);
enum rule ipc_read_process(struct cursor *fields, struct ipc_process *process);

/* --- the sockets (channel.c) --- */

/* A pair of connected SOCK_SEQPACKET sockets, close-on-exec, blocking, with send buffers that take IPC_MESSAGE_MAX (up
 * to IPC_SOCKET_BUFFER where the system allows it). False leaves errno. */
bool channel_pair(int fd[2]);

enum channel_result { CHANNEL_DONE, CHANNEL_AGAIN, CHANNEL_CLOSED };

/* Sends one datagram with descriptors, which stay open here. CHANNEL_AGAIN when it would block on a non-blocking
 * socket. CHANNEL_CLOSED also for what can never be sent: an empty datagram, one over IPC_MESSAGE_MAX. */
enum channel_result channel_send(int fd, struct span datagram, const int *fds, size_t fd_count);
/* Receives one datagram into `buffer` (IPC_MESSAGE_MAX bytes). A truncated one, or one with more descriptors than
 * `fd_max`, closes the channel (CHANNEL_CLOSED, every descriptor that came is closed; the caller closes `fd`).
 * Descriptors that come along are close-on-exec and the caller's. With `fd_max` 0, `fds` and `fd_count` may be null. */
enum channel_result channel_receive(int fd, uint8_t *buffer, size_t buffer_len, struct span *datagram, int *fds,
                                    size_t fd_max, size_t *fd_count);

/* The same for several datagrams in one system call, without descriptors; neither blocks. `*done` counts those that
 * were sent or received, also when the result is that the next one would block or that the channel is closed. At most
 * IPC_BATCH_MAX are taken; what is received lies in `buffer`, `max` times IPC_MESSAGE_MAX bytes, of which only those
 * that are written to become memory. A datagram with descriptors closes the channel. */
enum channel_result channel_send_many(int fd, const struct span *datagram, size_t count, size_t *done);
/* All of them, to an end that reads at all times: waits for moments. False when the channel is closed. */
bool channel_send_all(int fd, const struct span *datagram, size_t count);
enum channel_result channel_receive_many(int fd, uint8_t *buffer, struct span *datagram, size_t max, size_t *done);

/* A child tells the parent over IPC_CONTROL_FD how its setup ended: IPC_READY for RULE_OK, else IPC_FAILED with the
 * rule. False when it could not be told. */
bool channel_tell_parent(enum rule rule);

#endif
