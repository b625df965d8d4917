/* What the parent tells net about sockets, routes and policy. */
#include "ipc/fields.h"
#include "ipc/ipc.h"

#include <netinet/in.h>

/* --- a transport and an address --- */

static void write_hop(struct writer *w, const struct hop *hop)
{
    writer_u8(w, (uint8_t)hop->transport);
    field_write_address(w, &hop->address);
}

static bool read_hop(struct cursor *c, struct hop *hop)
{
    unsigned transport;
    if (!field_enum(c, SIP_TLS, &transport) || transport < SIP_UDP)
        return false;
    hop->transport = (enum sip_transport)transport;
    return field_address(c, &hop->address, &hop->address_len);
}

void ipc_write_listen(struct writer *w, uint32_t number, const struct hop *hop)
{
    ipc_begin(w, IPC_SETUP_LISTEN, 0);
    writer_u32(w, number);
    write_hop(w, hop);
    ipc_end(w);
}

enum rule ipc_read_listen(struct cursor *fields, uint32_t *number, struct hop *hop)
{
    *hop = (struct hop){0};
    return fields_end(field_number(fields, 0, UINT32_MAX - 1, number) && read_hop(fields, hop), fields);
}

/* --- a route --- */

static void write_block_of_addresses(struct writer *w, const struct address_block *block)
{
    field_write_address(w, &block->address);
    writer_u8(w, (uint8_t)block->prefix);
}

static bool read_block_of_addresses(struct cursor *c, struct address_block *block)
{
    socklen_t len;
    if (!field_address(c, &block->address, &len))
        return false;
    return field_enum(c, block->address.ss_family == AF_INET ? 32 : 128, &block->prefix);
}

static bool read_allow(struct cursor *c, struct route *route)
{
    if (!field_count(c, CONFIG_ALLOW_MAX, &route->allow_count))
        return false;
    for (size_t i = 0; i < route->allow_count; i++)
        if (!read_block_of_addresses(c, &route->allow[i]))
            return false;
    return true;
}

void ipc_write_route(struct writer *w, const struct route *route)
{
    ipc_begin(w, IPC_SETUP_ROUTE, 0);
    writer_block(w, route->domain);
    field_write_bool(w, route->registrar);
    field_write_count(w, route->allow_count);
    for (size_t i = 0; i < route->allow_count; i++)
        write_block_of_addresses(w, &route->allow[i]);
    field_write_bool(w, route->record_route);
    field_write_bool(w, route->has_next);
    if (route->has_next) {
        write_hop(w, &route->next);
        writer_block(w, route->next_uri);
    }
    ipc_end(w);
}

enum rule ipc_read_route(struct cursor *fields, struct route *route)
{
    *route = (struct route){0};
    bool read = field_text(fields, FIELD_HOST_MAX, false, &route->domain) && field_bool(fields, &route->registrar) &&
                read_allow(fields, route) && field_bool(fields, &route->record_route) &&
                field_bool(fields, &route->has_next);
    if (read && route->has_next)
        read = read_hop(fields, &route->next) && field_text(fields, CONFIG_URI_MAX, false, &route->next_uri);
    return fields_end(read, fields);
}

/* --- the policy --- */

static void write_texts(struct writer *w, const struct span *text, size_t count)
{
    field_write_count(w, count);
    for (size_t i = 0; i < count; i++)
        writer_block(w, text[i]);
}

static bool read_texts(struct cursor *c, size_t max, size_t text_max, struct span *text, size_t *count)
{
    if (!field_count(c, max, count))
        return false;
    for (size_t i = 0; i < *count; i++)
        if (!field_text(c, text_max, false, &text[i]))
            return false;
    return true;
}

static void write_policy_rule(struct writer *w, const struct policy_rule *rule)
{
    write_texts(w, rule->method, rule->method_count);
    writer_u8(w, (uint8_t)rule->direction);
    write_texts(w, rule->content, rule->content_count);
    writer_u8(w, (uint8_t)rule->require);
    writer_u8(w, (uint8_t)rule->plain);
    writer_u8(w, (uint8_t)rule->mode);
}

static bool read_policy_rule(struct cursor *c, struct policy_rule *rule)
{
    unsigned direction, plain, mode;
    if (!read_texts(c, POLICY_METHODS_MAX, CONFIG_TOKEN_MAX, rule->method, &rule->method_count) ||
        !field_enum(c, POLICY_TO_DOMAIN, &direction) ||
        !read_texts(c, POLICY_CONTENT_MAX, CONFIG_TOKEN_MAX, rule->content, &rule->content_count) ||
        !field_enum(c, LABEL_VIEW | LABEL_VERIFY, &rule->require) || !field_enum(c, POLICY_PLAIN_REFUSE, &plain) ||
        !field_enum(c, POLICY_ENFORCE, &mode))
        return false;
    rule->direction = (enum policy_direction)direction;
    rule->plain = (enum policy_plain)plain;
    rule->mode = (enum policy_mode)mode;
    return true;
}

static bool read_policy_rules(struct cursor *c, struct policy *policy)
{
    if (!field_count(c, POLICY_RULES_MAX, &policy->rule_count))
        return false;
    for (size_t i = 0; i < policy->rule_count; i++)
        if (!read_policy_rule(c, &policy->rule[i]))
            return false;
    return true;
}

void ipc_write_policy(struct writer *w, const struct policy *policy)
{
    ipc_begin(w, IPC_SETUP_POLICY, 0);
    field_write_count(w, policy->rule_count);
    for (size_t i = 0; i < policy->rule_count; i++)
        write_policy_rule(w, &policy->rule[i]);
    write_texts(w, policy->domain, policy->domain_count);
    ipc_end(w);
}

enum rule ipc_read_policy(struct cursor *fields, struct policy *policy)
{
    *policy = (struct policy){0};
    bool read = read_policy_rules(fields, policy) &&
                read_texts(fields, POLICY_DOMAINS_MAX, FIELD_HOST_MAX, policy->domain, &policy->domain_count);
    return fields_end(read, fields);
}
