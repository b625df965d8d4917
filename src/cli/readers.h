/* Who can read a sealed part, by name where the name is known (protocol.md 4, Recipient). */
#ifndef SIPSEAL_CLI_READERS_H
#define SIPSEAL_CLI_READERS_H

#include "cli/keyring.h"
#include "sipseal/cms.h"
#include "sipseal/proof.h"

struct reader_name {
    char name[PARTY_NAME_MAX]; /* empty: no certificate is known that names it and can be trusted */
    bool self;
    bool has_hash;
    uint8_t hash[CERTIFICATE_HASH_LEN];
};

struct reader_names {
    struct reader_name reader[CMS_READERS_MAX];
    size_t count;
};

/* Where names are looked for. */
struct reader_sources {
    struct keyring *keyring;
    const struct proof *proof;         /* certificates that came along are candidates (may be null) */
    const struct certificate *self;    /* may be null */
    int64_t now;
};

/* From what the RecipientInfos say. */
void readers_of_object(const struct reader_sources *sources, const struct cms_readers *readers,
                       struct reader_names *out);
/* From what the sender signed: by certificate. */
void readers_of_signed(const struct reader_sources *sources, const struct sealed_for *sealed_for,
                       struct reader_names *out);

/* "you, proxy1.home.example and 1 unnamed reader" */
void readers_print(const struct reader_names *names);
json_t *readers_json(const struct reader_names *names);

#endif
