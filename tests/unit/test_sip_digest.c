/* Digest authentication (RFC 7616, RFC 8760). The known answers were computed with Python's hashlib; those of others are
 * in test_digest_vectors.c. */
#include "test.h"

#include <stdlib.h>

#include "sipseal/sip_digest.h"

#define GOOD                                                                                                           \
    "Digest username=\"alice\", realm=\"home.example\", nonce=\"n0nce\", uri=\"sip:bob@far.example\", "                \
    "response=\"c664b899747f208f5a9c50ade44cfbf0b647bcb6f996aae35180fba25377abe7\", algorithm=SHA-256, cnonce=\"c1\", " \
    "nc=0000002a, qop=auth"

/* A value in memory of just its length. */
static enum rule read_credentials(const char *text, struct digest_credentials *c, char **kept)
{
    size_t len = strlen(text);
    *kept = malloc(len ? len : 1);
    memcpy(*kept, text, len);
    return digest_read_credentials(span_of(*kept, len), c);
}

static void each_algorithm_and_qop_gives_the_known_answer(void **state)
{
    static const struct {
        enum digest_algorithm algorithm;
        enum digest_qop qop;
        const char *response, *rspauth;
    } known[] = {
        {DIGEST_MD5, DIGEST_AUTH, "230ef42f86810812cac6361f005f3a68", "2090ded44882fd5f5f954fa4de679986"},
        {DIGEST_MD5, DIGEST_AUTH_INT, "5ab8ba5ded62872f67e06b9ebf0a50f3", "1d3481ff06d06186f95d80844aa53f5e"},
        {DIGEST_SHA256, DIGEST_AUTH, "c664b899747f208f5a9c50ade44cfbf0b647bcb6f996aae35180fba25377abe7",
         "ae27556ea29845e47072a886dfd4ad4bea0386f5fcbcd117edfc358173ca6ba1"},
        {DIGEST_SHA256, DIGEST_AUTH_INT, "9f60f355254b75390fda7cf27c38852118daed9d6f2e99bcf2ada8007e08e158",
         "aa1a60020db38dd5dec6607430a439e4eab51b7b85ba6f822bec17811b4fdbfd"},
        {DIGEST_SHA512_256, DIGEST_AUTH, "dfa492ce20ceabbe2a0fbd1d93ede6fd69b463341ba2c6960bcaa555078725f9",
         "71596cec4bd574aedaa59b1267c2c881273cd2cdaf2b09691fb7c354ed7ccd3c"},
        {DIGEST_SHA512_256, DIGEST_AUTH_INT, "387368ffb852613c767c0412e017dad05c2a4f5fd7d8f11bea62d6563fb4cca9",
         "11f6bdc683015f4d45183ab09eb23f08574a37767becded85a0e216cb3f98f42"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct digest_hex ha1, ha2, response;
        const struct digest_round round = {known[i].algorithm, known[i].qop, SPAN("n0nce"), SPAN("0000002a"), SPAN("c1")};
        assert_true(digest_ha1(round.algorithm, SPAN("alice"), SPAN("home.example"), SPAN("correct horse"), &ha1));
        assert_true(digest_ha2(round.algorithm, round.qop, SPAN("MESSAGE"), SPAN("sip:bob@far.example"), SPAN("hello"),
                               &ha2));
        assert_true(digest_response(&round, &ha1, &ha2, &response));
        assert_string_equal(response.text, known[i].response);
        assert_true(digest_ha2(round.algorithm, round.qop, (struct span){0}, SPAN("sip:bob@far.example"), SPAN("hello"),
                               &ha2));
        assert_true(digest_response(&round, &ha1, &ha2, &response));
        assert_string_equal(response.text, known[i].rspauth);
    }
}

static void credentials_are_read_whatever_their_order_case_and_space(void **state)
{
    static const char *const same[] = {
        GOOD,
        "DIGEST\t Qop=\"auth\",NC=0000002A , CNONCE=\"c1\",algorithm=\"sha-256\", userhash=false,"
        "response=\"C664B899747F208F5A9C50ADE44CFBF0B647BCB6F996AAE35180FBA25377ABE7\",uri=\"sip:bob@far.example\","
        "nonce=\"n0nce\",realm=\"home.example\",username=\"alice\",extra=token,more=\"a \\\" quoted, one\" ",
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct digest_credentials c;
        char *kept;
        assert_rule(read_credentials(same[i], &c, &kept), RULE_OK);
        assert_span_text(c.username, "alice");
        assert_span_text(c.realm, "home.example");
        assert_span_text(c.nonce, "n0nce");
        assert_span_text(c.uri, "sip:bob@far.example");
        assert_span_text(c.cnonce, "c1");
        assert_int_equal(c.algorithm, DIGEST_SHA256);
        assert_int_equal(c.qop, DIGEST_AUTH);
        assert_int_equal(c.nc, 42);
        free(kept);
    }
}

/* GOOD with `from` put in the place of `to`, or cut off behind it when `to` is null. */
static void expect(const char *from, const char *to, enum rule wanted)
{
    char text[2048];
    struct digest_credentials c;
    char *kept;
    const char *at = strstr(GOOD, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - GOOD), GOOD, to ? to : "", to ? at + strlen(from) : "");
    assert_rule(read_credentials(text, &c, &kept), wanted);
    free(kept);
}

