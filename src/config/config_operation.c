/* How those who operate the server reach it: server.control. */
#include "config/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "config/config_reader.h"

#define CONTROL_NAME "sipseald.sock"

/* Where a service manager says that files of the time of running belong; the first, where it names several. */
static struct span runtime_folder(void)
{
    const char *folders = getenv("RUNTIME_DIRECTORY");
    struct span first = folders ? span_part(span_text(folders), 0, strcspn(folders, ":")) : (struct span){0};
    return first.len && first.at[0] == '/' ? first : (struct span){0};
}

static const char *default_control(struct config_reader *r)
{
    char path[PATH_MAX];
    struct span folder = runtime_folder();
    if (!folder.len)
        folder = span_text(r->folder);
    int n = snprintf(path, sizeof path, "%.*s/" CONTROL_NAME, SPAN_ARGS(folder));
    return n > 0 && (size_t)n < sizeof path ? arena_text(&r->config->arena, span_text(path)) : NULL;
}

void read_control(struct config_reader *r, struct yaml_value v)
{
    struct config *c = r->config;
    c->control_given = read_path(r, v, &c->control_path);
    if (c->control_given && strlen(c->control_path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        yaml_fault(v, "the path of a socket has at most %zu bytes; use a shorter one",
                   sizeof((struct sockaddr_un *)0)->sun_path - 1);
    if (!c->control_given)
        c->control_path = default_control(r);
}
