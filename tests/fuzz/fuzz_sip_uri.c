/* Any bytes as a URI, an address, a Via. What is found lies where it was found; what is written reads as the same. */
#include <stdlib.h>

#include "sipseal/sip_response.h"
#include "sipseal/sip_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool lies_in(struct span inner, struct span outer)
{
    return inner.len == 0 || span_within(inner, outer);
}

static void look_at_uri(struct span text)
{
    static uint8_t shown[3 * 65536], key[3 * 65536], key_again[3 * 65536];
    struct sip_uri uri;
    struct span value;
    if (text.len > 65536 || sip_uri_parse(text, &uri) != RULE_OK)
        return;
    require(lies_in(uri.user, text) && lies_in(uri.host, text) && lies_in(uri.params, text));
    require(!sip_uri_param(&uri, "transport", &value) || lies_in(value, uri.params));
    if (uri.scheme != SIP_SCHEME_SIP && uri.scheme != SIP_SCHEME_SIPS) {
        require(!sip_same_aor(text, text));
        return;
    }
    require(uri.host.len > 0 && sip_uri_in_domain(text, uri.host) && sip_same_aor(text, text));
    struct writer w = writer_over(shown, sizeof shown);
    require(sip_write_aor(&w, text) && sip_same_aor(writer_span(&w), text));
    struct writer k = writer_over(key, sizeof key), again = writer_over(key_again, sizeof key_again);
    require(sip_write_aor_key(&k, text) && sip_same_aor(writer_span(&k), text));
    require(sip_write_aor_key(&again, writer_span(&k)) && span_equal(writer_span(&again), writer_span(&k)));
}

static void look_at_addresses(struct span text)
{
    struct cursor c = cursor_over(text);
    struct sip_address address;
    struct span tag;
    do {
        if (sip_address_take(&c, &address) != RULE_OK)
            return;
        require(address.uri.len > 0 && lies_in(address.uri, text) && lies_in(address.params, text));
        require(lies_in(address.display, text));
        require(sip_param(address.params, "tag", &tag) == (address.tag.len > 0) && span_equal(tag, address.tag));
        look_at_uri(address.uri);
    } while (cursor_accept(&c, ','));
    require(cursor_done(&c));
}

static void look_at_via(struct span text)
{
    static uint8_t bytes[2 * 65536];
    const struct sip_source source = {SPAN("2001:db8::9"), 4242};
    struct cursor c = cursor_over(text);
    struct sip_via via, again;
    struct writer w = writer_over(bytes, sizeof bytes);
    if (text.len > 65536 || sip_via_take(&c, &via) != RULE_OK)
        return;
    require(lies_in(via.text, text) && lies_in(via.branch, via.params) && lies_in(via.received, via.params));
    sip_via_write_source(&w, &via, &source);
    c = cursor_over(writer_span(&w));
    require(!w.full && sip_via_take(&c, &again) == RULE_OK && cursor_done(&c));
    require(span_equal(via.branch, again.branch) && span_equal(via.host, again.host) && via.port == again.port);
    require(via.has_rport == again.has_rport && (!via.has_rport || again.rport == 4242));
    require(span_equal(again.received, source.address) || span_equal_nocase(via.host, source.address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    look_at_uri(text);
    look_at_addresses(text);
    look_at_via(text);
    return 0;
}
