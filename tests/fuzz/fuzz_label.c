/* Any bytes as a value of Proxy-Inspect-Body: what is read is written and read again to the same label. */
#include <stdlib.h>

#include "sipseal/label.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text[8192];
    const struct span name = SPAN("Proxy-Inspect-Body: ");
    struct label label, again;
    if (label_parse(span_of(data, size), &label) != RULE_OK)
        return 0;
    require(label.cid_count >= 1 && label.cid_count <= LABEL_CIDS_MAX);
    require(label.host.len >= 1 && label.host.len <= LABEL_HOST_MAX && span_within(label.host, label.value));
    for (size_t i = 0; i < label.cid_count; i++)
        require(label.cid[i].len <= LABEL_CID_MAX && span_within(label.cid[i], label.value));

    struct writer w = writer_over(text, sizeof text);
    label_write(&w, &label);
    require(!w.full && span_starts(writer_span(&w), name));
    struct span value = span_trim(span_part(writer_span(&w), name.len, w.len));
    require(label_parse(value, &again) == RULE_OK && label_equal(&label, &again));
    require(labels_find(&(struct labels){.label = {again}, .count = 1}, &label.host, 1, label.cid[0]) != NULL);
    return 0;
}
