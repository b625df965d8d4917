/* The schema of sipseald.conf: its sections but routes and policy, and what holds them together. */
#include "config/config.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/config_reader.h"
#include "config/endpoint.h"
#include "config/file.h"
#include "config/keys.h"
#include "sipseal/cms.h"
#include "sipseal/proof.h"

enum {
    ARENA_LEAST = 256 * 1024,
    ARENA_FOR_EACH_BYTE = 32, /* a value of two bytes may need a path of some fifty */
    USER_NAME_MAX = 32,
    VAULTS_DEFAULT_MAX = 6, /* about as many as one net process feeds */
    WINDOW_MAX = 86400,
    LOG_LEVEL_DEFAULT = 1,   /* info */
};

#define STORE_DEFAULT "sipseald.db"

/* --- texts --- */

bool read_host(struct yaml_value v, struct span *host)
{
    const char *text;
    if (!yaml_text(v, HOST_TEXT_MAX, &text))
        return false;
    if (!endpoint_is_host(span_text(text))) {
        yaml_fault(v, "\"%s\" is not a host name; write a name as proxy1.home.example, or an address", text);
        return false;
    }
    uint8_t *lower = arena_take(v.file->arena, strlen(text));
    if (!lower)
        return false;
    for (size_t i = 0; text[i]; i++)
        lower[i] = (uint8_t)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
    *host = span_of(lower, strlen(text));
    return true;
}

bool read_path(struct config_reader *r, struct yaml_value v, const char **path)
{
    const char *text, *folder = r->folder;
    char whole[PATH_MAX];
    if (!yaml_text(v, PATH_MAX - 1, &text))
        return false;
    if (*text == '/') {
        *path = text;
        return true;
    }
    if (strncmp(text, "~/", 2) == 0) {
        folder = getenv("HOME");
        text += 2;
    }
    if (!folder || !*folder) {
        yaml_fault(v, "there is no home folder; write the whole path, or set HOME");
        return false;
    }
    int n = snprintf(whole, sizeof whole, "%s/%s", folder, text);
    if (n < 0 || (size_t)n >= sizeof whole) {
        yaml_fault(v, "the path is too long; use a shorter one");
        return false;
    }
    *path = arena_text(&r->config->arena, span_text(whole));
    return *path != NULL;
}

/* --- server --- */

static void read_names(struct config_reader *r, struct yaml_value v)
{
    struct config *c = r->config;
    size_t count = yaml_list_count(v, MIDDLE_NAMES_MAX);
    for (size_t i = 0; i < count; i++)
        if (read_host(yaml_item(v, i), &c->name[c->name_count]))
            c->name_count++;
    if (yaml_given(v) && c->name_count == 0 && yaml_faultless(v.file))
        yaml_fault(v, "is empty; write the host names by which this server is known");
}

static bool listens_there_already(const struct config *c, const struct hop *hop)
{
    for (size_t i = 0; i < c->listen_count; i++)
        if (c->listen[i].transport == hop->transport && c->listen[i].address_len == hop->address_len &&
            memcmp(&c->listen[i].address, &hop->address, hop->address_len) == 0)
            return true;
    return false;
}

static bool port_is_chosen_by_system(const struct hop *hop)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&hop->address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&hop->address;
    return hop->address.ss_family == AF_INET ? in->sin_port == 0 : in6->sin6_port == 0;
}

static void read_listen_item(struct config_reader *r, struct yaml_value v)
{
    struct config *c = r->config;
    struct hop hop;
    const char *text;
    if (!yaml_text(v, CONFIG_URI_MAX, &text))
        return;
    const char *problem = endpoint_read_listen(text, &hop);
    if (problem)
        yaml_fault(v, "\"%s\": %s", text, problem);
    else if (!port_is_chosen_by_system(&hop) && listens_there_already(c, &hop))
        yaml_fault(v, "\"%s\" stands twice; remove one of them", text);
    else
        c->listen[c->listen_count++] = hop;
}

