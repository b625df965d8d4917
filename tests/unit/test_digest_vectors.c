/* Digest answers that others have printed (RFC 2617, RFC 7616 and drafts), recomputed by whoever collected them. */
#include "test.h"

#include <jansson.h>
#include <unistd.h>

#include "sipseal/sip_digest.h"

static struct span text_of(const json_t *entry, const char *name)
{
    return span_text(json_string_value(json_object_get(entry, name)));
}

/* Without qop and with -sess, credentials are refused here: nothing to compare. */
static bool applies(const json_t *entry)
{
    return json_object_get(entry, "alg") && text_of(entry, "qop").len && !json_is_true(json_object_get(entry, "sess"));
}

static void compare(const json_t *entry)
{
    struct digest_hex ha1, ha2, response;
    struct digest_round round = {
        .qop = span_equal(text_of(entry, "qop"), SPAN("auth-int")) ? DIGEST_AUTH_INT : DIGEST_AUTH,
        .nonce = text_of(entry, "nonce"),
        .nc_text = text_of(entry, "nc"),
        .cnonce = text_of(entry, "cnonce"),
    };
    assert_true(digest_algorithm_of(text_of(entry, "alg"), &round.algorithm));
    assert_true(digest_ha1(round.algorithm, text_of(entry, "user"), text_of(entry, "realm"), text_of(entry, "pw"), &ha1));
    assert_true(digest_ha2(round.algorithm, round.qop, text_of(entry, "method"), text_of(entry, "uri"),
                           text_of(entry, "body"), &ha2));
    assert_true(digest_response(&round, &ha1, &ha2, &response));
    assert_span_equal(span_text(response.text), text_of(entry, "expected"));
}

/* Absent is a reason to skip; there and unreadable is not. */
static json_t *load(void)
{
    static const char path[] = VECTORS "/digest/digest-vectors.json";
    if (access(path, F_OK) != 0) {
        print_message("the vectors are absent: %s\n", path);
        skip();
    }
    json_t *list = json_load_file(path, 0, NULL);
    assert_non_null(list);
    return list;
}

static void printed_answers_are_ours(void **state)
{
    json_t *list = load();
    size_t i, compared = 0;
    json_t *entry;
    (void)state;
    json_array_foreach(list, i, entry)
        if (applies(entry)) {
            compare(entry);
            compared++;
        }
    assert_true(compared >= 4);
    json_decref(list);
}

/* RFC 7616 3.9.2 as printed was computed with SHA-512 cut off; ours is SHA-512/256 of FIPS 180-4. */
static void sha_512_256_is_that_of_fips_and_not_sha_512_cut_off(void **state)
{
    json_t *list = load();
    size_t i;
    json_t *entry;
    bool found = false;
    struct digest_hex ha1, ha2, response;
    const struct digest_round round = {DIGEST_SHA512_256, DIGEST_AUTH,
                                       SPAN("5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"), SPAN("00000001"),
                                       SPAN("NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")};
    (void)state;
    assert_true(digest_ha1(round.algorithm, SPAN("J\xc3\xa4s\xc3\xb8n Doe"), SPAN("api@example.org"),
                           SPAN("Secret, or not?"), &ha1));
    assert_true(digest_ha2(round.algorithm, round.qop, SPAN("GET"), SPAN("/doe.json"), (struct span){0}, &ha2));
    assert_true(digest_response(&round, &ha1, &ha2, &response));
    json_array_foreach(list, i, entry)
        found |= span_equal(text_of(entry, "response"), span_text(response.text)) &&
                 span_find_span(text_of(entry, "source"), SPAN("real")) < text_of(entry, "source").len;
    assert_true(found);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printed_answers_are_ours),
        cmocka_unit_test(sha_512_256_is_that_of_fips_and_not_sha_512_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