static void credentials_that_lack_something_or_are_broken_are_refused(void **state)
{
    static const char *const needed[] = {"username=\"alice\", ", "realm=\"home.example\", ", "nonce=\"n0nce\", ",
                                         "uri=\"sip:bob@far.example\", ", "cnonce=\"c1\", ", "nc=0000002a, "};
    char longest[DIGEST_VALUE_MAX + 64];
    (void)state;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        expect(needed[i], "", RULE_DIGEST_SYNTAX);
        char twice[128];
        snprintf(twice, sizeof twice, "%s%s", needed[i], needed[i]);
        expect(needed[i], twice, RULE_DIGEST_SYNTAX);
    }
    expect(", qop=auth", "", RULE_DIGEST_SYNTAX); /* RFC 2069: could be replayed */
    expect("qop=auth", "qop=auth-conf", RULE_DIGEST_SYNTAX);
    expect("nc=0000002a", "nc=2a", RULE_DIGEST_SYNTAX);
    expect("nc=0000002a", "nc=00000000", RULE_DIGEST_SYNTAX);
    expect("nc=0000002a", "nc=0000002g", RULE_DIGEST_SYNTAX);
    expect("\"c664b8", "\"c664", RULE_DIGEST_SYNTAX);
    expect("\"c664b8", "\"c664bx", RULE_DIGEST_SYNTAX);
    expect("\"alice\"", "\"\"", RULE_DIGEST_SYNTAX);
    expect("\"alice\"", "\"al\\ice\"", RULE_DIGEST_SYNTAX);
    expect("\"alice\"", "\"alice", RULE_DIGEST_SYNTAX);
    expect("\"alice\",", "\"alice\"", RULE_DIGEST_SYNTAX);
    expect(", qop=auth", ", qop=auth,", RULE_DIGEST_SYNTAX);
    expect("Digest ", "Digest", RULE_DIGEST_UNSUPPORTED);
    expect("Digest ", "Basic ", RULE_DIGEST_UNSUPPORTED);
    expect("username=", NULL, RULE_DIGEST_SYNTAX);
    expect("SHA-256", "SHA-1", RULE_DIGEST_UNSUPPORTED);
    expect("SHA-256", "SHA-256-sess", RULE_DIGEST_UNSUPPORTED);
    expect("SHA-256", "MD5", RULE_DIGEST_SYNTAX); /* its response would be shorter */
    expect("qop=auth", "qop=auth, userhash=true", RULE_DIGEST_UNSUPPORTED);
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "\"", 1);
    memcpy(longest + DIGEST_VALUE_MAX + 2, "\"", 2);
    expect("\"alice\"", longest, RULE_DIGEST_SYNTAX);
}

