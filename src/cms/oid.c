#include "cms/oid.h"

static const struct {
    const char *dotted;
    struct span octets;
} table[OID_COUNT] = {
    [OID_UNKNOWN] = {"", {0}},
#define OID_ROW(constant, dotted, octets, source) [constant] = {dotted, SPAN_INIT(octets)},
    OIDS(OID_ROW)
#undef OID_ROW
};

enum oid oid_of(struct span octets)
{
    for (int i = OID_UNKNOWN + 1; i < OID_COUNT; i++)
        if (span_equal(table[i].octets, octets))
            return (enum oid)i;
    return OID_UNKNOWN;
}

struct span oid_octets(enum oid oid)
{
    return table[oid].octets;
}

const char *oid_dotted(enum oid oid)
{
    return table[oid].dotted;
}
