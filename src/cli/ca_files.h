/* The certificate authority's folder: ca.key, ca.pem, and what it has revoked. */
#ifndef SIPSEAL_CLI_CA_FILES_H
#define SIPSEAL_CLI_CA_FILES_H

#include "cli/keyring.h"
#include "sipseal/issue.h"

enum { CA_REVOKED_MAX = 4096, CA_SERIAL_MAX = 20 /* RFC 5280 4.1.2.2 */ };

struct authority {
    struct arena arena; /* wiped when it is closed */
    struct identity identity;
    char folder[PATH_MAX];
};

/* The folder that `option` names, else ca in the user's data. False, after saying so, when the name is too long. */
bool authority_folder(const struct cli *cli, const char *option, char out[PATH_MAX]);

/* Makes a key, of a kind that can sign, and a certificate; refuses when either file is there. */
enum exit_code authority_make(const char *folder, const char *name, enum issue_key_kind kind, uint32_t days,
                              int64_t now);

/* Reads key and certificate. On failure there is nothing to close. */
enum exit_code authority_open(const char *folder, struct authority *a);
void authority_close(struct authority *a);

/* What the authority has revoked: `revoked` in its folder, a line for each serial number in hexadecimal, after a line
 * with the number of the list that was made last. */
struct revoked {
    uint32_t number;
    struct span serial[CA_REVOKED_MAX]; /* in the authority's arena */
    size_t count;
};
enum exit_code revoked_read(struct authority *a, struct revoked *r);
/* Adds a serial number; nothing changes when it is there already. False when there are too many. */
bool revoked_add(struct authority *a, struct revoked *r, struct span serial);
/* Makes a new revocation list, and writes crl.pem and `revoked`. */
enum exit_code revoked_write(struct authority *a, struct revoked *r, uint32_t days, int64_t now);

/* Puts the authority's certificate and revocation list, if there is one, into FOLDER/trust.pem, in place of those that
 * stand there for this authority; what it holds of other authorities stays. */
enum exit_code authority_write_trust(struct authority *a, const char *folder);

#endif
