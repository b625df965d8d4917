/* sipseald: reads configuration and keys, binds the sockets, and starts the processes that do the work
 * (docs/architecture.md). It reads nothing that comes from the network. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/listener.h"
#include "daemon/options.h"
#include "daemon/supervisor.h"
#include "sipseal/cms.h"

enum { EXIT_USAGE = 2 };

struct parent {
    struct options options;
    struct log log;
    struct config *config;
    struct keys *keys;
    struct account account;
    struct listener listener[CONFIG_LISTEN_MAX];
    bool listening;
    struct supervisor supervisor;
};

/* --- the configuration --- */

static bool may_run_as_this_user(const struct config *config, const char *path)
{
    if (geteuid() != 0 || config->user.len)
        return true;
    fprintf(stderr,
            "%s:1:1: server.user: is missing, and this is root; name the user that the processes are to run as (or "
            "root itself, if that is really meant)\n",
            path);
    return false;
}

static bool read_config(struct parent *p)
{
    char *errors = malloc(CONFIG_ERRORS_MAX);
    if (!errors)
        return false;
    enum rule rule = config_read(p->options.config, &p->config, errors, CONFIG_ERRORS_MAX);
    if (rule != RULE_OK)
        fputs(errors, stderr);
    free(errors);
    return rule == RULE_OK && may_run_as_this_user(p->config, p->options.config);
}

/* sipseald -t */
static int test_config(const struct parent *p)
{
    for (size_t i = 0; i < p->config->warning_count; i++)
        fprintf(stderr, "%s (a warning)\n", p->config->warning[i]);
    puts("configuration is valid");
    return EXIT_SUCCESS;
}

static void log_warnings(const struct parent *p)
{
    for (size_t i = 0; i < p->config->warning_count; i++)
        LOG(&p->log, LOG_LEVEL_WARNING, "configuration", log_word("warning", p->config->warning[i]));
}

/* What was switched on weakens what sealing promises: whoever reads the log later must see it. */
static void log_legacy(const struct parent *p)
{
    if (p->config->legacy)
        LOG(&p->log, LOG_LEVEL_WARNING, "legacy", log_word("algorithms", cms_legacy_text(p->config->legacy)),
            log_word("reason", "keys.legacy has switched them on; remove what no peer needs any more"));
}

/* --- keys --- */

static void log_key_fault(void *context, enum keys_setting setting, size_t index, bool warning, const char *text)
{
    static const char *const names[] = {"keys.certificate", "keys.private_key", "keys.trust",     "archive.readers",
                                        "tls.certificate",  "tls.private_key",  "tls.trust"};
    const struct log *log = context;
    LOG(log, warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "keys", log_word("key", names[setting]),
        log_number("entry", (int64_t)index), log_word("problem", text));
}

static bool load_keys(struct parent *p)
{
    const struct keys_listener listener = {log_key_fault, &p->log};
    p->keys = calloc(1, sizeof *p->keys);
    if (!p->keys || !keys_load(p->keys, p->config, &listener))
        return false;
    bool locked = (!p->keys->secret.at || p->keys->secret.locked) &&
                  (!p->keys->tls_secret.at || p->keys->tls_secret.locked);
    if (!locked)
        LOG(&p->log, LOG_LEVEL_WARNING, "not-locked",
            log_word("advice", "a private key may be swapped to disk; allow this process to lock memory"));
    return true;
}

/* --- users --- */

static bool find_account(struct parent *p)
{
    struct span user = p->config->user;
    if (geteuid() != 0) {
        LOG(&p->log, LOG_LEVEL_WARNING, "unprivileged",
            log_word("missing", user.len ? "server.user is passed over: only root can run processes as another user"
                                         : "all processes run as the user that started this one"));
        return true;
    }
    snprintf(p->account.name, sizeof p->account.name, "%.*s", SPAN_ARGS(user));
    const struct passwd *entry = getpwnam(p->account.name);
    if (!entry) {
        LOG(&p->log, LOG_LEVEL_ERROR, "no-user", log_text("user", user));
        return false;
    }
    p->account.change = true;
    p->account.uid = entry->pw_uid;
    p->account.gid = entry->pw_gid;
    return true;
}

/* --- programs --- */

static bool has_program(const struct parent *p, enum child_kind kind)
{
    char path[PATH_MAX];
    if (child_program(path, p->options.libexec, kind) && access(path, X_OK) == 0)
        return true;
    LOG(&p->log, LOG_LEVEL_ERROR, "no-program", log_word("program", path), log_word("reason", strerror(errno)),
        log_word("advice", "install it, or say by --libexec where it is"));
    return false;
}

static bool has_programs(const struct parent *p)
{
    return has_program(p, CHILD_STORE) && (p->config->vaults == 0 || has_program(p, CHILD_VAULT)) &&
           has_program(p, CHILD_NET);
}

/* --- running --- */

static int supervise(struct parent *p)
{
    struct supervisor *s = &p->supervisor;
    *s = (struct supervisor){
        .log = &p->log,
        .terms = {&p->log, p->options.libexec, &p->account},
        .setup = {.log = &p->log, .config = p->config, .keys = p->keys, .listener = p->listener},
    };
    int status = EXIT_FAILURE;
    if (supervisor_open(s))
        status = supervisor_run(s);
    else
        LOG(&p->log, LOG_LEVEL_ERROR, "cannot-start", log_word("reason", strerror(errno)));
    supervisor_close(s);
    return status;
}

static int run(struct parent *p)
{
    p->log.level = p->options.verbose ? LOG_LEVEL_DEBUG : (enum log_level)p->config->log_level;
    LOG(&p->log, LOG_LEVEL_INFO, "starting", log_word("version", SIPSEAL_VERSION),
        log_text("configuration", p->config->path));
    log_warnings(p);
    log_legacy(p);
    if (!has_programs(p) || !load_keys(p) || !find_account(p))
        return EXIT_FAILURE;
    p->listening = true;
    if (!listeners_open(p->listener, p->config, &p->log))
        return EXIT_FAILURE;
    int status = supervise(p);
    LOG(&p->log, LOG_LEVEL_INFO, "stopped", log_number("status", status));
    return status;
}

static void clear(struct parent *p)
{
    if (p->listening)
        listeners_close(p->listener, p->config->listen_count);
    if (p->keys)
        keys_close(p->keys);
    free(p->keys);
    config_free(p->config);
}

int main(int argc, char **argv)
{
    struct parent p = {.log = {.process = "parent", .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO}};
    switch (options_read(argc, argv, &p.options)) {
    case OPTIONS_DONE:
        return EXIT_SUCCESS;
    case OPTIONS_USAGE:
        return EXIT_USAGE;
    case OPTIONS_RUN:
        break;
    }
    int status = EXIT_FAILURE;
    if (p.options.test)
        p.log.level = LOG_LEVEL_ERROR; /* its output is for people: the faults, or that there are none */
    if (process_protect(&p.log) && read_config(&p))
        status = p.options.test ? test_config(&p) : run(&p);
    clear(&p);
    return status;
}