static void read_listen(struct config_reader *r, struct yaml_value v)
{
    r->listen = v;
    size_t count = yaml_list_count(v, CONFIG_LISTEN_MAX);
    for (size_t i = 0; i < count; i++)
        read_listen_item(r, yaml_item(v, i));
    if (yaml_given(v) && r->config->listen_count == 0 && yaml_faultless(v.file))
        yaml_fault(v, "is empty; write where to listen, as in [udp://127.0.0.1:5060]");
}

static void read_user(struct config_reader *r, struct yaml_value v)
{
    const char *name;
    if (!yaml_text(v, USER_NAME_MAX, &name))
        return;
    if (r->look_outside && !getpwnam(name))
        yaml_fault(v, "this system has no user \"%s\"; create it, or name another", name);
    r->config->user = span_text(name);
}

static void read_domains(struct config_reader *r, struct yaml_value v)
{
    struct policy *p = &r->config->policy;
    size_t count = yaml_list_count(v, POLICY_DOMAINS_MAX);
    for (size_t i = 0; i < count; i++)
        if (read_host(yaml_item(v, i), &p->domain[p->domain_count]))
            p->domain_count++;
}

static unsigned default_vaults(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (processors < 3)
        return 1;
    return processors - 1 > VAULTS_DEFAULT_MAX ? VAULTS_DEFAULT_MAX : (unsigned)processors - 1;
}

static void read_server(struct config_reader *r, struct yaml_value v)
{
    static const char *const levels[] = {"debug", "info", "warning", "error"};
    static const char *const formats[] = {"text", "json"};
    struct yaml_map m = yaml_map_of(v);
    uint32_t vaults = default_vaults();
    read_names(r, yaml_key(&m, "names", YAML_REQUIRED));
    read_listen(r, yaml_key(&m, "listen", YAML_REQUIRED));
    read_user(r, yaml_key(&m, "user", YAML_OPTIONAL));
    read_domains(r, yaml_key(&m, "domains", YAML_OPTIONAL));
    yaml_number(yaml_key(&m, "vaults", YAML_OPTIONAL), 1, CONFIG_VAULTS_MAX, &vaults);
    r->config->vaults = vaults;
    read_control(r, yaml_key(&m, "control", YAML_OPTIONAL));
    r->config->log_level = LOG_LEVEL_DEFAULT;
    yaml_choice(yaml_key(&m, "log", YAML_OPTIONAL), levels, 4, &r->config->log_level);
    yaml_choice(yaml_key(&m, "log_format", YAML_OPTIONAL), formats, 2, &r->config->log_format);
    yaml_map_end(&m);
}

/* --- keys, archive, store --- */

static void read_legacy(struct yaml_value v, unsigned *legacy)
{
    static const char *const words[] = {"cbc", "pkcs1"};
    size_t count = yaml_list_count(v, 2);
    for (size_t i = 0; i < count; i++) {
        unsigned word;
        if (yaml_choice(yaml_item(v, i), words, 2, &word))
            *legacy |= cms_legacy_named(span_text(words[word]));
    }
}

/* Those that are not whole are faults, and not counted. */
static void read_former_keys(struct config_reader *r, struct yaml_value v)
{
    struct config *c = r->config;
    size_t count = yaml_list_count(v, CONFIG_FORMER_KEYS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct former_key_paths *paths = &c->former_key[c->former_key_count];
        struct yaml_map m = yaml_map_of(yaml_item(v, i));
        struct yaml_value certificate = yaml_key(&m, "certificate", YAML_REQUIRED);
        struct yaml_value private_key = yaml_key(&m, "private_key", YAML_REQUIRED);
        bool whole = read_path(r, certificate, &paths->certificate);
        whole = read_path(r, private_key, &paths->private_key) && whole;
        yaml_map_end(&m);
        if (!whole)
            continue;
        r->former_certificate[c->former_key_count] = certificate;
        r->former_private_key[c->former_key_count++] = private_key;
    }
}

