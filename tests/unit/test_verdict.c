#include "test.h"

#include <stdlib.h>

#include "sipseal/verdict.h"

enum { ROOM = 128 * 1024 };

static struct verdict *sample(void)
{
    struct verdict *v = calloc(1, sizeof *v);
    assert_non_null(v);
    v->broken = RULE_CMS_ALGORITHM;
    v->part_count = 2;
    v->part[0] = (struct verdict_part){
        .cid = "body1@ua1.home.example",
        .state = PART_OPENED,
        .reader = true,
        .labelled = true,
        .asked = LABEL_VIEW | LABEL_VERIFY,
        .label = RULE_LABEL_DIFFERS,
        .signature = RULE_OK,
        .proof = PROOF_USER,
        .signer = "sip:alice@home.example",
        .type = {"text/plain", "image/png"},
        .type_count = 2,
        .replay_key = {1, [31] = 2},
        .archive_key = {3, [31] = 4},
        .has_replay_key = true,
    };
    v->part[1] = (struct verdict_part){.state = PART_CLOSED, .signature = RULE_SIGNATURE_ABSENT};
    return v;
}

static struct span written(const struct verdict *v, uint8_t *room)
{
    struct writer w = writer_over(room, ROOM);
    verdict_write(&w, v);
    assert_false(w.full);
    return writer_span(&w);
}

static bool read_all(struct span bytes, struct verdict *v)
{
    struct cursor c = cursor_over(bytes);
    return verdict_read(&c, v) && cursor_done(&c);
}

static void a_verdict_crosses_a_process_boundary_unchanged(void **state)
{
    (void)state;
    struct verdict *v = sample(), *again = malloc(sizeof *again);
    uint8_t *room = malloc(ROOM);
    memset(again, 0xee, sizeof *again);
    assert_true(read_all(written(v, room), again));
    assert_int_equal(again->broken, v->broken);
    assert_int_equal(again->part_count, v->part_count);
    for (size_t i = 0; i < v->part_count; i++) {
        const struct verdict_part *a = &v->part[i], *b = &again->part[i];
        assert_string_equal(a->cid, b->cid);
        assert_int_equal(a->state, b->state);
        assert_int_equal(a->reader, b->reader);
        assert_int_equal(a->labelled, b->labelled);
        assert_int_equal(a->asked, b->asked);
        assert_int_equal(a->label, b->label);
        assert_int_equal(a->signature, b->signature);
        assert_int_equal(a->proof, b->proof);
        assert_string_equal(a->signer, b->signer);
        assert_int_equal(a->type_count, b->type_count);
        assert_memory_equal(a->type, b->type, sizeof a->type);
        assert_int_equal(a->has_replay_key, b->has_replay_key);
        assert_memory_equal(a->replay_key, b->replay_key, 32);
        assert_memory_equal(a->archive_key, b->archive_key, 32);
    }
    free(v);
    free(again);
    free(room);
}

static void the_largest_verdict_fits_and_crosses_too(void **state)
{
    (void)state;
    struct verdict *v = sample(), *again = malloc(sizeof *again);
    uint8_t *room = malloc(ROOM);
    struct verdict_part *p = &v->part[0];
    memset(p->cid, 'c', LABEL_CID_MAX);
    memset(p->signer, 's', VERDICT_NAME_MAX);
    for (p->type_count = 0; p->type_count < VERDICT_TYPES_MAX; p->type_count++) {
        memset(p->type[p->type_count], 't', VERDICT_TYPE_MAX);
        p->type[p->type_count][VERDICT_TYPE_MAX] = '\0';
    }
    for (v->part_count = 1; v->part_count < VERDICT_PARTS_MAX; v->part_count++)
        v->part[v->part_count] = *p;
    assert_true(read_all(written(v, room), again));
    assert_int_equal(again->part_count, VERDICT_PARTS_MAX);
    assert_int_equal(strlen(again->part[VERDICT_PARTS_MAX - 1].cid), LABEL_CID_MAX);
    assert_int_equal(strlen(again->part[0].signer), VERDICT_NAME_MAX);
    assert_int_equal(strlen(again->part[3].type[VERDICT_TYPES_MAX - 1]), VERDICT_TYPE_MAX);
    free(v);
    free(again);
    free(room);
}

/* `parts` of the sample: the first ends with keys, the second with its types. */
static void check_cut_off(size_t parts)
{
    struct verdict *v = sample(), *again = malloc(sizeof *again);
    uint8_t *room = malloc(ROOM);
    v->part_count = parts;
    struct span whole = written(v, room);
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        memcpy(copy, whole.at, len);
        struct cursor c = cursor_over(span_of(copy, len));
        assert_false(verdict_read(&c, again));
        free(copy);
    }
    free(v);
    free(again);
    free(room);
}

static void a_verdict_cut_off_at_any_byte_is_refused(void **state)
{
    (void)state;
    check_cut_off(1);
    check_cut_off(2);
}

