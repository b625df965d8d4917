#include "ipc/fields.h"

#include <netinet/in.h>

void field_write_bool(struct writer *w, bool value)
{
    writer_u8(w, value ? 1 : 0);
}

bool field_bool(struct cursor *c, bool *value)
{
    unsigned v;
    if (!field_enum(c, 1, &v))
        return false;
    *value = v == 1;
    return true;
}

bool field_enum(struct cursor *c, unsigned max, unsigned *value)
{
    uint8_t v;
    if (!cursor_u8(c, &v) || v > max)
        return false;
    *value = v;
    return true;
}

void field_write_count(struct writer *w, size_t count)
{
    if (count > UINT16_MAX)
        w->full = true;
    writer_u16(w, (uint16_t)count);
}

bool field_count(struct cursor *c, size_t max, size_t *count)
{
    uint16_t v;
    if (!cursor_u16(c, &v) || v > max)
        return false;
    *count = v;
    return true;
}

bool field_number(struct cursor *c, uint32_t min, uint32_t max, uint32_t *value)
{
    return cursor_u32(c, value) && *value >= min && *value <= max;
}

bool field_seconds(struct cursor *c, int64_t *value)
{
    return cursor_i64(c, value) && *value >= 0;
}

bool field_bytes(struct cursor *c, size_t max, struct span *out)
{
    return cursor_block(c, out) && out->len <= max;
}

bool field_text(struct cursor *c, size_t max, bool may_be_empty, struct span *out)
{
    return field_bytes(c, max, out) && (may_be_empty || out->len) && span_find(*out, 0) == out->len;
}

enum { FAMILY_IPV4 = 4, FAMILY_IPV6 = 6 };

void field_write_address(struct writer *w, const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        writer_u8(w, FAMILY_IPV4);
        writer_put(w, span_of(&in.sin_addr, sizeof in.sin_addr));
        writer_put(w, span_of(&in.sin_port, sizeof in.sin_port)); /* network byte order already */
    } else if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        writer_u8(w, FAMILY_IPV6);
        writer_put(w, span_of(&in6.sin6_addr, sizeof in6.sin6_addr));
        writer_put(w, span_of(&in6.sin6_port, sizeof in6.sin6_port));
        writer_u32(w, in6.sin6_scope_id);
    } else {
        w->full = true;
    }
}

static bool read_ipv4(struct cursor *c, struct sockaddr_storage *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct span ip, port;
    if (!cursor_take(c, sizeof in.sin_addr, &ip) || !cursor_take(c, sizeof in.sin_port, &port))
        return false;
    memcpy(&in.sin_addr, ip.at, ip.len);
    memcpy(&in.sin_port, port.at, port.len);
    memcpy(address, &in, sizeof in);
    return true;
}

static bool read_ipv6(struct cursor *c, struct sockaddr_storage *address)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct span ip, port;
    if (!cursor_take(c, sizeof in6.sin6_addr, &ip) || !cursor_take(c, sizeof in6.sin6_port, &port) ||
        !cursor_u32(c, &in6.sin6_scope_id))
        return false;
    memcpy(&in6.sin6_addr, ip.at, ip.len);
    memcpy(&in6.sin6_port, port.at, port.len);
    memcpy(address, &in6, sizeof in6);
    return true;
}

bool field_address(struct cursor *c, struct sockaddr_storage *address, socklen_t *len)
{
    uint8_t family;
    memset(address, 0, sizeof *address);
    if (!cursor_u8(c, &family))
        return false;
    if (family == FAMILY_IPV4) {
        *len = sizeof(struct sockaddr_in);
        return read_ipv4(c, address);
    }
    *len = sizeof(struct sockaddr_in6);
    return family == FAMILY_IPV6 && read_ipv6(c, address);
}

void field_write_names(struct writer *w, const struct span *name, size_t count)
{
    field_write_count(w, count);
    for (size_t i = 0; i < count; i++)
        writer_block(w, name[i]);
}

bool field_names(struct cursor *c, size_t max, struct span *name, size_t *count)
{
    if (!field_count(c, max, count) || *count == 0)
        return false;
    for (size_t i = 0; i < *count; i++)
        if (!field_text(c, FIELD_HOST_MAX, false, &name[i]))
            return false;
    return true;
}