static void read_keys(struct config_reader *r, struct yaml_value v)
{
    struct config *c = r->config;
    struct yaml_map m = yaml_map_of(v);
    r->keys = v;
    r->certificate = yaml_key(&m, "certificate", YAML_REQUIRED);
    r->private_key = yaml_key(&m, "private_key", YAML_REQUIRED);
    r->trust = yaml_key(&m, "trust", YAML_REQUIRED);
    c->window = PROOF_WINDOW_DEFAULT;
    read_path(r, r->certificate, &c->certificate_path);
    read_path(r, r->private_key, &c->private_key_path);
    read_path(r, r->trust, &c->trust_path);
    read_former_keys(r, yaml_key(&m, "former", YAML_OPTIONAL));
    yaml_seconds(yaml_key(&m, "window", YAML_OPTIONAL), 1, WINDOW_MAX, &c->window);
    read_legacy(yaml_key(&m, "legacy", YAML_OPTIONAL), &c->legacy);
    yaml_map_end(&m);
}

static void check_folder_of(struct config_reader *r, struct yaml_value v, const char *path)
{
    char folder[PATH_MAX];
    struct stat st;
    if (!path || !r->look_outside)
        return;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        yaml_fault(v, "there is no folder %s; create it, or correct the path", folder);
    else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        yaml_fault(v, "%s is not a regular file; name a file", path);
}

static void read_archive(struct config_reader *r, struct yaml_value v)
{
    struct config *c = r->config;
    struct yaml_map m = yaml_map_of(v);
    r->archive = v;
    struct yaml_value path = yaml_key(&m, "path", YAML_REQUIRED);
    struct yaml_value readers = yaml_key(&m, "readers", YAML_REQUIRED);
    if (read_path(r, path, &c->archive_path))
        check_folder_of(r, path, c->archive_path);
    size_t count = yaml_list_count(readers, CONFIG_READERS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct yaml_value item = yaml_item(readers, i);
        if (!read_path(r, item, &c->archive_reader_path[c->archive_reader_count]))
            continue;
        r->reader[c->archive_reader_count++] = item;
    }
    if (yaml_given(readers) && c->archive_reader_count == 0 && yaml_faultless(readers.file))
        yaml_fault(readers, "is empty; name the certificate of at least one who may read the archive");
    yaml_map_end(&m);
}

static void read_store(struct config_reader *r, struct yaml_value v)
{
    struct config *c = r->config;
    struct yaml_map m = yaml_map_of(v);
    struct yaml_value path = yaml_key(&m, "path", YAML_REQUIRED);
    char whole[PATH_MAX + sizeof STORE_DEFAULT];
    if (read_path(r, path, &c->store_path)) {
        check_folder_of(r, path, c->store_path);
    } else {
        snprintf(whole, sizeof whole, "%s/" STORE_DEFAULT, r->folder);
        c->store_path = arena_text(&c->arena, span_text(whole));
    }
    yaml_map_end(&m);
}

static void check_archive(struct config_reader *r)
{
    const struct config *c = r->config;
    if (!yaml_given(r->archive))
        return;
    if (!yaml_given(r->keys))
        yaml_fault(r->archive, "needs a section keys; add it, or remove this section");
    if (c->archive_path && c->store_path && strcmp(c->archive_path, c->store_path) == 0)
        yaml_fault(r->archive, "its path is that of the store; choose another");
    for (size_t i = 0; i < c->policy.rule_count; i++)
        if (c->policy.rule[i].require & LABEL_VIEW)
            return;
    if (yaml_faultless(&r->file))
        yaml_fault(r->archive,
                   "no rule of the policy requires view, so nothing would be archived; add one, or remove this "
                   "section");
}

/* --- limits --- */

