/* The reading of one configuration, handed from section to section. Private to src/config. */
#ifndef SIPSEAL_CONFIG_CONFIG_READER_H
#define SIPSEAL_CONFIG_CONFIG_READER_H

#include "config/config.h"
#include "config/yaml_schema.h"

enum { HOST_TEXT_MAX = 253 }; /* RFC 1035 2.3.4 */

struct config_reader {
    struct config *config;
    struct yaml_file file;
    bool look_outside; /* at files, users and names; else at the text alone */
    const char *folder; /* of the configuration */
    /* Where things stand that are judged when everything is read. */
    struct yaml_value keys, certificate, private_key, trust;
    struct yaml_value former_certificate[CONFIG_FORMER_KEYS_MAX], former_private_key[CONFIG_FORMER_KEYS_MAX];
    struct yaml_value tls, tls_certificate, tls_private_key, tls_trust;
    struct yaml_value archive, reader[CONFIG_READERS_MAX];
    struct yaml_value listen, policy;
    struct yaml_value policy_object, policy_object_certificate, policy_object_private_key;
};

/* A host name or an address, in lower case. */
bool read_host(struct yaml_value v, struct span *host);

/* The sections. */
void read_routes(struct config_reader *r, struct yaml_value v);
void read_policy(struct config_reader *r, struct yaml_value v);
void read_tls(struct config_reader *r, struct yaml_value v);
void read_control(struct config_reader *r, struct yaml_value v);
void read_metrics(struct config_reader *r, struct yaml_value v);
void read_hep(struct config_reader *r, struct yaml_value v);
void read_policy_object(struct config_reader *r, struct yaml_value v);

/* A path; relative ones are relative to the folder of the configuration, those that begin with ~/ to the home of who
 * started this program. */
bool read_path(struct config_reader *r, struct yaml_value v, const char **path);

/* What only shows when all sections are read: own domains, routes that no socket serves, rules that need keys. */
void check_routes(struct config_reader *r);
void check_policy(struct config_reader *r);
void check_policy_object(struct config_reader *r);
void check_tls(struct config_reader *r);

#endif
