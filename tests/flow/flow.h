/* The interpreter of flow scripts (docs/testing-flows.md): it drives the proxy core with what a script says arrives,
 * and compares what leaves with what the script says must. No sockets, no waiting: time is the script's. */
#ifndef SIPSEAL_TESTS_FLOW_FLOW_H
#define SIPSEAL_TESTS_FLOW_FLOW_H

#include "proxy/proxy.h"

enum {
    WORDS_MAX = 24,
    BLOCK_MAX = 192 * 1024,
    PROXIES_MAX = 4,
    SEEN_MAX = 256,
    CONNECTIONS_MAX = 64,
    SOCKETS_MAX = 16,
    VARIABLES_MAX = 64,
    NAME_MAX_LEN = 64,
    VALUE_MAX = 512,
    KEPT_MAX = 32,
    RESTART_MONOTONIC_MS = 5000, /* what the monotonic clock says after a restart */
};

/* --- script.c: a file of statements --- */

struct statement {
    unsigned line;
    char *word[WORDS_MAX]; /* quotes removed */
    size_t count;
    char *block;     /* the lines that follow with "|", each ended by a line feed; empty: none */
    bool has_block;
};

struct script {
    char *text;
    char *at; /* what has not been read */
    unsigned line;
    char *block;
};

bool script_open(struct script *s, const char *path);
void script_close(struct script *s);
/* The next statement; false at the end. */
bool script_next(struct script *s, struct statement *out);
/* "name=value" among the words; null when it is not there. */
const char *statement_option(const struct statement *s, const char *name);
bool statement_flag(const struct statement *s, const char *name);

/* --- the state of one run --- */

/* Something that the proxy did and the script has not accounted for yet. */
struct seen {
    struct proxy_action action;
    uint8_t *bytes;
    uint64_t job; /* of a question */
};

struct connection {
    struct hop remote;
    uint64_t flow;
    bool open;
};

/* One proxy of the script. */
struct station {
    struct span name[MIDDLE_NAMES_MAX];
    size_t name_count;
    struct hop listen[CONFIG_LISTEN_MAX];
    uint64_t listen_flow[CONFIG_LISTEN_MAX];
    size_t listen_count;
    struct socket { /* UDP, also those that are configured no more */
        struct hop hop;
        uint64_t flow;
        bool leaving;
    } socket[SOCKETS_MAX];
    size_t socket_count;
    struct route route[8];
    size_t route_count;
    struct policy policy;
    struct proxy_settings settings;
    struct proxy *proxy; /* null until the first statement that is not configuration */
    bool reconfiguring;  /* what follows is the new configuration */
    uint64_t random;
    struct connection connection[CONNECTIONS_MAX];
    size_t connection_count;
    struct seen seen[SEEN_MAX];
    size_t seen_count;
    uint64_t last_transaction; /* of the send accounted for last */
    struct kept_bytes { /* the bindings of a user, as the store was asked to keep them */
        uint8_t *bytes;
        size_t len;
    } kept[KEPT_MAX], asked[KEPT_MAX]; /* that it has; of questions */
    size_t kept_count, asked_count;
    char load_after[IPC_AOR_MAX + 1];
};

struct variable {
    char name[NAME_MAX_LEN];
    char value[VALUE_MAX];
};

struct flow {
    const char *path;
    struct statement statement;
    struct station station[PROXIES_MAX];
    size_t station_count;
    struct station *current;
    struct variable variable[VARIABLES_MAX];
    size_t variable_count;
    struct proxy_time now;
    uint64_t next_flow;
    struct { /* the last message that left for an address, for "again" */
        struct hop hop;
        uint8_t *bytes;
        size_t len;
    } last[CONNECTIONS_MAX];
    size_t last_count;
    struct arena arena; /* what the configuration borrows */
    uint8_t *kept;      /* the message of the last "message" statement */
    size_t kept_len;
    const char *folder; /* where each such message is written to; null: nowhere */
    unsigned written;
    char reason[4096];
};

/* Notes why the script fails, with its line; returns false. */
bool flow_fail(struct flow *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- message.c: messages as scripts write them --- */

/* The block as a message: lines end in CRLF, {names} are put in, "Content-Length: auto" is counted. */
bool message_compose(struct flow *f, const char *block, uint8_t *out, size_t cap, size_t *len);
/* Whether a message is what the block says; binds names that are new. */
bool message_match(struct flow *f, const char *block, struct span message);
const char *variable_get(const struct flow *f, const char *name);
bool variable_set(struct flow *f, const char *name, struct span value);

/* --- station.c: the proxies, and what they do --- */

bool station_configure(struct flow *f, bool *known);
bool station_start(struct flow *f, struct station *s);
/* Begins another configuration: names and limits stay; listeners, routes and rules are named anew. station_start gives
 * it to the proxy. */
void station_reconfigure(struct station *s);
void station_free(struct station *s);
/* Takes every action that the proxy has for its shell. */
bool station_drain(struct flow *f, struct station *s);
/* Fails when something is not accounted for. */
bool station_settled(struct flow *f, const struct station *s);
struct connection *station_connection(struct flow *f, struct station *s, const struct hop *remote);
/* Where a message leaves for: over an open connection, else to the hop. */
struct hop station_destination(const struct station *s, const struct proxy_action *action);
void station_forget(struct station *s, size_t seen);
bool hop_read(struct flow *f, const char *transport, const char *address, struct hop *hop);
void hop_print(const struct hop *hop, char *out, size_t len);

/* --- values.c: a message's values by name --- */

struct message_outline;
struct value_room { /* where a number is written */
    uint8_t text[24];
};
/* False when the message has no value of this name. The value points into the message, or into the room. */
bool value_named(const struct sip_message *m, const struct message_outline *outline, const char *name,
                 struct value_room *room, struct span *value);

/* --- inputs.c, expectations.c, corpus.c: statements --- */

bool input_statement(struct flow *f, bool *known);
bool expectation_statement(struct flow *f, bool *known);
bool corpus_statement(struct flow *f, bool *known);

/* --- bindings.c: what the store keeps of who is registered --- */

bool bindings_statement(struct flow *f, bool *known);
void station_forget_kept(struct station *s);

/* --- verdict.c --- */

/* The block of "vault N answers" as a verdict. */
bool verdict_compose(struct flow *f, const char *block, struct verdict *verdict);

#endif
