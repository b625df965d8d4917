/* The user's folders: own keys, contacts, and whom to believe. */
#ifndef SIPSEAL_CLI_KEYRING_H
#define SIPSEAL_CLI_KEYRING_H

#include "cli/command.h"
#include "cli/files.h"
#include "sipseal/arena.h"
#include "sipseal/certificate.h"
#include "ua/party.h"

/* What the files of keys for TLS are called, after the party: apart from those for messages. */
#define KEYRING_TLS ".tls" /* between the name and the ends, of keys for TLS */
#define KEYRING_TLS_CERTIFICATE KEYRING_TLS KEYRING_CERTIFICATE
#define KEYRING_TLS_KEY KEYRING_TLS KEYRING_KEY

enum {
    KEYRING_KNOWN_MAX = 1024,       /* certificates of others that readers are named by */
    KEYRING_OF_PARTY_MAX = 8,       /* certificates of one party */
    KEYRING_ARENA = 2 * 1024 * 1024,
};

struct keyring {
    const struct cli *cli;
    struct arena arena; /* wiped when it is closed: private keys pass through it */
    struct trust *trust;
    struct certificate *known[KEYRING_KNOWN_MAX]; /* of contacts and of the folder of keys; references */
    size_t known_count;
};

/* Reads the trusted authorities. Says what is wrong, and gives the exit code; on failure there is nothing to close. */
enum exit_code keyring_open(struct cli *cli, struct keyring *k);
/* The same, but without authorities when the file is not there: then nothing is trusted. */
enum exit_code keyring_open_leniently(struct cli *cli, struct keyring *k);
/* The same as keyring_open, with the revocation lists that there were at a time in the past. */
enum exit_code keyring_open_as_of(struct cli *cli, int64_t time, struct keyring *k);
void keyring_close(struct keyring *k);

/* Loads every certificate of contacts and own keys, so that readers can be named; what cannot be read is passed
 * over. */
void keyring_know_all(struct keyring *k);

/* What follows a party's name in the names of files: of the pair that others seal to, and that also signs unless there
 * is one for signatures apart. */
#define KEYRING_KEY ".key"
#define KEYRING_CERTIFICATE ".pem"
#define KEYRING_SIGN ".sign" /* NAME.sign.key, NAME.sign.pem */

/* One's own certificate and key, to open with: NAME.pem and NAME.key. Says what is wrong and what to run. */
enum exit_code keyring_identity(struct keyring *k, const struct party *party, struct identity *identity);
/* The pair to sign with: NAME.sign.pem and NAME.sign.key where they are, else those above. `*sealing` is then the
 * certificate in NAME.pem, a reference; null when it is the signer's own, or there is none. */
enum exit_code keyring_signer(struct keyring *k, const struct party *party, struct identity *signer,
                              struct certificate **sealing);
enum exit_code keyring_identity_files(struct keyring *k, const char *certificate, const char *key,
                                      struct identity *identity);

/* The certificates of a party that name it, are trusted and fit to seal to, from the contacts, else from the own keys.
 * The caller releases `*count` references. Says what is missing and what to run: EXIT_UNREADABLE. */
enum exit_code keyring_readers(struct keyring *k, const struct party *party, int64_t now,
                               struct certificate *out[KEYRING_OF_PARTY_MAX], size_t *count);

/* Whether the certificate names the party, exactly. */
bool keyring_names(const struct certificate *c, const struct party *party);

/* How a certificate is shown: "alice@home.example", "proxy1.home.example". */
const char *keyring_shown_name(const struct certificate *c, char out[PARTY_NAME_MAX]);

/* Every certificate in a PEM text; the caller releases `*count` references. `*rule` says why it could not be read. */
enum rule keyring_read_certificates(struct arena *arena, struct span pem, struct certificate **out, size_t max,
                                    size_t *count);

/* The one certificate in a PEM file; the caller releases it. When there is no such file and `advice`, which says what to do
 * then, is null, `*out` is null and that is no failure. Says what is wrong. */
enum exit_code keyring_read_certificate(struct arena *arena, const char *path, const char *advice,
                                        struct certificate **out);

#endif
