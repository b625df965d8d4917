#include "test.h"

#include <openssl/objects.h>
#include <stdlib.h>

#include "cms/der.h"

/* Bytes from hexadecimal digits, in memory of exactly that size, so that a read past the end is seen. */
static struct span bytes(const char *hex)
{
    size_t len = strlen(hex) / 2;
    uint8_t *at = malloc(len ? len : 1);
    assert_non_null(at);
    assert_true(hex_decode(span_text(hex), at, len));
    return span_of(at, len);
}

static bool well_formed(const char *hex)
{
    struct span s = bytes(hex);
    bool ok = der_well_formed(s);
    free((void *)(uintptr_t)s.at);
    return ok;
}

static void only_definite_lengths_in_their_shortest_form_are_read(void **state)
{
    (void)state;
    assert_true(well_formed("0400"));
    assert_true(well_formed("040161"));
    assert_false(well_formed("3080020101"
                             "0000")); /* indefinite */
    assert_false(well_formed("24800401610000"));
    assert_false(well_formed("04810161"));   /* 81 01 for 1 */
    assert_false(well_formed("0482000161"));  /* a leading zero */
    assert_false(well_formed("0484ffffffff")); /* longer than anything here */
    assert_false(well_formed("0485000000000161"));
    assert_false(well_formed("04ff61"));
    uint8_t long_form[3 + 128] = {0x04, 0x81, 0x80}, longer[4 + 256] = {0x04, 0x82, 0x01, 0x00};
    assert_true(der_well_formed(span_of(long_form, sizeof long_form)));
    assert_true(der_well_formed(span_of(longer, sizeof longer)));
    uint8_t needless[3 + 127] = {0x04, 0x81, 0x7f}, zero[4 + 128] = {0x04, 0x82, 0x00, 0x80};
    assert_false(der_well_formed(span_of(needless, sizeof needless)));
    assert_false(der_well_formed(span_of(zero, sizeof zero)));
}

static void an_object_is_exactly_its_bytes(void **state)
{
    (void)state;
    assert_false(well_formed(""));
    assert_false(well_formed("04"));
    assert_false(well_formed("0401"));
    assert_false(well_formed("040161"
                             "00")); /* something after the end */
    assert_false(well_formed("3003040261")); /* an item that is longer than what it is in */
    assert_false(well_formed("30040401616200"));
    assert_true(well_formed("3003040161"));
    assert_true(well_formed("300630020500"
                            "0500"));
}

static void high_tag_numbers_and_ends_of_contents_are_refused(void **state)
{
    (void)state;
    assert_false(well_formed("1f8101"
                             "00"));
    assert_false(well_formed("bf2100"));
    assert_false(well_formed("0000"));
    assert_false(well_formed("30020000"));
    assert_false(well_formed("0f00"));
}

static void strings_in_pieces_are_refused(void **state)
{
    (void)state;
    assert_false(well_formed("2403040161"));
    assert_false(well_formed("2303030100"));
    assert_false(well_formed("2203020101"));
    assert_false(well_formed("1003020101")); /* a SEQUENCE without an inside */
    assert_false(well_formed("1100"));
    assert_true(well_formed("a003040161"));
    assert_true(well_formed("8003040161")); /* context-specific: what it says is its own affair */
}

static void integers_have_no_needless_octets(void **state)
{
    (void)state;
    assert_true(well_formed("020100"));
    assert_true(well_formed("02017f"));
    assert_true(well_formed("02020080"));
    assert_true(well_formed("0201ff"));
    assert_true(well_formed("0202ff7f"));
    assert_false(well_formed("0200"));
    assert_false(well_formed("0202007f"));
    assert_false(well_formed("0202ff80"));
    assert_false(well_formed("0a02007f"));
}

static void booleans_nulls_bits_and_identifiers_have_one_form(void **state)
{
    (void)state;
    assert_true(well_formed("010100") && well_formed("0101ff"));
    assert_false(well_formed("010101") || well_formed("0100") || well_formed("01020000"));
    assert_true(well_formed("0500"));
    assert_false(well_formed("050100"));
    assert_true(well_formed("030100") && well_formed("03020780") && well_formed("03020000"));
    assert_false(well_formed("0300"));
    assert_false(well_formed("030101"));   /* unused bits of nothing */
    assert_false(well_formed("03020880")); /* eight of them */
    assert_false(well_formed("030207c0")); /* one of them is not zero */
    assert_false(well_formed("06022a86")); /* the last group does not end */
    assert_true(well_formed("06032b6570"));
    assert_false(well_formed("0600"));
    assert_false(well_formed("06032a8001")); /* padded */
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    uint8_t deep[2 * 120];
    for (size_t depth = 1; depth <= 60; depth++) {
        for (size_t i = 0; i < depth; i++) {
            deep[2 * i] = 0x30;
            deep[2 * i + 1] = (uint8_t)(2 * (depth - 1 - i));
        }
        assert_int_equal(der_well_formed(span_of(deep, 2 * depth)), depth <= DER_DEPTH_MAX);
    }
}