/* Whatever a broken process writes: what is read is within its bounds. */
static void a_flipped_bit_is_refused_or_leads_to_values_within_their_bounds(void **state)
{
    (void)state;
    struct verdict *v = sample(), *again = malloc(sizeof *again);
    uint8_t *room = malloc(ROOM);
    struct span whole = written(v, room);
    for (size_t bit = 0; bit < whole.len * 8; bit++) {
        room[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (read_all(whole, again)) {
            assert_in_range(again->broken, 0, RULE_COUNT - 1);
            assert_in_range(again->part_count, 0, VERDICT_PARTS_MAX);
            for (size_t i = 0; i < again->part_count; i++) {
                const struct verdict_part *p = &again->part[i];
                assert_in_range(p->state, PART_PLAIN, PART_SIGNED);
                assert_in_range(p->asked, 0, LABEL_VIEW | LABEL_VERIFY);
                assert_in_range(p->label, 0, RULE_COUNT - 1);
                assert_in_range(p->signature, 0, RULE_COUNT - 1);
                assert_in_range(p->proof, PROOF_NONE, PROOF_USER);
                assert_in_range(p->type_count, 0, VERDICT_TYPES_MAX);
                assert_in_range(strnlen(p->cid, sizeof p->cid), 0, LABEL_CID_MAX);
                assert_in_range(strnlen(p->signer, sizeof p->signer), 0, VERDICT_NAME_MAX);
            }
        }
        room[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(v);
    free(again);
    free(room);
}

/* One field of a verdict with one part is put out of its bounds. */
static void a_field_out_of_its_bounds_is_refused(void **state)
{
    (void)state;
    enum { COUNT = 2, CID = 3, STATE = 7, FLAGS, ASKED, LABEL, SIGNATURE = 12, PROOF = 14, SIGNER, TYPES = 19, END };
    static const uint8_t good[END] = {0, 0, 1, /* cid */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const struct {
        size_t at;
        uint8_t value;
    } cases[] = {
        {0, 0xff}, {1, RULE_COUNT}, {COUNT, VERDICT_PARTS_MAX + 1}, {CID + 2, 1}, {STATE, PART_SIGNED + 1},
        {FLAGS, 8}, {ASKED, 4}, {LABEL, 1}, {LABEL + 1, RULE_COUNT}, {SIGNATURE + 1, RULE_COUNT},
        {PROOF, PROOF_USER + 1}, {SIGNER + 2, 2}, {TYPES, VERDICT_TYPES_MAX + 1},
    };
    struct verdict *v = malloc(sizeof *v);
    assert_true(read_all(span_of(good, sizeof good), v));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bad[64 * 1024] = {0}; /* enough behind it, so that only the bound itself refuses */
        memcpy(bad, good, sizeof good);
        bad[cases[i].at] = cases[i].value;
        struct cursor c = cursor_over(span_of(bad, sizeof bad));
        if (verdict_read(&c, v))
            fail_msg("case %zu is read", i);
    }
    free(v);
}

static void a_name_with_a_nul_is_refused(void **state)
{
    (void)state;
    struct verdict *v = sample();
    uint8_t *room = malloc(ROOM);
    struct span whole = written(v, room);
    size_t at = span_find_span(whole, SPAN("alice"));
    assert_true(at < whole.len);
    room[at] = '\0';
    assert_false(read_all(whole, v));
    free(v);
    free(room);
}

static void the_identity_is_a_user_s_before_a_domain_s_and_only_a_proven_one(void **state)
{
    (void)state;
    struct verdict *v = calloc(1, sizeof *v);
    assert_int_equal(verdict_identity(v).len, 0);
    v->part_count = 3;
    v->part[0] = (struct verdict_part){.proof = PROOF_DOMAIN, .signer = "home.example"};
    v->part[1] = (struct verdict_part){.proof = PROOF_CONTENT, .signer = "sip:carol@home.example"};
    v->part[2] = (struct verdict_part){.proof = PROOF_USER, .signer = "sip:alice@home.example"};
    assert_span_text(verdict_identity(v), "sip:alice@home.example");
    v->part[2].signature = RULE_SIGNATURE_INVALID;
    assert_span_text(verdict_identity(v), "home.example");
    v->part_count = 0;
    assert_int_equal(verdict_identity(v).len, 0);
    free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verdict_crosses_a_process_boundary_unchanged),
        cmocka_unit_test(the_largest_verdict_fits_and_crosses_too),
        cmocka_unit_test(a_verdict_cut_off_at_any_byte_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused_or_leads_to_values_within_their_bounds),
        cmocka_unit_test(a_field_out_of_its_bounds_is_refused),
        cmocka_unit_test(a_name_with_a_nul_is_refused),
        cmocka_unit_test(the_identity_is_a_user_s_before_a_domain_s_and_only_a_proven_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
