#include "daemon/fence.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "daemon/process.h"

/* The C library reads its time zone when it first works out a date, even one in UTC. */
static void read_what_is_read_late(void)
{
    tzset();
}

/* Versions of Landlock's interface that brought what is wanted here. */
enum { VERSION_FILES = 1, VERSION_PORTS = 4 };

static const char *lacks(enum fence_kind kind, int version)
{
    if (version < VERSION_FILES && kind == FENCE_STORE)
        return "Landlock: it can open whatever its user can, and not only its databases";
    if (version < VERSION_FILES && kind == FENCE_PARENT)
        return "Landlock: it can write whatever its user can, and run any program";
    if (version < VERSION_FILES)
        return "";
    if (version < VERSION_PORTS && kind == FENCE_NET)
        return "Landlock for TCP ports: it can bind those that are free";
    return "";
}

static void say_what_holds(enum fence_kind kind, int version, const struct log *log)
{
    const char *lacking = lacks(kind, version);
    if (*lacking)
        LOG(log, LOG_LEVEL_WARNING, "fenced", log_number("landlock", version), log_word("kernel_lacks", lacking));
    else
        LOG(log, LOG_LEVEL_INFO, "fenced", log_number("landlock", version));
}

enum rule fence_enter(enum fence_kind kind, const struct fence_paths *paths, const struct log *log)
{
    if (process_is_sanitized())
        return RULE_OK;
    int version = fence_landlock_version();
    read_what_is_read_late();
    /* Landlock first: its own calls are none that a process may make afterwards. */
    if (!fence_files(kind, paths, version) || !fence_calls(kind)) {
        LOG(log, LOG_LEVEL_ERROR, "cannot-fence", log_word("reason", strerror(errno)));
        return RULE_FENCE;
    }
    say_what_holds(kind, version, log);
    return RULE_OK;
}
