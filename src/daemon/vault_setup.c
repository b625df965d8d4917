/* What the parent gives a vault: whom to trust, its keys, the archive's readers, its names. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "daemon/vault.h"
#include "sipseal/cms.h"
#include "sipseal/crypto.h"

bool vault_open(struct vault *v)
{
    *v = (struct vault){.log = v->log, .net = -1};
    v->trust = trust_new();
    v->datagram = calloc(2 * IPC_VAULT_JOBS_MAX, IPC_MESSAGE_MAX);
    v->reply = v->datagram ? v->datagram + IPC_VAULT_JOBS_MAX * IPC_MESSAGE_MAX : NULL;
    return arena_open(&v->arena, VAULT_ARENA) && v->trust && v->datagram;
}

void vault_close(struct vault *v)
{
    archive_sealer_free(v->sealer);
    for (size_t i = 0; i < v->reader_count; i++)
        certificate_release(v->reader[i]);
    for (size_t i = 0; i < v->middle.identity_count; i++)
        identity_clear(&v->identity[i]);
    for (size_t i = 0; i < v->middle.name_count; i++)
        free((void *)(uintptr_t)v->middle.name[i].at);
    trust_free(v->trust);
    arena_close(&v->arena);
    if (v->datagram)
        bytes_wipe(v->datagram, 2 * (size_t)IPC_VAULT_JOBS_MAX * IPC_MESSAGE_MAX);
    free(v->datagram);
}

static enum rule add_identity(struct vault *v, struct cursor *fields)
{
    struct span certificate, key;
    size_t n = v->middle.identity_count;
    if (n == MIDDLE_IDENTITIES_MAX || ipc_read_identity(fields, &certificate, &key) != RULE_OK)
        return RULE_IPC;
    enum rule rule = identity_load(certificate, key, &v->identity[n]);
    if (rule == RULE_OK)
        v->middle.identity[v->middle.identity_count++] = &v->identity[n];
    return rule;
}

static enum rule add_reader(struct vault *v, struct span der)
{
    if (v->reader_count == ARCHIVE_READERS_MAX)
        return RULE_IPC;
    enum rule rule = certificate_parse(der, &v->reader[v->reader_count]);
    if (rule == RULE_OK)
        v->reader_count++;
    return rule;
}

static enum rule add_blob(struct vault *v, const struct ipc_header *header, struct cursor *fields)
{
    struct span blob;
    if (ipc_read_blob(fields, &blob) != RULE_OK)
        return RULE_IPC;
    if (header->kind == IPC_SETUP_ANCHOR)
        return trust_add_anchor(v->trust, blob);
    return header->kind == IPC_SETUP_CRL ? trust_add_crl(v->trust, blob) : add_reader(v, blob);
}

/* Seals something to the readers: one to whom nothing can be sealed stops the start, and not the first message. */
static enum rule prepare_archive(struct vault *v)
{
    struct span sealed;
    if (v->reader_count == 0)
        return RULE_OK;
    for (size_t i = 0; i < v->reader_count; i++)
        if (!v->reader[i]->may_agree && !v->reader[i]->may_encipher)
            return RULE_CERT_USAGE;
    enum rule rule = cms_seal(&v->arena, v->reader, v->reader_count, SPAN("nothing"), &sealed);
    arena_reset(&v->arena);
    if (rule == RULE_OK && !(v->sealer = archive_sealer_new(v->reader, v->reader_count)))
        rule = RULE_NO_MEMORY;
    return rule;
}

/* Keys are in memory by now, and plaintext is only ever in the arena. A sanitizer maps more than can be locked. */
static void keep_from_swap(const struct vault *v)
{
#ifndef SIPSEAL_SANITIZED
    if (mlockall(MCL_CURRENT | MCL_ONFAULT) == 0)
        return;
#endif
    if (mlock(v->arena.at, v->arena.cap) == 0)
        LOG(&v->log, LOG_LEVEL_INFO, "memory-locked-in-part",
            log_word("reason", "RLIMIT_MEMLOCK covers plaintext, and not all of the process; keys may be swapped out"));
    else
        LOG(&v->log, LOG_LEVEL_WARNING, "memory-not-locked",
            log_word("reason", "RLIMIT_MEMLOCK is too low; keys and plaintext may be swapped out"));
}

static enum rule finish(struct vault *v, struct cursor *fields)
{
    struct ipc_vault_setup setup;
    if (ipc_read_vault_setup(fields, &setup) != RULE_OK)
        return RULE_IPC;
    for (size_t i = 0; i < setup.name_count; i++) {
        char *name = strndup((const char *)setup.name[i].at, setup.name[i].len);
        if (!name)
            return RULE_NO_MEMORY;
        v->middle.name[v->middle.name_count++] = span_text(name);
    }
    v->middle.trust = v->trust;
    v->middle.window = setup.window;
    v->middle.legacy = setup.legacy;
    certificate_budget_open(&v->budget, setup.limits.new_certificates, setup.limits.new_certificates_burst);
    enum rule rule = crypto_prepare();
    if (rule == RULE_OK)
        rule = prepare_archive(v);
    if (rule != RULE_OK)
        return rule;
    keep_from_swap(v);
    v->ready = true;
    return RULE_OK;
}

enum rule vault_set_up(struct vault *v, const struct ipc_header *header, struct cursor *fields)
{
    if (v->ready)
        return RULE_IPC;
    switch (header->kind) {
    case IPC_SETUP_ANCHOR:
    case IPC_SETUP_CRL:
    case IPC_SETUP_READER:
        return add_blob(v, header, fields);
    case IPC_SETUP_IDENTITY:
        return add_identity(v, fields);
    case IPC_SETUP_VAULT:
        return finish(v, fields);
    default:
        return RULE_IPC;
    }
}
