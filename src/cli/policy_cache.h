/* Policy objects that were accepted, by the proxy that they were learnt from: $XDG_CACHE_HOME/sipseal/policy/HOST.p7m. */
#ifndef SIPSEAL_CLI_POLICY_CACHE_H
#define SIPSEAL_CLI_POLICY_CACHE_H

#include "cli/command.h"
#include "cli/files.h"
#include "sipseal/policy_object.h"

enum { POLICY_CACHE_FILES_MAX = 64 /* when one more comes, that which was learnt first goes */ };

/* The file of a proxy, whether or not it is there. False when it has no name that can be one. */
bool policy_cache_path(struct span host, char out[PATH_MAX]);

/* The object of a proxy; it lies in the arena. Empty when there is none that can be read. */
struct span policy_cache_load(struct arena *arena, struct span host);

/* When that was issued: a later one must not be older (protocol.md 6), be it ever so expired. False when there is none. */
bool policy_cache_issued(struct arena *arena, struct span host, int64_t *issued);

/* Keeps what was accepted, whole or not at all; says on standard error why it cannot be kept. */
void policy_cache_store(const struct cli *cli, struct span host, struct span der);

/* The proxies of which there is one: calls `take` for each until that gives false. */
void policy_cache_each(bool (*take)(void *context, struct span host), void *context);

#endif
