#include "cli/net_tls.h"

#include "cli/keyring.h"
#include "cli/trust_file.h"
#include "sipseal/pem.h"
#include "tls/tls.h"

static enum rule add_anchor(void *context, struct span der)
{
    return tls_context_add_anchor(context, der);
}

static enum rule add_list(void *context, struct span der)
{
    return tls_context_add_crl(context, der);
}

static enum exit_code add_trust(const struct cli *cli, struct arena *arena, struct tls_context *c)
{
    const char *given = arguments_value(&cli->arguments, "tls-trust");
    return trust_file_read(arena, given ? given : cli->trust,
                           "name the authorities of servers with --tls-trust",
                           &(struct trust_file_taker){add_anchor, add_list, c});
}

/* The certificate and what else stands in its file, and the key, in the arena, which is wiped. */
static enum rule read_own(struct arena *arena, struct span certificate_pem, struct span key_pem, struct tls_own *own)
{
    enum rule rule = pem_only(arena, key_pem, PEM_PRIVATE_KEY, &own->private_key);
    while (rule == RULE_OK && own->certificate_count < TLS_CHAIN_MAX) {
        struct span *der = &own->certificate[own->certificate_count];
        rule = pem_next(arena, &certificate_pem, PEM_CERTIFICATE, der);
        if (der->len == 0)
            break;
        own->certificate_count++;
    }
    return rule;
}

static enum exit_code present(struct arena *arena, struct tls_context *c, const char *certificate, const char *key)
{
    struct file_bytes certificate_file, key_file;
    struct tls_own own = {.certificate_count = 0};
    enum file_result result = file_read(key, FILES_PEM_MAX, true, &key_file);
    if (result != FILE_DONE)
        return cli_fail_file(key, file_problem(result), "run `chmod 600` on it if others can read it");
    result = file_read(certificate, FILES_PEM_MAX, false, &certificate_file);
    size_t mark = arena_mark(arena);
    enum rule rule =
        result == FILE_DONE ? read_own(arena, file_span(&certificate_file), file_span(&key_file), &own) : RULE_FILE;
    if (rule == RULE_OK)
        rule = tls_context_present(c, &own);
    arena_rewind(arena, mark);
    file_clear(&certificate_file);
    file_clear(&key_file);
    if (rule == RULE_OK)
        return EXIT_DONE;
    return cli_fail_file(certificate, rule_sentence(rule),
                         "it must hold a certificate in PEM, whose key is in the file .tls.key beside it");
}

static enum exit_code present_own(const struct cli *cli, struct arena *arena, const struct party *self,
                                  struct tls_context *c)
{
    char certificate[PATH_MAX], key[PATH_MAX];
    if (!file_path(certificate, cli->keys, span_text(self->file), KEYRING_TLS_CERTIFICATE) ||
        !file_path(key, cli->keys, span_text(self->file), KEYRING_TLS_KEY))
        return cli_fail(EXIT_USAGE, "the name of a folder is too long; choose a shorter one");
    return file_exists(key) ? present(arena, c, certificate, key) : EXIT_DONE;
}

enum exit_code net_tls_prepare(struct net_loop *loop, const struct cli *cli, struct arena *arena,
                               const struct party *self, const struct net_place *place)
{
    if (place->transport != SIP_TLS)
        return EXIT_DONE;
    struct tls_context *c = tls_context_new();
    if (!c)
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    enum exit_code code = add_trust(cli, arena, c);
    if (code == EXIT_DONE)
        code = present_own(cli, arena, self, c);
    if (code == EXIT_DONE)
        net_use_tls(loop, c);
    else
        tls_context_release(c);
    return code;
}
