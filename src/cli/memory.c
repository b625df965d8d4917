#include <malloc.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "cli/command.h"

/* Reports hold what was sealed. */
static void wipe_and_free(void *at)
{
    if (at)
        bytes_wipe(at, malloc_usable_size(at));
    free(at);
}

void cli_protect_memory(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    json_set_alloc_funcs(malloc, wipe_and_free);
#ifndef SIPSEAL_SANITIZED
    /* A leak checker attaches to the process, which this forbids. */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}
