/* A file of those who are believed: authorities' certificates and revocation lists, in PEM. */
#ifndef SIPSEAL_CLI_TRUST_FILE_H
#define SIPSEAL_CLI_TRUST_FILE_H

#include "cli/command.h"
#include "sipseal/arena.h"

/* Who takes what the file holds, in DER, which is gone afterwards. */
struct trust_file_taker {
    enum rule (*certificate)(void *context, struct span der);
    enum rule (*list)(void *context, struct span der);
    void *context;
};

/* Has all certificates taken, then all lists, by way of the arena. A file without a certificate is a failure; one that
 * is not there is none when `advice`, which says what to do then, is null. Says what is wrong. */
enum exit_code trust_file_read(struct arena *arena, const char *path, const char *advice,
                               const struct trust_file_taker *taker);

#endif