static void read_limit(struct yaml_value v, enum limit_kind kind, uint32_t least, uint32_t most, uint32_t *limit)
{
    int64_t seconds;
    if (kind == LIMIT_NUMBER)
        yaml_number(v, least, most, limit);
    else if (yaml_seconds(v, least, most, &seconds))
        *limit = (uint32_t)seconds;
}

static void read_limits(struct config_reader *r, struct yaml_value v)
{
    struct limits *l = &r->config->limits;
    *l = (struct limits)LIMITS_DEFAULT;
    struct yaml_map m = yaml_map_of(v);
#define LIMIT_READ(name, kind, default_value, least, most)                                                             \
    read_limit(yaml_key(&m, #name, YAML_OPTIONAL), kind, least, most, &l->name);
    LIMITS(LIMIT_READ)
#undef LIMIT_READ
    yaml_map_end(&m);
    if (yaml_given(v) && l->bindings_per_user > l->bindings && yaml_faultless(&r->file))
        yaml_fault(v, "bindings_per_user is more than bindings, so that it would never be reached; raise bindings, or "
                      "lower bindings_per_user");
    if (yaml_given(v) && l->new_certificates > l->new_certificates_burst && yaml_faultless(&r->file))
        yaml_fault(v, "new_certificates is more than new_certificates_burst, so that what a second brings would never "
                      "be used; raise new_certificates_burst, or lower new_certificates");
}

/* --- the files that it names --- */

static struct yaml_value place_of(const struct config_reader *r, enum keys_setting setting, size_t index)
{
    switch (setting) {
    case KEYS_CERTIFICATE:
        return r->certificate;
    case KEYS_PRIVATE_KEY:
        return r->private_key;
    case KEYS_FORMER_CERTIFICATE:
        return r->former_certificate[index];
    case KEYS_FORMER_PRIVATE_KEY:
        return r->former_private_key[index];
    case KEYS_TRUST:
        return r->trust;
    case KEYS_TLS_CERTIFICATE:
        return r->tls_certificate;
    case KEYS_TLS_PRIVATE_KEY:
        return r->tls_private_key;
    case KEYS_TLS_TRUST:
        return r->tls_trust;
    case KEYS_POLICY_OBJECT_CERTIFICATE:
        return yaml_given(r->policy_object_certificate) ? r->policy_object_certificate : r->policy_object;
    case KEYS_POLICY_OBJECT_PRIVATE_KEY:
        return r->policy_object_private_key;
    default:
        return r->reader[index];
    }
}

static void add_warning(struct config *c, const struct yaml_file *file, const struct yaml_fault *fault)
{
    char line[YAML_LINE_MAX + PATH_MAX];
    snprintf(line, sizeof line, "%s:%zu:%zu: %s", file->path, fault->line, fault->column, fault->text);
    const char *kept = c->warning_count < CONFIG_WARNINGS_MAX ? arena_text(&c->arena, span_text(line)) : NULL;
    if (kept)
        c->warning[c->warning_count++] = kept;
}

static void hear_fault(void *context, enum keys_setting setting, size_t index, bool warning, const char *text)
{
    struct config_reader *r = context;
    size_t before = r->file.fault_count;
    yaml_fault(place_of(r, setting, index), "%s", text);
    if (warning && r->file.fault_count > before) {
        r->file.fault_count--;
        add_warning(r->config, &r->file, &r->file.fault[r->file.fault_count]);
    }
}

static void check_keys(struct config_reader *r)
{
    const struct config *c = r->config;
    bool whole = c->certificate_path && c->private_key_path && c->trust_path;
    bool tls_whole = c->tls_certificate_path && c->tls_private_key_path && c->tls_trust_path;
    if (!r->look_outside || (!whole && yaml_given(r->keys)) || (!tls_whole && yaml_given(r->tls)))
        return;
    const struct keys_listener listener = {hear_fault, r};
    if (!keys_try(c, (int64_t)time(NULL), &listener) && yaml_faultless(&r->file))
        yaml_fault(yaml_given(r->keys) ? r->keys : r->tls, "they cannot be tried; look at the limits of this user");
}

/* --- the whole --- */

static void read_root(struct config_reader *r, struct yaml_value root)
{
    struct yaml_map m = yaml_map_of(root);
    read_server(r, yaml_key(&m, "server", YAML_REQUIRED));
    read_keys(r, yaml_key(&m, "keys", YAML_OPTIONAL));
    read_tls(r, yaml_key(&m, "tls", YAML_OPTIONAL));
    read_routes(r, yaml_key(&m, "routes", YAML_REQUIRED));
    read_policy(r, yaml_key(&m, "policy", YAML_OPTIONAL));
    read_policy_object(r, yaml_key(&m, "policy_object", YAML_OPTIONAL));
    read_archive(r, yaml_key(&m, "archive", YAML_OPTIONAL));
    read_store(r, yaml_key(&m, "store", YAML_OPTIONAL));
    read_limits(r, yaml_key(&m, "limits", YAML_OPTIONAL));
    read_metrics(r, yaml_key(&m, "metrics", YAML_OPTIONAL));
    read_hep(r, yaml_key(&m, "hep", YAML_OPTIONAL));
    yaml_map_end(&m);
    if (!yaml_given(r->keys))
        r->config->vaults = 0;
    check_routes(r);
    check_policy(r);
    check_policy_object(r);
    check_archive(r);
    check_tls(r);
    check_keys(r);
}

static const char *folder_of(struct arena *arena, const char *path)
{
    struct span s = span_text(path);
    while (s.len && s.at[s.len - 1] != '/')
        s.len--;
    if (s.len > 1)
        s.len--;
    return s.len ? arena_text(arena, s) : ".";
}

static enum rule say(char *error, size_t error_len, enum rule rule, const char *path, const char *problem)
{
    snprintf(error, error_len, "%s:1:1: file: %s\n", path, problem);
    return rule;
}

/* `whole_path` is what relative paths are relative to; `path` is what the user calls the file. */
static enum rule read_text(const char *path, const char *whole_path, struct span text, bool look_outside,
                           struct config **out, char *error, size_t error_len)
{
    struct config *c = calloc(1, sizeof *c);
    struct config_reader *r = calloc(1, sizeof *r);
    if (!c || !r || !arena_open(&c->arena, ARENA_LEAST + ARENA_FOR_EACH_BYTE * text.len)) {
        free(c);
        free(r);
        return say(error, error_len, RULE_NO_MEMORY, path, "there is not enough memory to read it");
    }
    struct yaml_value root;
    r->config = c;
    r->look_outside = look_outside;
    r->folder = folder_of(&c->arena, whole_path);
    if (!r->folder)
        r->folder = ".";
    c->path = arena_copy(&c->arena, span_text(whole_path), NULL);
    if (yaml_open(&r->file, path, text, &c->arena, &root))
        read_root(r, root);
    bool ok = yaml_faultless(&r->file);
    yaml_write_faults(&r->file, error, error_len);
    yaml_close(&r->file);
    free(r);
    if (ok)
        *out = c;
    else
        config_free(c);
    return ok ? RULE_OK : RULE_CONFIG;
}

enum rule config_parse(const char *path, struct span text, struct config **config, char *error, size_t error_len)
{
    *config = NULL;
    return read_text(path, path, text, false, config, error, error_len);
}

enum rule config_read(const char *path, struct config **config, char *error, size_t error_len)
{
    char problem[FILE_PROBLEM_MAX];
    uint8_t *bytes;
    size_t size;
    *config = NULL;
    if (!config_file_read(path, CONFIG_BYTES_MAX, &bytes, &size, problem))
        return say(error, error_len, RULE_FILE, path, problem);
    char *whole_path = realpath(path, NULL);
    enum rule rule =
        read_text(path, whole_path ? whole_path : path, span_of(bytes, size), true, config, error, error_len);
    free(whole_path);
    free(bytes);
    return rule;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    arena_close(&config->arena);
    free(config);
}
