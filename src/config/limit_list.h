/* The limits that a configuration can set (docs/limits.md lists all there are). Each is named here once: the schema of
 * the section `limits`, the messages between processes and the tests of documentation are made from this list. */
#ifndef SIPSEAL_CONFIG_LIMIT_LIST_H
#define SIPSEAL_CONFIG_LIMIT_LIST_H

#include <stdint.h>

#include "sipseal/sip_message.h"

/* LIMIT_TIMES may be written with a unit. */
enum limit_kind { LIMIT_NUMBER, LIMIT_TIME };

/*  X(name, kind, default, least, most)
 *
 * What each means stands in sipseald.conf(5). The least message is what every element takes over UDP (RFC 3261
 * 18.1.1); the least burst lets one message with a full bag of certificates through while others ask too. */
#define LIMITS(X)                                                                                                      \
    X(message_bytes, LIMIT_NUMBER, SIP_MESSAGE_MAX, 1300, SIP_MESSAGE_MAX)                                             \
    X(transactions, LIMIT_NUMBER, 100000, 1, 10000000)                                                                 \
    X(connections, LIMIT_NUMBER, 10000, 1, 1000000)                                                                    \
    X(jobs_per_vault, LIMIT_NUMBER, 128, 1, 100000)                                                                    \
    X(store_jobs, LIMIT_NUMBER, 1024, 1, 100000)                                                                       \
    X(new_certificates, LIMIT_NUMBER, 50, 1, 100000)                                                                   \
    X(new_certificates_burst, LIMIT_NUMBER, 200, 40, 1000000)                                                          \
    X(bindings, LIMIT_NUMBER, 100000, 1, 10000000)                                                                     \
    X(bindings_per_user, LIMIT_NUMBER, 10, 1, 32)                                                                      \
    X(branches, LIMIT_NUMBER, 10, 1, 32)                                                                               \
    X(breadth, LIMIT_NUMBER, 60, 1, 1000)                                                                              \
    X(log_lines, LIMIT_NUMBER, 2000, 1, 1000000)                                                                       \
    X(idle_seconds, LIMIT_TIME, 600, 1, 86400)                                                                         \
    X(ringing_seconds, LIMIT_TIME, 200, 181, 86400)                                                                    \
    X(wait_seconds, LIMIT_TIME, 5, 1, 30)                                                                              \
    X(examine_seconds, LIMIT_TIME, 15, 1, 30)                                                                          \
    X(retry_after_seconds, LIMIT_TIME, 5, 1, 3600)                                                                     \
    X(registration_min_seconds, LIMIT_TIME, 60, 1, 3600)                                                               \
    X(registration_default_seconds, LIMIT_TIME, 3600, 60, 86400)                                                       \
    X(registration_seconds, LIMIT_TIME, 7200, 60, 86400)                                                               \
    X(drain_seconds, LIMIT_TIME, 5, 1, 3600)

struct limits {
#define LIMIT_FIELD(name, kind, default_value, least, most) uint32_t name;
    LIMITS(LIMIT_FIELD)
#undef LIMIT_FIELD
};

#define LIMIT_DEFAULT(name, kind, default_value, least, most) .name = (default_value),
/* An initializer: what holds where the configuration says nothing. */
#define LIMITS_DEFAULT {LIMITS(LIMIT_DEFAULT)}

#endif