static void small_integers_are_read_within_their_bounds(void **state)
{
    (void)state;
    const struct {
        const char *hex;
        bool ok;
        uint32_t value;
    } cases[] = {
        {"020100", true, 0},   {"02017f", true, 127}, {"02020080", true, 128}, {"02047fffffff", true, INT32_MAX},
        {"0201ff", false, 0},  {"0200", false, 0},    {"02020001", false, 0},  {"02050080000000", false, 0},
        {"040100", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span s = bytes(cases[i].hex);
        struct cursor c = cursor_over(s);
        uint32_t value = 0;
        assert_int_equal(der_take_small(&c, &value), cases[i].ok);
        assert_int_equal(value, cases[i].value);
        assert_int_equal(cursor_left(&c), cases[i].ok ? 0 : s.len); /* nothing is taken on failure */
        free((void *)(uintptr_t)s.at);
    }
}

static void times_are_read_in_the_form_of_rfc_5280_alone(void **state)
{
    (void)state;
    const struct {
        uint8_t tag;
        const char *text;
        bool ok;
        int64_t seconds;
    } cases[] = {
        {DER_UTC_TIME, "261123130000Z", true, 1795438800},
        {DER_GENERALIZED_TIME, "20261123130000Z", true, 1795438800},
        {DER_UTC_TIME, "491231235959Z", true, 2524607999},
        {DER_UTC_TIME, "500101000000Z", true, -631152000},
        {DER_GENERALIZED_TIME, "20500101000000Z", true, 2524608000},
        {DER_UTC_TIME, "2611231300Z", false, 0},          /* no seconds */
        {DER_UTC_TIME, "261123130000+0000", false, 0},    /* a zone */
        {DER_GENERALIZED_TIME, "20261123130000.5Z", false, 0},
        {DER_GENERALIZED_TIME, "20261123130000", false, 0},
        {DER_UTC_TIME, "261323130000Z", false, 0},        /* month 13 */
        {DER_UTC_TIME, "260230130000Z", false, 0},
        {DER_UTC_TIME, "26112313000-Z", false, 0},
        {DER_UTC_TIME, "", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t room[64];
        struct der_writer w = der_writer_over(room, sizeof room);
        der_put_item(&w, cases[i].tag, span_text(cases[i].text));
        struct cursor c = cursor_over(der_written(&w));
        int64_t seconds = 0;
        assert_int_equal(der_take_time(&c, &seconds), cases[i].ok);
        assert_true(seconds == cases[i].seconds || !cases[i].ok);
    }
}

static void times_are_written_as_they_are_read(void **state)
{
    (void)state;
    const int64_t times[] = {0, 951782400, 1795438800, 2524607999, 2524608000, -631152000, -631152001, 253402300799};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        uint8_t room[64];
        struct der_writer w = der_writer_over(room, sizeof room);
        der_put_time(&w, times[i]);
        struct cursor c = cursor_over(der_written(&w));
        bool generalized = times[i] >= 2524608000 || times[i] < -631152000;
        assert_int_equal(cursor_peek(&c), generalized ? DER_GENERALIZED_TIME : DER_UTC_TIME);
        int64_t seconds;
        assert_true(der_take_time(&c, &seconds));
        assert_true(seconds == times[i] && cursor_done(&c));
    }
}

static void the_order_of_a_set_is_seen(void **state)
{
    (void)state;
    struct span sorted = bytes("020101"
                               "020102"
                               "04020000");
    struct span equal = bytes("020101"
                              "020101");
    struct span wrong = bytes("020102"
                              "020101");
    struct span broken = bytes("020101"
                               "02");
    assert_true(der_set_is_sorted(sorted));
    assert_true(der_set_is_sorted(equal));
    assert_true(der_set_is_sorted(SPAN("")));
    assert_false(der_set_is_sorted(wrong));
    assert_false(der_set_is_sorted(broken));
    free((void *)(uintptr_t)sorted.at);
    free((void *)(uintptr_t)equal.at);
    free((void *)(uintptr_t)wrong.at);
    free((void *)(uintptr_t)broken.at);
}

static void what_the_writer_writes_the_reader_reads(void **state)
{
    (void)state;
    static uint8_t room[70000], content[66000];
    const size_t lengths[] = {0, 1, 127, 128, 255, 256, 65535, 65536};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct der_writer w = der_writer_over(room, sizeof room);
        size_t mark = der_mark(&w);
        der_put_item(&w, DER_OCTET_STRING, span_of(content, lengths[i]));
        der_put_small(&w, (uint32_t)lengths[i] << 8);
        der_put_oid(&w, OID_AES128_GCM);
        der_put_bits(&w, SPAN("ab"));
        der_put_algorithm(&w, OID_SHA256);
        der_wrap(&w, DER_SEQUENCE, mark);
        assert_false(w.full);
        assert_true(der_well_formed(der_written(&w)));
        struct cursor c = cursor_over(der_written(&w));
        struct der_algorithm algorithm;
        struct span octets;
        uint32_t value;
        enum oid oid;
        assert_true(der_enter(&c, DER_SEQUENCE, &c));
        assert_true(der_take_algorithm(&c, &algorithm));
        assert_int_equal(algorithm.oid, OID_SHA256);
        assert_true(der_no_parameters(&algorithm));
        assert_true(der_take_bits(&c, &octets));
        assert_span_text(octets, "ab");
        assert_true(der_take_oid(&c, &oid) && oid == OID_AES128_GCM);
        assert_true(der_take_small(&c, &value) && value == lengths[i] << 8);
        assert_true(der_take_content(&c, DER_OCTET_STRING, &octets));
        assert_int_equal(octets.len, lengths[i]);
        assert_true(cursor_done(&c));
    }
}

