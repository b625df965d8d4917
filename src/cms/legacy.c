#include "sipseal/cms.h"

unsigned cms_legacy_named(struct span name)
{
    if (span_equal(name, SPAN("cbc")))
        return CMS_LEGACY_CBC;
    return span_equal(name, SPAN("pkcs1")) ? CMS_LEGACY_PKCS1 : 0;
}

const char *cms_legacy_text(unsigned legacy)
{
    static const char *const text[] = {
        [0] = "", [CMS_LEGACY_CBC] = "cbc", [CMS_LEGACY_PKCS1] = "pkcs1", [CMS_LEGACY_ALL] = "cbc pkcs1"};
    return text[legacy & CMS_LEGACY_ALL];
}
