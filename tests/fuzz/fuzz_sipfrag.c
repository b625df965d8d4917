/* Any bytes as a signed copy of headers: a complete one is written and read again to the same copy. */
#include <stdlib.h>

#include "sipseal/sipfrag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_complete(const struct sipfrag *f)
{
    return f->has_from && f->has_call_id && f->has_cseq && f->has_date && (f->has_to || f->context.is_response);
}

static bool same_sealed_for(const struct sipfrag *a, const struct sipfrag *b)
{
    if (a->has_sealed_for != b->has_sealed_for || !a->has_sealed_for)
        return a->has_sealed_for == b->has_sealed_for;
    return span_equal(a->sealed_for.cid, b->sealed_for.cid) &&
           a->sealed_for.reader_count == b->sealed_for.reader_count &&
           memcmp(a->sealed_for.reader, b->sealed_for.reader, sizeof a->sealed_for.reader) == 0;
}

static void check_again(const struct sipfrag *frag)
{
    static uint8_t text[128 * 1024];
    struct sipfrag again;
    struct writer w = writer_over(text, sizeof text);
    sipfrag_write(&w, &frag->context, &frag->labels, frag->has_sealed_for ? &frag->sealed_for : NULL);
    require(!w.full);
    require(sipfrag_parse(writer_span(&w), &again) == RULE_OK && is_complete(&again));
    require(again.date == frag->date && again.context.cseq == frag->context.cseq);
    require(span_equal(again.context.from_uri, frag->context.from_uri));
    require(span_equal(again.context.to_uri, frag->context.to_uri));
    require(labels_equal(&again.labels, &frag->labels) && same_sealed_for(&again, frag));

    struct message_context message = frag->context;
    if (message.is_response)
        message.to_tag = message.from_tag; /* the responder's */
    require(sipfrag_check(&again, &message) == RULE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sipfrag frag;
    if (sipfrag_parse(span_of(data, size), &frag) == RULE_OK && is_complete(&frag))
        check_again(&frag);
    return 0;
}
