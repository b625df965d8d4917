#include "test.h"

#include "proxy/address.h"
#include "proxy/location.h"

/* RFC 3261 10.3. */

static const uint8_t key[LOCATION_KEY_LEN] = "0123456789abcde";

static struct contact contact(const char *uri, unsigned q, uint32_t expires)
{
    struct sip_uri parsed;
    assert_rule(sip_uri_parse(span_text(uri), &parsed), RULE_OK);
    struct contact c = {.uri = parsed.text, .q = q, .expires = expires, .hop.transport = SIP_UDP};
    assert_true(address_of_host(parsed.host, parsed.port, &c.hop.address, &c.hop.address_len));
    return c;
}

static enum rule add(struct location *l, const char *aor, const char *call_id, uint32_t cseq, const struct contact *c,
                     size_t count, uint64_t now)
{
    const struct registration r = {
        .aor = span_text(aor), .call_id = span_text(call_id), .cseq = cseq, .contact = c, .count = count};
    return location_register(l, &r, now);
}

static size_t find(struct location *l, const char *aor, uint64_t now, struct contact *out)
{
    return location_find(l, span_text(aor), now, out, LOCATION_USER_CONTACTS_MAX);
}

static void the_best_contact_comes_first(void **state)
{
    (void)state;
    struct location *l = location_new(100, 10, key);
    struct contact c[3] = {contact("sip:a@192.0.2.1", 500, 60), contact("sip:a@192.0.2.2", 900, 60),
                           contact("sip:a@192.0.2.3", 500, 60)};
    struct contact out[LOCATION_USER_CONTACTS_MAX];
    assert_rule(add(l, "sip:a@h", "c", 1, c, 3, 0), RULE_OK);
    assert_int_equal(find(l, "sip:a@h", 1000, out), 3);
    assert_span_text(out[0].uri, "sip:a@192.0.2.2");
    assert_span_text(out[1].uri, "sip:a@192.0.2.3"); /* registered after the other with this q */
    assert_span_text(out[2].uri, "sip:a@192.0.2.1");
    assert_int_equal(out[0].expires, 59);
    assert_int_equal(find(l, "sip:b@h", 1000, out), 0);
    location_free(l);
}

static void a_contact_ends_when_it_expires_and_not_before(void **state)
{
    (void)state;
    struct location *l = location_new(100, 10, key);
    struct contact c = contact("sip:a@192.0.2.1", 1000, 60), out[LOCATION_USER_CONTACTS_MAX];
    assert_rule(add(l, "sip:a@h", "c", 1, &c, 1, 5000), RULE_OK);
    assert_int_equal(find(l, "sip:a@h", 64999, out), 1);
    assert_int_equal(find(l, "sip:a@h", 65000, out), 0);
    assert_int_equal(location_count(l), 0);
    location_free(l);
}

static void a_sweep_forgets_what_nobody_looks_up(void **state)
{
    (void)state;
    struct location *l = location_new(5000, 10, key);
    for (int i = 0; i < 3000; i++) {
        char aor[32];
        snprintf(aor, sizeof aor, "sip:u%d@h", i);
        struct contact c = contact("sip:a@192.0.2.1", 1000, i % 2 ? 10 : 1000);
        assert_rule(add(l, aor, "c", 1, &c, 1, 0), RULE_OK);
    }
    assert_int_equal(location_count(l), 3000);
    for (int i = 0; i < 8; i++) /* 8192 buckets, a thousand at a time */
        location_sweep(l, 20000);
    assert_int_equal(location_count(l), 1500);
    location_free(l);
}

static void a_registration_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    struct location *l = location_new(4, 3, key);
    struct contact c[4], out[LOCATION_USER_CONTACTS_MAX];
    for (int i = 0; i < 4; i++) {
        static const char *const uris[] = {"sip:a@192.0.2.1", "sip:a@192.0.2.2", "sip:a@192.0.2.3", "sip:a@192.0.2.4"};
        c[i] = contact(uris[i], 1000, 60);
    }
    assert_rule(add(l, "sip:a@h", "c", 1, c, 4, 0), RULE_SIP_REGISTER_LIMIT);
    assert_int_equal(location_count(l), 0);
    assert_rule(add(l, "sip:a@h", "c", 5, c, 2, 0), RULE_OK);
    /* The second contact is out of order, so the third is not added either. */
    assert_rule(add(l, "sip:a@h", "c", 5, c + 1, 2, 0), RULE_SIP_REGISTER_ORDER);
    assert_int_equal(find(l, "sip:a@h", 0, out), 2);
    /* There is room for two more in all, and three are wanted. */
    assert_rule(add(l, "sip:b@h", "c", 1, c, 3, 0), RULE_OVERLOAD);
    assert_int_equal(find(l, "sip:b@h", 0, out), 0);
    /* One that goes makes room for one that comes. */
    c[0].expires = 0;
    assert_rule(add(l, "sip:a@h", "c", 6, c, 4, 0), RULE_OK);
    assert_int_equal(find(l, "sip:a@h", 0, out), 3);
    location_free(l);
}

