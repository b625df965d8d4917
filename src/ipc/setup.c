/* What the parent tells a child before it begins. */
#include "ipc/fields.h"
#include "ipc/ipc.h"

#include <limits.h>
#include <netinet/in.h>

#include "sipseal/cms.h"
/* The last of enum log_level, and of enum log_format (daemon/log.h). */
enum { LOG_LEVEL_MAX = 3, LOG_FORMAT_MAX = 1 };

/* --- certificates, revocation lists, keys --- */

void ipc_write_blob(struct writer *w, enum ipc_kind kind, struct span blob)
{
    ipc_begin(w, kind, 0);
    writer_block(w, blob);
    ipc_end(w);
}

enum rule ipc_read_blob(struct cursor *fields, struct span *blob)
{
    bool read = field_bytes(fields, IPC_BLOB_MAX, blob) && blob->len > 0;
    return fields_end(read, fields);
}

void ipc_write_identity(struct writer *w, struct span certificate_der, struct span key_der)
{
    ipc_begin(w, IPC_SETUP_IDENTITY, 0);
    writer_block(w, certificate_der);
    writer_block(w, key_der);
    ipc_end(w);
}

enum rule ipc_read_identity(struct cursor *fields, struct span *certificate_der, struct span *key_der)
{
    bool read = field_bytes(fields, CERTIFICATE_MAX, certificate_der) && certificate_der->len > 0 &&
                field_bytes(fields, CONFIG_KEY_MAX, key_der) && key_der->len > 0;
    return fields_end(read, fields);
}

void ipc_write_tls_setup(struct writer *w, const struct ipc_tls_setup *setup)
{
    ipc_begin(w, IPC_SETUP_TLS, 0);
    field_write_count(w, setup->own.certificate_count);
    for (size_t i = 0; i < setup->own.certificate_count; i++)
        writer_block(w, setup->own.certificate[i]);
    writer_block(w, setup->own.private_key);
    writer_u8(w, (uint8_t)setup->clients);
    ipc_end(w);
}

static bool read_chain(struct cursor *c, struct tls_own *own)
{
    if (!field_count(c, TLS_CHAIN_MAX, &own->certificate_count) || own->certificate_count == 0)
        return false;
    for (size_t i = 0; i < own->certificate_count; i++)
        if (!field_bytes(c, CERTIFICATE_MAX, &own->certificate[i]) || own->certificate[i].len == 0)
            return false;
    return true;
}

enum rule ipc_read_tls_setup(struct cursor *fields, struct ipc_tls_setup *setup)
{
    unsigned clients = 0;
    *setup = (struct ipc_tls_setup){.clients = TLS_CLIENTS_REQUIRED};
    bool read = read_chain(fields, &setup->own) && field_bytes(fields, CONFIG_KEY_MAX, &setup->own.private_key) &&
                setup->own.private_key.len > 0 && field_enum(fields, TLS_CLIENTS_REQUIRED, &clients);
    setup->clients = (enum tls_clients)clients;
    return fields_end(read, fields);
}

/* --- limits --- */

static void write_limits(struct writer *w, const struct limits *limits)
{
#define LIMIT_WRITE(name, kind, default_value, least, most) writer_u32(w, limits->name);
    LIMITS(LIMIT_WRITE)
#undef LIMIT_WRITE
}

static bool read_limits(struct cursor *c, struct limits *limits)
{
    bool read = true;
#define LIMIT_READ(name, kind, default_value, least, most) read = read && field_number(c, least, most, &limits->name);
    LIMITS(LIMIT_READ)
#undef LIMIT_READ
    return read;
}

/* --- the end of each setup --- */

void ipc_write_vault_setup(struct writer *w, const struct ipc_vault_setup *setup)
{
    ipc_begin(w, IPC_SETUP_VAULT, 0);
    field_write_names(w, setup->name, setup->name_count);
    write_limits(w, &setup->limits);
    writer_i64(w, setup->window);
    writer_u8(w, (uint8_t)setup->legacy);
    ipc_end(w);
}

