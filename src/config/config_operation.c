/* How those who operate the server see it: server.control, metrics, hep. */
#include "config/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "config/config_reader.h"
#include "config/endpoint.h"

#define CONTROL_NAME "sipseald.sock"

enum { HEP_ID_DEFAULT = 1 };

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

/* There is neither TLS nor a password, so that nobody from outside may be served: a proxy before it can do that. */
void read_metrics(struct config_reader *r, struct yaml_value v)
{
    struct config *c = r->config;
    struct yaml_map m = yaml_map_of(v);
    struct yaml_value listen = yaml_key(&m, "listen", YAML_REQUIRED);
    const char *text;
    c->metrics = yaml_given(v);
    if (yaml_text(listen, CONFIG_URI_MAX, &text)) {
        const char *problem = endpoint_read_address(text, &c->metrics_listen);
        c->metrics_listen.transport = SIP_TCP;
        if (problem)
            yaml_fault(listen, "\"%s\": %s", text, problem);
        else if (!endpoint_is_loopback(&c->metrics_listen))
            yaml_fault(listen, "\"%s\" can be reached from outside, and there is no password; write an address of "
                               "loopback, as in 127.0.0.1:9464", text);
    }
    yaml_map_end(&m);
}

static void read_capture_server(struct yaml_value v, struct hop *to)
{
    static const char udp[] = "udp:";
    const char *text, *problem = "";
    if (!yaml_text(v, CONFIG_URI_MAX, &text))
        return;
    bool by_udp = strncmp(text, udp, strlen(udp)) == 0;
    if (by_udp)
        problem = endpoint_read_address(text + strlen(udp), to);
    to->transport = SIP_UDP;
    if (problem)
        yaml_fault(v, "\"%s\" is no capture server; write udp:, an IP address, a colon and a port, as in "
                      "udp:127.0.0.1:9060", text);
}

/* Content leaves by HEP only where that is said: HEP protects nothing. */
void read_hep(struct config_reader *r, struct yaml_value v)
{
    static const char *const words[] = {[CONFIG_BODIES_NONE] = "none", [CONFIG_BODIES_WIRE] = "wire"};
    struct config *c = r->config;
    struct yaml_map m = yaml_map_of(v);
    const char *password;
    c->hep = yaml_given(v);
    c->hep_id = HEP_ID_DEFAULT;
    read_capture_server(yaml_key(&m, "to", YAML_REQUIRED), &c->hep_to);
    yaml_number(yaml_key(&m, "id", YAML_OPTIONAL), 0, UINT32_MAX, &c->hep_id);
    if (yaml_text(yaml_key(&m, "password", YAML_OPTIONAL), CONFIG_HEP_PASSWORD_MAX, &password))
        c->hep_password = span_text(password);
    yaml_choice(yaml_key(&m, "bodies", YAML_OPTIONAL), words, 2, &c->hep_bodies);
    yaml_map_end(&m);
}
