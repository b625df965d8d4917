#include "cms/content_info.h"

enum rule content_info_open(struct span der, enum oid type, struct cursor *content)
{
    struct cursor c = cursor_over(der);
    enum oid found;
    if (!der_well_formed(der))
        return RULE_CMS_DER;
    if (!der_enter(&c, DER_SEQUENCE, &c) || !der_take_oid(&c, &found))
        return RULE_CMS_STRUCTURE;
    if (found != type)
        return RULE_CMS_TYPE;
    if (!der_enter(&c, DER_CONTEXT_CONSTRUCTED(0), content) || !cursor_done(&c))
        return RULE_CMS_STRUCTURE;
    c = *content;
    if (!der_enter(&c, DER_SEQUENCE, content) || !cursor_done(&c))
        return RULE_CMS_STRUCTURE;
    return RULE_OK;
}

void content_info_wrap(struct der_writer *w, enum oid type, size_t mark)
{
    der_wrap(w, DER_SEQUENCE, mark);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
    der_put_oid(w, type);
    der_wrap(w, DER_SEQUENCE, mark);
}
