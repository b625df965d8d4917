/* Whom a name on the command line means: a user by address-of-record, or a proxy by host name. */
#ifndef SIPSEAL_UA_PARTY_H
#define SIPSEAL_UA_PARTY_H

#include "sipseal/bytes.h"

enum { PARTY_NAME_MAX = 256 };

struct party {
    bool is_user;
    char name[PARTY_NAME_MAX];     /* "alice@home.example", "proxy1.home.example": host in lower case */
    char uri[PARTY_NAME_MAX + 4];  /* of a user: "sip:alice@home.example"; of a host: empty */
    char host[PARTY_NAME_MAX];     /* the domain of a user, or the host itself */
    char file[PARTY_NAME_MAX * 3]; /* the name as part of a file name: bytes that could leave the folder or hide the
                                      file are percent-encoded */
};

/* Reads "alice@home.example", "sip:alice@home.example" or "proxy1.home.example"; a port, a password and parameters are
 * left out. False when it is none of them, or too long. */
bool party_parse(struct span text, struct party *party);

/* A Content-ID of this party's messages, "HEX@home.example", from random bytes; written with a NUL. */
enum { PARTY_CID_RANDOM = 16, PARTY_CID_MAX = PARTY_CID_RANDOM * 2 + 1 + PARTY_NAME_MAX };
void party_content_id(const struct party *party, const uint8_t random[PARTY_CID_RANDOM], char out[PARTY_CID_MAX]);

#endif
