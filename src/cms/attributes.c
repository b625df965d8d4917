#include "cms/attributes.h"

static bool read_one(struct cursor *c, struct attribute *attribute)
{
    struct cursor in, values;
    struct der value;
    if (!der_enter(c, DER_SEQUENCE, &in) || !der_take_content(&in, DER_OID, &attribute->type) ||
        !der_enter(&in, DER_SET, &values) || !cursor_done(&in) || !der_take(&values, &value) || !cursor_done(&values))
        return false;
    attribute->oid = oid_of(attribute->type);
    attribute->value = value.whole;
    return true;
}

enum rule attributes_read(struct span content, struct attributes *out)
{
    struct cursor c = cursor_over(content);
    out->count = 0;
    if (cursor_done(&c))
        return RULE_CMS_STRUCTURE;
    while (!cursor_done(&c)) {
        if (out->count == CMS_ATTRIBUTES_MAX)
            return RULE_CMS_LIMIT;
        struct attribute *attribute = &out->attribute[out->count];
        if (!read_one(&c, attribute))
            return RULE_CMS_STRUCTURE;
        for (size_t i = 0; i < out->count; i++)
            if (span_equal(out->attribute[i].type, attribute->type))
                return RULE_CMS_STRUCTURE;
        out->count++;
    }
    return RULE_OK;
}

struct span attribute_value(const struct attributes *attributes, enum oid oid)
{
    for (size_t i = 0; i < attributes->count; i++)
        if (attributes->attribute[i].oid == oid)
            return attributes->attribute[i].value;
    return (struct span){0};
}
