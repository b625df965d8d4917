/* sipseald: reads configuration and keys, binds the sockets, and starts the processes that do the work
 * (docs/architecture.md). It reads nothing that comes from the network. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "daemon/fence.h"
#include "daemon/generation.h"
#include "daemon/options.h"
#include "daemon/supervisor.h"

enum { EXIT_USAGE = 2 };

struct parent {
    struct options options;
    struct log log;
    int64_t since;          /* when this began; seconds since 1970 */
    struct generation *now; /* the supervisor's once that runs */
    struct account account;
    struct notify notify;
    struct control control;
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
    p->now = generation_new();
    if (!errors || !p->now) {
        free(errors);
        return false;
    }
    enum rule rule = config_read(p->options.config, &p->now->config, errors, CONFIG_ERRORS_MAX);
    if (rule != RULE_OK)
        fputs(errors, stderr);
    free(errors);
    return rule == RULE_OK && may_run_as_this_user(p->now->config, p->options.config);
}

/* sipseald -t */
static int test_config(const struct parent *p)
{
    for (size_t i = 0; i < p->now->config->warning_count; i++)
        fprintf(stderr, "%s (a warning)\n", p->now->config->warning[i]);
    puts("configuration is valid");
    return EXIT_SUCCESS;
}

/* --- users --- */

static bool find_account(struct parent *p)
{
    struct span user = p->now->config->user;
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
    return has_program(p, CHILD_STORE) && (p->now->config->vaults == 0 || has_program(p, CHILD_VAULT)) &&
           has_program(p, CHILD_NET);
}

/* --- the fence --- */

/* Before the first child: what they all inherit holds for those that come later too. */
static bool enter_fence(const struct parent *p)
{
    const char *database[] = {p->now->config->store_path, p->now->config->archive_path};
    const struct fence_paths paths = {.database = database, .database_count = 2, .libexec = p->options.libexec};
    return fence_enter(FENCE_PARENT, &paths, &p->log) == RULE_OK;
}

/* --- running --- */

static int supervise(struct parent *p)
{
    struct supervisor *s = &p->supervisor;
    *s = (struct supervisor){
        .log = &p->log,
        .notify = &p->notify,
        .terms = {&p->log, p->options.libexec, &p->account},
        .now = p->now,
        .control = &p->control,
        .since = p->since,
        .setup = {.log = &p->log, .config = p->now->config, .keys = &p->now->keys, .listener = p->now->listener,
                  .metrics = &p->now->metrics, .hep = p->now->hep,
                  .level = p->log.level, .format = p->log.format},
        .reload = {.path = p->options.config, .log = &p->log, .verbose = p->options.verbose, .loaded_at = p->since},
    };
    p->now = NULL;
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
    p->log.level = p->options.verbose ? LOG_LEVEL_DEBUG : (enum log_level)p->now->config->log_level;
    p->log.format = (enum log_format)p->now->config->log_format;
    LOG(&p->log, LOG_LEVEL_INFO, "starting", log_word("version", SIPSEAL_VERSION),
        log_text("configuration", p->now->config->path));
    generation_log_warnings(p->now, &p->log);
    notify_open(&p->notify, &p->log); /* behind the fence it could not */
    if (!has_programs(p) || !generation_load_keys(p->now, &p->log) || !find_account(p) ||
        !generation_open_sockets(p->now, NULL, &p->log) ||
        !control_open(&p->control, p->now->config, &p->log) || !enter_fence(p))
        return EXIT_FAILURE;
    int status = supervise(p);
    LOG(&p->log, LOG_LEVEL_INFO, "stopped", log_number("status", status));
    return status;
}

/* Asking is another program's work: it reads JSON, which this one does not. */
static int ask(const struct options *o)
{
    char path[PATH_MAX + sizeof "/sipseald-control"];
    snprintf(path, sizeof path, "%s/sipseald-control", o->libexec);
    execl(path, "sipseald-control", o->ask, o->config, o->control, o->json ? "json" : "text", (char *)NULL);
    fprintf(stderr, "sipseald: %s: %s; install it, or say by --libexec where it is\n", path, strerror(errno));
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct parent p = {
        .log = {.process = "parent", .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO},
        .notify = {.fd = -1},
        .control = {.fd = -1},
        .since = (int64_t)time(NULL),
    };
    switch (options_read(argc, argv, &p.options)) {
    case OPTIONS_DONE:
        return EXIT_SUCCESS;
    case OPTIONS_USAGE:
        return EXIT_USAGE;
    case OPTIONS_ASK:
        return ask(&p.options);
    case OPTIONS_RUN:
        break;
    }
    int status = EXIT_FAILURE;
    if (p.options.test)
        p.log.level = LOG_LEVEL_ERROR; /* its output is for people: the faults, or that there are none */
    if (process_protect(&p.log) && read_config(&p))
        status = p.options.test ? test_config(&p) : run(&p);
    generation_free(p.now);
    control_close(&p.control);
    notify_close(&p.notify);
    return status;
}
