/* Loading keys and certificates from their files. */
#include "config/keys.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "config/file.h"
#include "sipseal/pem.h"

struct loader {
    struct keys *keys;
    const struct keys_listener *listener;
    bool ok;
};

const char *keys_setting_name(enum keys_setting setting)
{
    static const char *const names[KEYS_SETTINGS] = {
        [KEYS_CERTIFICATE] = "keys.certificate",
        [KEYS_PRIVATE_KEY] = "keys.private_key",
        [KEYS_TRUST] = "keys.trust",
        [KEYS_FORMER_CERTIFICATE] = "keys.former.certificate",
        [KEYS_FORMER_PRIVATE_KEY] = "keys.former.private_key",
        [KEYS_READER] = "archive.readers",
        [KEYS_TLS_CERTIFICATE] = "tls.certificate",
        [KEYS_TLS_PRIVATE_KEY] = "tls.private_key",
        [KEYS_TLS_TRUST] = "tls.trust",
        [KEYS_POLICY_OBJECT_CERTIFICATE] = "policy_object.certificate",
        [KEYS_POLICY_OBJECT_PRIVATE_KEY] = "policy_object.private_key",
    };
    return names[setting];
}

static void __attribute__((format(printf, 4, 5)))
tell(struct loader *l, enum keys_setting setting, size_t index, const char *format, ...)
{
    char text[FILE_PROBLEM_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    l->ok = false;
    l->listener->fault(l->listener->context, setting, index, false, text);
}

/* --- one certificate --- */

static void load_certificate(struct loader *l, enum keys_setting setting, size_t index, const char *path,
                             struct span *der)
{
    char problem[FILE_PROBLEM_MAX];
    uint8_t *bytes;
    size_t size;
    if (!config_file_read(path, KEYS_FILE_MAX, &bytes, &size, problem)) {
        tell(l, setting, index, "%s", problem);
        return;
    }
    enum rule rule = pem_only(&l->keys->arena, span_of(bytes, size), PEM_CERTIFICATE, der);
    free(bytes);
    if (rule != RULE_OK)
        tell(l, setting, index, "%s does not hold one certificate in PEM; give it one CERTIFICATE block", path);
    else if (der->len > CERTIFICATE_MAX)
        tell(l, setting, index, "the certificate in %s is larger than %d bytes; use a smaller one", path,
             CERTIFICATE_MAX);
}

/* --- the private key: its bytes are never outside locked memory --- */

static bool decode_private_key(uint8_t *room, size_t text_len, struct span *key)
{
    /* Behind the text, in the same locked memory; given back with it, never by arena_close. */
    struct arena behind = {.at = room + KEYS_SECRET_FILE_MAX, .cap = KEYS_SECRET_ROOM - KEYS_SECRET_FILE_MAX,
                           .fail_after = SIZE_MAX};
    struct span der = {0};
    enum rule rule = pem_only(&behind, span_of(room, text_len), PEM_PRIVATE_KEY, &der);
    bytes_wipe(room, KEYS_SECRET_FILE_MAX);
    if (rule != RULE_OK || der.len == 0 || der.len > CONFIG_KEY_MAX)
        return false;
    *key = der;
    return true;
}

/* Into KEYS_SECRET_ROOM bytes of locked memory at `room`. */
static void load_private_key(struct loader *l, enum keys_setting setting, size_t index, const char *path, uint8_t *room,
                             struct span *key)
{
    char problem[FILE_PROBLEM_MAX];
    int fd;
    size_t size;
    if (!config_file_open(path, KEYS_SECRET_FILE_MAX, true, &fd, &size, problem) ||
        !config_file_fill(fd, room, size, problem)) {
        tell(l, setting, index, "%s", problem);
        return;
    }
    if (!decode_private_key(room, size, key))
        tell(l, setting, index,
             "%s does not hold one unencrypted PKCS#8 private key; convert it with openssl pkcs8 -topk8 -nocrypt",
             path);
}

static bool open_secret(struct loader *l, enum keys_setting setting, size_t rooms, struct locked_memory *secret)
{
    if (locked_open(secret, rooms * KEYS_SECRET_ROOM))
        return true;
    tell(l, setting, 0, "there is no locked memory for it; allow this process more memory");
    return false;
}

static void load_message_private_keys(struct loader *l, const struct config *config)
{
    struct keys *k = l->keys;
    if (!open_secret(l, KEYS_PRIVATE_KEY, 1 + config->former_key_count, &k->secret))
        return;
    load_private_key(l, KEYS_PRIVATE_KEY, 0, config->private_key_path, k->secret.at, &k->private_key);
    for (size_t i = 0; i < config->former_key_count; i++)
        load_private_key(l, KEYS_FORMER_PRIVATE_KEY, i, config->former_key[i].private_key,
                         k->secret.at + (1 + i) * KEYS_SECRET_ROOM, &k->former[i].private_key);
}

/* --- trust: a file, or the files of a folder --- */

/* Where it goes. */
struct trusted {
    enum keys_setting setting;
    struct span *anchor, *crl;
    size_t *anchor_count, *crl_count;
};

static bool keep(struct span *list, size_t max, size_t *count, struct span der)
{
    if (*count == max)
        return false;
    list[(*count)++] = der;
    return true;
}

static void take_blocks(struct loader *l, enum keys_setting setting, const char *path, struct span text,
                        const char *type, size_t size_max, struct span *list, size_t max, size_t *count)
{
    struct span rest = text, der;
    for (;;) {
        enum rule rule = pem_next(&l->keys->arena, &rest, type, &der);
        if (rule == RULE_OK && der.len == 0)
            return;
        if (rule != RULE_OK || der.len > size_max) {
            tell(l, setting, 0, "%s holds a %s block that is broken, or larger than %zu bytes; replace it", path,
                 type, size_max);
            return;
        }
        if (!keep(list, max, count, der)) {
            tell(l, setting, 0, "there are more than %zu %s blocks; keep only those that are needed", max, type);
            return;
        }
    }
}

static void load_trust_file(struct loader *l, const struct trusted *to, const char *path)
{
    char problem[FILE_PROBLEM_MAX];
    uint8_t *bytes;
    size_t size;
    if (!config_file_read(path, KEYS_FILE_MAX, &bytes, &size, problem)) {
        tell(l, to->setting, 0, "%s", problem);
        return;
    }
    struct span text = span_of(bytes, size);
    size_t before = *to->anchor_count + *to->crl_count;
    take_blocks(l, to->setting, path, text, PEM_CERTIFICATE, CERTIFICATE_MAX, to->anchor, TRUST_ANCHORS_MAX,
                to->anchor_count);
    take_blocks(l, to->setting, path, text, PEM_CRL, CONFIG_CRL_MAX, to->crl, KEYS_CRLS_MAX, to->crl_count);
    free(bytes);
    if (l->ok && *to->anchor_count + *to->crl_count == before)
        tell(l, to->setting, 0, "%s holds neither a certificate nor a revocation list in PEM; remove or convert it",
             path);
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);
    return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static int is_pem_name(const struct dirent *entry)
{
    const char *name = entry->d_name;
    return has_suffix(name, ".pem") || has_suffix(name, ".crt") || has_suffix(name, ".cer") ||
           has_suffix(name, ".crl");
}

static void load_trust_folder(struct loader *l, const struct trusted *to, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_pem_name, alphasort);
    if (count < 0) {
        tell(l, to->setting, 0, "the folder %s cannot be read (%s); correct that, or the path", folder,
             strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        int n = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (n > 0 && (size_t)n < sizeof path)
            load_trust_file(l, to, path);
        free(entries[i]);
    }
    free(entries);
}

static void load_trust(struct loader *l, const struct trusted *to, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        load_trust_folder(l, to, path);
    else
        load_trust_file(l, to, path);
    if (l->ok && *to->anchor_count == 0)
        tell(l, to->setting, 0, "%s holds no certificate of an authority; put one there in PEM (.pem, .crt, .cer)",
             path);
}

/* --- the two parts of a configuration --- */

static void load_policy_object_keys(struct loader *l, const struct policy_object_settings *settings)
{
    struct keys *k = l->keys;
    if (!settings->certificate_path || !settings->private_key_path)
        return;
    load_certificate(l, KEYS_POLICY_OBJECT_CERTIFICATE, 0, settings->certificate_path, &k->policy_object_certificate);
    if (open_secret(l, KEYS_POLICY_OBJECT_PRIVATE_KEY, 1, &k->policy_object_secret))
        load_private_key(l, KEYS_POLICY_OBJECT_PRIVATE_KEY, 0, settings->private_key_path, k->policy_object_secret.at,
                         &k->policy_object_private_key);
}

static bool load_message_keys(struct loader *l, const struct config *config)
{
    struct keys *keys = l->keys;
    const struct trusted to = {KEYS_TRUST, keys->anchor, keys->crl, &keys->anchor_count, &keys->crl_count};
    load_certificate(l, KEYS_CERTIFICATE, 0, config->certificate_path, &keys->certificate);
    keys->former_count = config->former_key_count;
    for (size_t i = 0; i < keys->former_count; i++)
        load_certificate(l, KEYS_FORMER_CERTIFICATE, i, config->former_key[i].certificate,
                         &keys->former[i].certificate);
    load_message_private_keys(l, config);
    load_policy_object_keys(l, &config->policy_object);
    bool so_far = l->ok;
    l->ok = true; /* faults of trust are said whether or not there were others before */
    load_trust(l, &to, config->trust_path);
    keys->reader_count = config->archive_reader_count;
    for (size_t i = 0; i < keys->reader_count; i++)
        load_certificate(l, KEYS_READER, i, config->archive_reader_path[i], &keys->reader[i]);
    return so_far && l->ok;
}

/* The server's certificate, and the authorities that it presents with it. */
static void load_chain(struct loader *l, const char *path)
{
    char problem[FILE_PROBLEM_MAX];
    uint8_t *bytes;
    size_t size;
    if (!config_file_read(path, KEYS_FILE_MAX, &bytes, &size, problem)) {
        tell(l, KEYS_TLS_CERTIFICATE, 0, "%s", problem);
        return;
    }
    take_blocks(l, KEYS_TLS_CERTIFICATE, path, span_of(bytes, size), PEM_CERTIFICATE, CERTIFICATE_MAX,
                l->keys->tls_certificate, TLS_CHAIN_MAX, &l->keys->tls_certificate_count);
    free(bytes);
    if (l->ok && l->keys->tls_certificate_count == 0)
        tell(l, KEYS_TLS_CERTIFICATE, 0, "%s holds no certificate in PEM; give it the server's CERTIFICATE block",
             path);
}

static bool load_tls_keys(struct loader *l, const struct config *config)
{
    struct keys *keys = l->keys;
    const struct trusted to = {KEYS_TLS_TRUST, keys->tls_anchor, keys->tls_crl, &keys->tls_anchor_count,
                               &keys->tls_crl_count};
    load_chain(l, config->tls_certificate_path);
    if (open_secret(l, KEYS_TLS_PRIVATE_KEY, 1, &keys->tls_secret))
        load_private_key(l, KEYS_TLS_PRIVATE_KEY, 0, config->tls_private_key_path, keys->tls_secret.at,
                         &keys->tls_private_key);
    bool so_far = l->ok;
    l->ok = true;
    load_trust(l, &to, config->tls_trust_path);
    return so_far && l->ok;
}

bool keys_load(struct keys *keys, const struct config *config, const struct keys_listener *listener)
{
    *keys = (struct keys){0};
    struct loader l = {.keys = keys, .listener = listener, .ok = true};
    if (!config->certificate_path && !config->tls_certificate_path)
        return true;
    if (!arena_open(&keys->arena, KEYS_PUBLIC_MAX)) {
        tell(&l, config->certificate_path ? KEYS_CERTIFICATE : KEYS_TLS_CERTIFICATE, 0,
             "there is not enough memory to read it; allow this process more");
        return false;
    }
    /* Faults of one part are said whether or not there were others before. */
    bool ok = !config->certificate_path || load_message_keys(&l, config);
    l.ok = true;
    return (!config->tls_certificate_path || load_tls_keys(&l, config)) && ok;
}

void keys_close(struct keys *keys)
{
    locked_close(&keys->secret);
    locked_close(&keys->tls_secret);
    locked_close(&keys->policy_object_secret);
    arena_close(&keys->arena);
    *keys = (struct keys){0};
}