static void what_has_expired_makes_room_for_others(void **state)
{
    (void)state;
    struct location *l = location_new(2, 2, key);
    struct contact c = contact("sip:a@192.0.2.1", 1000, 10);
    assert_rule(add(l, "sip:a@h", "c", 1, &c, 1, 0), RULE_OK);
    assert_rule(add(l, "sip:b@h", "c", 1, &c, 1, 0), RULE_OK);
    assert_rule(add(l, "sip:c@h", "c", 1, &c, 1, 9000), RULE_OVERLOAD);
    assert_rule(add(l, "sip:c@h", "c", 1, &c, 1, 10500), RULE_OK);
    location_free(l);
}

static void order_counts_within_one_call_id_only(void **state)
{
    (void)state;
    struct location *l = location_new(100, 10, key);
    struct contact c = contact("sip:a@192.0.2.1", 1000, 60), out[LOCATION_USER_CONTACTS_MAX];
    assert_rule(add(l, "sip:a@h", "first", 9, &c, 1, 0), RULE_OK);
    assert_rule(add(l, "sip:a@h", "first", 9, &c, 1, 0), RULE_SIP_REGISTER_ORDER);
    assert_rule(add(l, "sip:a@h", "second", 1, &c, 1, 0), RULE_OK);
    c.expires = 0;
    assert_rule(add(l, "sip:a@h", "second", 1, &c, 1, 0), RULE_SIP_REGISTER_ORDER);
    assert_rule(add(l, "sip:a@h", "second", 2, &c, 1, 0), RULE_OK);
    assert_int_equal(find(l, "sip:a@h", 0, out), 0);
    location_free(l);
}

static void one_contact_named_twice_is_one_binding(void **state)
{
    (void)state;
    struct location *l = location_new(100, 10, key);
    struct contact c[2] = {contact("sip:a@192.0.2.1", 1000, 60), contact("sip:a@192.0.2.1;ob", 500, 60)};
    struct contact out[LOCATION_USER_CONTACTS_MAX];
    assert_rule(add(l, "sip:a@h", "c", 1, c, 2, 0), RULE_OK);
    assert_int_equal(find(l, "sip:a@h", 0, out), 1);
    assert_span_text(out[0].uri, "sip:a@192.0.2.1;ob");
    assert_int_equal(location_count(l), 1);
    location_free(l);
}

static void all_contacts_can_be_removed_at_once(void **state)
{
    (void)state;
    struct location *l = location_new(100, 10, key);
    struct contact c[2] = {contact("sip:a@192.0.2.1", 1000, 60), contact("sip:a@192.0.2.2", 500, 60)};
    struct registration all = {.aor = SPAN("sip:a@h"), .call_id = SPAN("c"), .cseq = 1, .remove_all = true};
    assert_rule(add(l, "sip:a@h", "c", 1, c, 2, 0), RULE_OK);
    assert_rule(location_register(l, &all, 0), RULE_SIP_REGISTER_ORDER);
    all.cseq = 2;
    assert_rule(location_register(l, &all, 0), RULE_OK);
    assert_int_equal(location_count(l), 0);
    assert_rule(location_register(l, &all, 0), RULE_OK); /* nothing is left to remove */
    location_free(l);
}

/* --- in two steps --- */

static struct plan *planned(struct location *l, const char *aor, uint32_t cseq, const struct contact *c, size_t count)
{
    struct plan *plan = NULL;
    const struct registration r = {
        .aor = span_text(aor), .call_id = SPAN("c"), .cseq = cseq, .contact = c, .count = count};
    assert_rule(location_plan(l, &r, 0, &plan), RULE_OK);
    return plan;
}

static void a_plan_changes_nothing_until_it_is_made(void **state)
{
    (void)state;
    struct location *l = location_new(100, 10, key);
    struct contact c[2] = {contact("sip:a@192.0.2.1", 1000, 60), contact("sip:a@192.0.2.2", 500, 60)};
    struct contact out[LOCATION_USER_CONTACTS_MAX];
    struct kept_binding kept[LOCATION_USER_CONTACTS_MAX];
    assert_rule(add(l, "sip:a@h", "c", 1, c, 1, 0), RULE_OK);
    c[0].expires = 0;
    struct plan *plan = planned(l, "sip:a@h", 2, c, 2);
    assert_true(location_is_planned(l, SPAN("sip:a@h")));
    assert_false(location_is_planned(l, SPAN("sip:b@h")));
    assert_span_text(plan_aor(plan), "sip:a@h");
    assert_int_equal(plan_bindings(plan, kept), 1);
    assert_span_text(kept[0].contact.uri, "sip:a@192.0.2.2");
    assert_int_equal(find(l, "sip:a@h", 1000, out), 1);
    assert_span_text(out[0].uri, "sip:a@192.0.2.1");
    location_make(l, plan, 1000);
    assert_int_equal(find(l, "sip:a@h", 1000, out), 1);
    assert_span_text(out[0].uri, "sip:a@192.0.2.2");
    assert_int_equal(location_count(l), 1);
    location_drop(l, planned(l, "sip:a@h", 3, c, 1), 1000);
    assert_int_equal(find(l, "sip:a@h", 1000, out), 1);
    assert_false(location_is_planned(l, SPAN("sip:a@h")));
    location_free(l);
}