static void a_writer_without_room_says_so_and_stays_within_its_bytes(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 20; cap++) {
        uint8_t room[24];
        memset(room, 0x5a, sizeof room);
        struct der_writer w = der_writer_over(room + 2, cap);
        size_t mark = der_mark(&w);
        der_put_item(&w, DER_OCTET_STRING, SPAN("0123456789"));
        der_put_small(&w, 128);
        der_wrap(&w, DER_SEQUENCE, mark);
        assert_int_equal(w.full, cap < 18);
        assert_int_equal(room[1], 0x5a);
        assert_int_equal(room[2 + cap], 0x5a);
        if (!w.full)
            assert_true(der_well_formed(der_written(&w)));
    }
    struct der_writer nowhere = der_writer_over(NULL, 0);
    der_put_small(&nowhere, 1);
    assert_true(nowhere.full);
    assert_int_equal(der_written(&nowhere).len, 0);
}

static void a_set_is_written_in_order(void **state)
{
    (void)state;
    uint8_t room[64];
    struct span items[] = {SPAN("\x04\x02zz"), SPAN("\x02\x01\x05"), SPAN("\x04\x01z"), SPAN("\x02\x01\x03")};
    struct der_writer w = der_writer_over(room, sizeof room);
    der_put_set_of(&w, DER_SET, items, 4);
    assert_span_text(der_written(&w), "\x31\x0d\x02\x01\x03\x02\x01\x05\x04\x01z\x04\x02zz");
}

static void every_object_identifier_is_well_formed_and_stands_once(void **state)
{
    (void)state;
    for (int i = OID_UNKNOWN + 1; i < OID_COUNT; i++) {
        uint8_t room[32];
        struct der_writer w = der_writer_over(room, sizeof room);
        der_put_oid(&w, (enum oid)i);
        assert_true(der_well_formed(der_written(&w)));
        assert_int_equal(oid_of(oid_octets((enum oid)i)), i);
    }
    assert_int_equal(oid_of(SPAN("\x2a\x03")), OID_UNKNOWN);
    assert_int_equal(oid_of(SPAN("")), OID_UNKNOWN);
}

static void the_octets_are_those_of_the_dotted_form(void **state)
{
    (void)state;
#define OID_ROW(constant, dotted, octets, source) {constant, dotted},
    static const struct {
        enum oid oid;
        const char *dotted;
    } row[] = {OIDS(OID_ROW)};
#undef OID_ROW
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        ASN1_OBJECT *object = OBJ_txt2obj(row[i].dotted, 1);
        assert_non_null(object);
        assert_int_equal(OBJ_length(object), oid_octets(row[i].oid).len);
        assert_memory_equal(OBJ_get0_data(object), oid_octets(row[i].oid).at, OBJ_length(object));
        ASN1_OBJECT_free(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_definite_lengths_in_their_shortest_form_are_read),
        cmocka_unit_test(an_object_is_exactly_its_bytes),
        cmocka_unit_test(high_tag_numbers_and_ends_of_contents_are_refused),
        cmocka_unit_test(strings_in_pieces_are_refused),
        cmocka_unit_test(integers_have_no_needless_octets),
        cmocka_unit_test(booleans_nulls_bits_and_identifiers_have_one_form),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(small_integers_are_read_within_their_bounds),
        cmocka_unit_test(times_are_read_in_the_form_of_rfc_5280_alone),
        cmocka_unit_test(times_are_written_as_they_are_read),
        cmocka_unit_test(the_order_of_a_set_is_seen),
        cmocka_unit_test(what_the_writer_writes_the_reader_reads),
        cmocka_unit_test(a_writer_without_room_says_so_and_stays_within_its_bytes),
        cmocka_unit_test(a_set_is_written_in_order),
        cmocka_unit_test(every_object_identifier_is_well_formed_and_stands_once),
        cmocka_unit_test(the_octets_are_those_of_the_dotted_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
