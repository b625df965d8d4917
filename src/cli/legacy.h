/* The option --legacy: what is opened for legacy peers (protocol.md 2.2). */
#ifndef SIPSEAL_CLI_LEGACY_H
#define SIPSEAL_CLI_LEGACY_H

#include "cli/command.h"

#define LEGACY_OPTION                                                                                                  \
    {.name = "legacy", .value = "cbc|pkcs1", .help = "also open what old peers seal so", .many = true}

/* All that were given, as enum cms_legacy (sipseal/cms.h). */
enum exit_code legacy_read(const struct cli *cli, unsigned *legacy);

#endif