static void a_plan_keeps_its_room_until_it_ends(void **state)
{
    (void)state;
    struct location *l = location_new(2, 2, key);
    struct contact c[2] = {contact("sip:a@192.0.2.1", 1000, 60), contact("sip:a@192.0.2.2", 500, 60)};
    struct plan *plan = planned(l, "sip:a@h", 1, c, 2);
    assert_rule(add(l, "sip:b@h", "c", 1, c, 1, 0), RULE_OVERLOAD);
    location_drop(l, plan, 0);
    assert_rule(add(l, "sip:b@h", "c", 1, c, 1, 0), RULE_OK);
    planned(l, "sip:c@h", 1, c, 1); /* which ends with the location service */
    assert_rule(add(l, "sip:d@h", "c", 1, c, 1, 0), RULE_OVERLOAD);
    location_free(l);
}

static void what_is_kept_of_a_user_puts_it_back_as_it_was(void **state)
{
    (void)state;
    struct location *l = location_new(100, 10, key), *again = location_new(2, 10, key);
    struct contact c[3] = {contact("sip:a@192.0.2.1", 500, 60), contact("sip:a@192.0.2.2", 500, 90),
                           contact("sip:a@192.0.2.3", 900, 60)};
    struct contact out[LOCATION_USER_CONTACTS_MAX];
    struct kept_binding kept[LOCATION_USER_CONTACTS_MAX];
    c[0].path = SPAN("<sip:e.example;lr>");
    assert_rule(add(l, "sip:a@h", "c", 7, c, 3, 0), RULE_OK);
    assert_int_equal(location_bindings(l, SPAN("sip:a@h"), 0, kept), 3);
    assert_span_text(kept[0].contact.uri, "sip:a@192.0.2.1");
    assert_int_equal(kept[1].expires_at, 90000);
    for (size_t i = 0; i < 3; i++)
        assert_rule(location_restore(again, SPAN("sip:a@h"), &kept[i]), i < 2 ? RULE_OK : RULE_OVERLOAD);
    assert_int_equal(find(again, "sip:a@h", 1000, out), 2);
    assert_span_text(out[0].uri, "sip:a@192.0.2.2"); /* the one registered later comes first */
    assert_span_text(out[1].path, "<sip:e.example;lr>");
    assert_rule(add(again, "sip:a@h", "c", 7, c, 1, 1000), RULE_SIP_REGISTER_ORDER);
    assert_int_equal(find(again, "sip:a@h", 60000, out), 1);
    location_free(l);
    location_free(again);
}

static void flows_of_an_instance_are_known_by_their_number(void **state)
{
    (void)state;
    struct location *l = location_new(100, 10, key);
    struct contact c = contact("sip:a@192.0.2.1", 1000, 60), out[LOCATION_USER_CONTACTS_MAX];
    c.instance = SPAN("<urn:uuid:1>");
    c.reg_id = 1;
    assert_rule(add(l, "sip:a@h", "c", 1, &c, 1, 0), RULE_OK);
    c.reg_id = 2;
    assert_rule(add(l, "sip:a@h", "c", 2, &c, 1, 0), RULE_OK);
    assert_int_equal(find(l, "sip:a@h", 0, out), 2);
    c.uri = SPAN("sip:a@192.0.2.9");
    assert_rule(add(l, "sip:a@h", "c", 3, &c, 1, 0), RULE_OK);
    assert_int_equal(find(l, "sip:a@h", 0, out), 2);
    assert_span_text(out[0].uri, "sip:a@192.0.2.9");
    c.instance = SPAN("<urn:uuid:2>");
    assert_rule(add(l, "sip:a@h", "c", 4, &c, 1, 0), RULE_OK);
    assert_int_equal(find(l, "sip:a@h", 0, out), 3);
    location_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_contact_comes_first),
        cmocka_unit_test(a_contact_ends_when_it_expires_and_not_before),
        cmocka_unit_test(a_sweep_forgets_what_nobody_looks_up),
        cmocka_unit_test(a_registration_is_taken_whole_or_not_at_all),
        cmocka_unit_test(what_has_expired_makes_room_for_others),
        cmocka_unit_test(order_counts_within_one_call_id_only),
        cmocka_unit_test(one_contact_named_twice_is_one_binding),
        cmocka_unit_test(all_contacts_can_be_removed_at_once),
        cmocka_unit_test(a_plan_changes_nothing_until_it_is_made),
        cmocka_unit_test(a_plan_keeps_its_room_until_it_ends),
        cmocka_unit_test(what_is_kept_of_a_user_puts_it_back_as_it_was),
        cmocka_unit_test(flows_of_an_instance_are_known_by_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