static void a_challenge_is_read_as_it_is_written(void **state)
{
    uint8_t text[512];
    struct digest_challenge c;
    (void)state;
    for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++) {
        struct writer w = writer_over(text, sizeof text);
        digest_write_challenge(&w, SPAN("home.example"), SPAN("n0nce"), (enum digest_algorithm)i, i == 1);
        assert_false(w.full);
        assert_rule(digest_read_challenge(writer_span(&w), &c), RULE_OK);
        assert_span_text(c.realm, "home.example");
        assert_span_text(c.nonce, "n0nce");
        assert_int_equal(c.algorithm, i);
        assert_int_equal(c.qop, DIGEST_AUTH | DIGEST_AUTH_INT);
        assert_int_equal(c.stale, i == 1);
    }
    assert_rule(digest_read_challenge(SPAN("Digest realm=\"r\", nonce=\"n\", qop=\" auth , x\", opaque=\"o\""), &c), RULE_OK);
    assert_int_equal(c.algorithm, DIGEST_MD5);
    assert_int_equal(c.qop, DIGEST_AUTH);
    assert_span_text(c.opaque, "o");
    assert_rule(digest_read_challenge(SPAN("Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5"), &c),
                RULE_DIGEST_UNSUPPORTED);
    assert_rule(digest_read_challenge(SPAN("Digest realm=\"r\""), &c), RULE_DIGEST_SYNTAX);
    assert_rule(digest_read_challenge(SPAN("Digest"), &c), RULE_DIGEST_SYNTAX);
    assert_rule(digest_read_challenge(SPAN(""), &c), RULE_DIGEST_UNSUPPORTED);
}

static void credentials_and_info_are_read_as_they_are_written(void **state)
{
    uint8_t text[1024];
    char nc[9], *kept;
    struct digest_credentials c, again;
    struct digest_info info;
    struct digest_hex rspauth = {"2090ded44882fd5f5f954fa4de679986"};
    (void)state;
    digest_write_nc(42, nc);
    assert_string_equal(nc, "0000002a");
    assert_rule(read_credentials(GOOD, &c, &kept), RULE_OK);
    c.opaque = SPAN("o");
    c.qop = DIGEST_AUTH_INT;
    struct writer w = writer_over(text, sizeof text);
    digest_write_credentials(&w, &c);
    assert_rule(digest_read_credentials(writer_span(&w), &again), RULE_OK);
    assert_span_equal(again.username, c.username);
    assert_span_equal(again.response, c.response);
    assert_span_equal(again.opaque, c.opaque);
    assert_int_equal(again.qop, DIGEST_AUTH_INT);
    assert_int_equal(again.nc, c.nc);

    const struct digest_round round = {c.algorithm, c.qop, c.nonce, c.nc_text, c.cnonce};
    w = writer_over(text, sizeof text);
    digest_write_info(&w, &round, &rspauth);
    assert_rule(digest_read_info(writer_span(&w), &info), RULE_OK);
    assert_span_text(info.rspauth, rspauth.text);
    assert_span_text(info.cnonce, "c1");
    assert_span_text(info.nc_text, "0000002a");
    assert_int_equal(info.qop, DIGEST_AUTH_INT);
    free(kept);
}

static void a_response_is_compared_whole(void **state)
{
    const struct digest_hex wanted = {"c664b899747f208f5a9c50ade44cfbf0b647bcb6f996aae35180fba25377abe7"};
    char given[DIGEST_HEX_MAX + 1];
    (void)state;
    assert_true(digest_response_is(span_text(wanted.text), &wanted));
    for (size_t i = 0; i < DIGEST_HEX_MAX; i++) {
        memcpy(given, wanted.text, sizeof given);
        given[i] = given[i] == '0' ? '1' : '0';
        assert_false(digest_response_is(span_text(given), &wanted));
        given[i] = 0;
        assert_false(digest_response_is(span_text(given), &wanted));
    }
    assert_false(digest_response_is(SPAN(""), &(struct digest_hex){{0}}));
}

/* --- nonces --- */