enum rule ipc_read_vault_setup(struct cursor *fields, struct ipc_vault_setup *setup)
{
    *setup = (struct ipc_vault_setup){0};
    bool read = field_names(fields, MIDDLE_NAMES_MAX, setup->name, &setup->name_count) &&
                read_limits(fields, &setup->limits) && field_seconds(fields, &setup->window) &&
                field_enum(fields, CMS_LEGACY_ALL, &setup->legacy);
    return fields_end(read, fields);
}

void ipc_write_store_setup(struct writer *w, const struct ipc_store_setup *setup)
{
    ipc_begin(w, IPC_SETUP_STORE, 0);
    writer_block(w, setup->store_path);
    writer_block(w, setup->archive_path);
    ipc_end(w);
}

enum rule ipc_read_store_setup(struct cursor *fields, struct ipc_store_setup *setup)
{
    *setup = (struct ipc_store_setup){0};
    bool read = field_text(fields, PATH_MAX - 1, false, &setup->store_path) &&
                field_text(fields, PATH_MAX - 1, true, &setup->archive_path);
    return fields_end(read, fields);
}

void ipc_write_net_setup(struct writer *w, const struct ipc_net_setup *setup)
{
    ipc_begin(w, IPC_SETUP_NET, 0);
    field_write_names(w, setup->name, setup->name_count);
    write_limits(w, &setup->limits);
    writer_u64(w, setup->vaults);
    writer_u32(w, setup->log_level);
    writer_u32(w, setup->log_format);
    field_write_bool(w, setup->archive);
    field_write_bool(w, setup->keep_bindings);
    writer_i64(w, setup->window);
    ipc_end(w);
}

enum rule ipc_read_net_setup(struct cursor *fields, struct ipc_net_setup *setup)
{
    *setup = (struct ipc_net_setup){0};
    bool read = field_names(fields, MIDDLE_NAMES_MAX, setup->name, &setup->name_count) &&
                read_limits(fields, &setup->limits) && cursor_u64(fields, &setup->vaults) &&
                field_number(fields, 0, LOG_LEVEL_MAX, &setup->log_level) &&
                field_number(fields, 0, LOG_FORMAT_MAX, &setup->log_format) &&
                field_bool(fields, &setup->archive) && field_bool(fields, &setup->keep_bindings) &&
                field_seconds(fields, &setup->window);
    return fields_end(read, fields);
}

void ipc_write_hep_setup(struct writer *w, const struct ipc_hep_setup *setup)
{
    ipc_begin(w, IPC_SETUP_HEP, 0);
    writer_u32(w, setup->id);
    writer_block(w, setup->password);
    field_write_bool(w, setup->bodies);
    ipc_end(w);
}

enum rule ipc_read_hep_setup(struct cursor *fields, struct ipc_hep_setup *setup)
{
    *setup = (struct ipc_hep_setup){0};
    bool read = cursor_u32(fields, &setup->id) && field_bytes(fields, CONFIG_HEP_PASSWORD_MAX, &setup->password) &&
                field_bool(fields, &setup->bodies);
    return fields_end(read, fields);
}

/* --- channels, and what became of a setup --- */

void ipc_write_channel(struct writer *w, enum ipc_kind kind, uint32_t number)
{
    ipc_begin(w, kind, 0);
    writer_u32(w, number);
    ipc_end(w);
}

enum rule ipc_read_channel(struct cursor *fields, uint32_t *number)
{
    return fields_end(field_number(fields, 0, IPC_VAULTS_MAX - 1, number), fields);
}

void ipc_write_failed(struct writer *w, enum rule rule)
{
    ipc_begin(w, IPC_FAILED, 0);
    writer_u16(w, (uint16_t)rule);
    ipc_end(w);
}

enum rule ipc_read_failed(struct cursor *fields, enum rule *rule)
{
    uint16_t value;
    bool read = cursor_u16(fields, &value) && value != RULE_OK && value < RULE_COUNT;
    if (read)
        *rule = (enum rule)value;
    return fields_end(read, fields);
}
