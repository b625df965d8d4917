#include "cms/oid.h"

static const struct span table[OID_COUNT] = {
#define OID_ROW(constant, dotted, octets, source) [constant] = SPAN_INIT(octets),
    OIDS(OID_ROW)
#undef OID_ROW
};

enum oid oid_of(struct span octets)
{
    for (int i = OID_UNKNOWN + 1; i < OID_COUNT; i++)
        if (span_equal(table[i], octets))
            return (enum oid)i;
    return OID_UNKNOWN;
}

struct span oid_octets(enum oid oid)
{
    return table[oid];
}
