#include <sys/prctl.h>
#include <sys/resource.h>

#include "cli/command.h"

void cli_protect_memory(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef SIPSEAL_SANITIZED
    /* A leak checker attaches to the process, which this forbids. */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}