static const uint8_t key[DIGEST_NONCE_KEY_LEN] = {1, 2, 3}, other_key[DIGEST_NONCE_KEY_LEN] = {1, 2, 4};
static const uint8_t chance[DIGEST_NONCE_RANDOM] = {9};
enum { NOW = 1764000000, LIFETIME = 300 };

static enum digest_nonce_state check(const char *nonce, const char *realm, int64_t now)
{
    int64_t made;
    return digest_nonce_check(key, span_text(nonce), span_text(realm), now, LIFETIME, &made);
}

static void a_nonce_is_good_for_its_time_and_realm(void **state)
{
    char nonce[DIGEST_NONCE_LEN + 1];
    int64_t made = 0;
    (void)state;
    assert_true(digest_nonce(key, NOW, chance, SPAN("home.example"), nonce));
    assert_int_equal(check(nonce, "home.example", NOW), DIGEST_NONCE_GOOD);
    assert_int_equal(check(nonce, "home.example", NOW + LIFETIME), DIGEST_NONCE_GOOD);
    assert_int_equal(check(nonce, "home.example", NOW + LIFETIME + 1), DIGEST_NONCE_STALE);
    assert_int_equal(check(nonce, "home.example", NOW - 5), DIGEST_NONCE_GOOD);
    assert_int_equal(check(nonce, "home.example", NOW - 6), DIGEST_NONCE_FOREIGN);
    assert_int_equal(check(nonce, "far.example", NOW), DIGEST_NONCE_FOREIGN);
    assert_int_equal(digest_nonce_check(key, span_text(nonce), SPAN("home.example"), NOW, LIFETIME, &made),
                     DIGEST_NONCE_GOOD);
    assert_int_equal(made, NOW);
    assert_int_equal(digest_nonce_check(other_key, span_text(nonce), SPAN("home.example"), NOW, LIFETIME, &made),
                     DIGEST_NONCE_FOREIGN);
}

static void no_character_of_a_nonce_can_be_changed(void **state)
{
    char nonce[DIGEST_NONCE_LEN + 1];
    (void)state;
    assert_true(digest_nonce(key, NOW, chance, SPAN("home.example"), nonce));
    for (size_t i = 0; i < DIGEST_NONCE_LEN; i++) {
        char kept = nonce[i];
        nonce[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(check(nonce, "home.example", NOW), DIGEST_NONCE_FOREIGN);
        nonce[i] = kept;
    }
    nonce[DIGEST_NONCE_LEN - 1] = 0;
    assert_int_equal(check(nonce, "home.example", NOW), DIGEST_NONCE_FOREIGN);
    assert_int_equal(check("", "home.example", NOW), DIGEST_NONCE_FOREIGN);
}

static void each_count_of_a_nonce_has_a_replay_key_of_its_own(void **state)
{
    struct digest_credentials c;
    char *kept;
    uint8_t one[32], two[32], three[32];
    (void)state;
    assert_rule(read_credentials(GOOD, &c, &kept), RULE_OK);
    assert_true(digest_replay_key(&c, one));
    c.nc_text = SPAN("0000002b");
    assert_true(digest_replay_key(&c, two));
    c.nonce = SPAN("another");
    assert_true(digest_replay_key(&c, three));
    assert_memory_not_equal(one, two, sizeof one);
    assert_memory_not_equal(two, three, sizeof two);
    free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_algorithm_and_qop_gives_the_known_answer),
        cmocka_unit_test(credentials_are_read_whatever_their_order_case_and_space),
        cmocka_unit_test(credentials_that_lack_something_or_are_broken_are_refused),
        cmocka_unit_test(a_challenge_is_read_as_it_is_written),
        cmocka_unit_test(credentials_and_info_are_read_as_they_are_written),
        cmocka_unit_test(a_response_is_compared_whole),
        cmocka_unit_test(a_nonce_is_good_for_its_time_and_realm),
        cmocka_unit_test(no_character_of_a_nonce_can_be_changed),
        cmocka_unit_test(each_count_of_a_nonce_has_a_replay_key_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
