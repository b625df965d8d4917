/* policy_object: what this server tells of its policy, and who signs it (protocol.md 6). */
#include "config/config_reader.h"
#include "sipseal/policy_object.h"

enum { EXPIRES_LEAST = 60 };

void read_policy_object(struct config_reader *r, struct yaml_value v)
{
    struct policy_object_settings *s = &r->config->policy_object;
    struct yaml_map m = yaml_map_of(v);
    r->policy_object = v;
    r->policy_object_certificate = yaml_key(&m, "certificate", YAML_OPTIONAL);
    r->policy_object_private_key = yaml_key(&m, "private_key", YAML_OPTIONAL);
    s->expires_in = POLICY_OBJECT_EXPIRES_DEFAULT;
    read_host(yaml_key(&m, "domain", YAML_REQUIRED), &s->domain);
    yaml_seconds(yaml_key(&m, "expires_in", YAML_OPTIONAL), EXPIRES_LEAST, POLICY_OBJECT_EXPIRES_MAX, &s->expires_in);
    read_path(r, r->policy_object_certificate, &s->certificate_path);
    read_path(r, r->policy_object_private_key, &s->private_key_path);
    yaml_map_end(&m);
}

void check_policy_object(struct config_reader *r)
{
    if (!yaml_given(r->policy_object))
        return;
    if (!yaml_given(r->keys))
        yaml_fault(r->policy_object, "needs a section keys, whose certificate others seal to; add it, or remove this "
                                     "section");
    if (yaml_given(r->policy_object_certificate) != yaml_given(r->policy_object_private_key))
        yaml_fault(r->policy_object, "certificate and private_key belong together; give both, or neither");
}
