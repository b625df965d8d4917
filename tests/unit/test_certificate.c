#include "test.h"

#include <openssl/param_build.h>
#include <openssl/x509v3.h>

#include "der_edit.h"
#include "pki.h"

struct fixture {
    struct arena arena;
    struct identity authority, alice;
    struct trust *trust;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    assert_true(arena_open(&f.arena, 256 * 1024));
    f.authority = pki_authority("Test CA");
    f.alice = pki_user(&f.authority, "sip:alice@home.example");
    f.trust = pki_trust(&f.authority);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    trust_free(f->trust);
    identity_clear(&f->alice);
    identity_clear(&f->authority);
    arena_close(&f->arena);
    return 0;
}

/* The certificate that pki_odd makes, parsed. */
static enum rule parse_odd(struct fixture *f, const struct pki_odd *odd, struct certificate **c)
{
    return certificate_parse(pki_odd(&f->arena, odd, NULL), c);
}

static enum rule check(struct fixture *f, const struct certificate *c, enum certificate_use use, int64_t now)
{
    return trust_check(f->trust, c, NULL, 0, use, now);
}

/* --- what a certificate says --- */

static void a_users_certificate_says_whose_it_is_and_what_it_is_for(void **state)
{
    struct fixture *f = *state;
    const struct certificate *c = f->alice.certificate;
    assert_int_equal(c->name_count, 1);
    assert_int_equal(c->name[0].kind, NAME_URI);
    assert_span_text(certificate_shown_name(c), "sip:alice@home.example");
    assert_true(c->may_sign && c->may_agree && !c->may_encipher);
    assert_true(c->purpose_email && !c->purpose_sip);
    assert_int_equal(c->not_before, PKI_FROM);
    assert_int_equal(c->not_after, PKI_UNTIL);
    assert_int_equal(c->key_kind, KEY_P256);
    assert_int_equal(c->subject_key_id.len, 20);
    assert_int_equal(certificate_serial(c).len, ISSUE_SERIAL_LEN);
    assert_true(certificate_serial(c).at[0] < 0x80);
}

static void a_hosts_certificate_is_for_sip_and_names_the_host(void **state)
{
    struct fixture *f = *state;
    struct identity host = pki_host(&f->authority, "proxy1.home.example");
    assert_int_equal(host.certificate->name[0].kind, NAME_DNS);
    assert_span_text(certificate_shown_name(host.certificate), "proxy1.home.example");
    assert_true(host.certificate->purpose_sip && !host.certificate->purpose_email);
    assert_rule(check(f, host.certificate, USE_SEAL, PKI_NOW), RULE_OK);
    identity_clear(&host);
}

static void issuer_and_serial_number_are_those_that_openssl_writes(void **state)
{
    struct fixture *f = *state;
    X509 *x = f->alice.certificate->x509;
    uint8_t bytes[512], *end = bytes + 4;
    int issuer = i2d_X509_NAME(X509_get_issuer_name(x), &end);
    int serial = i2d_ASN1_INTEGER(X509_get_serialNumber(x), &end);
    struct span whole = f->alice.certificate->issuer_and_serial;
    assert_true(issuer > 0 && serial > 0);
    size_t header = whole.len - (size_t)(issuer + serial);
    assert_int_equal(whole.at[0], 0x30);
    assert_span_equal(span_part(whole, header, whole.len), span_of(bytes + 4, (size_t)(issuer + serial)));
}

static void without_key_usages_a_certificate_may_do_what_its_key_can(void **state)
{
    struct fixture *f = *state;
    struct certificate *c;
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "plain", .authority = &f->authority}, &c), RULE_OK);
    assert_true(c->may_sign && c->may_agree && !c->may_encipher && c->purpose_email && c->purpose_sip);
    assert_rule(check(f, c, USE_SIGN, PKI_NOW), RULE_OK);
    certificate_release(c);
    const char *const any[] = {"extendedKeyUsage=2.5.29.37.0,serverAuth", NULL};
    assert_rule(parse_odd(f, &(struct pki_odd){"any", any, NULL, &f->authority, NULL, 0, 0}, &c), RULE_OK);
    assert_true(c->purpose_email && c->purpose_sip);
    certificate_release(c);
}

static void a_name_with_a_zero_inside_is_refused(void **state)
{
    struct fixture *f = *state;
    struct certificate *c;
    /* subjectAltName: URI "sip:a@x" and a zero, as raw DER */
    const char *const zero[] = {"subjectAltName=DER:30:0a:86:08:73:69:70:3a:61:40:78:00", NULL};
    const char *const dns[] = {"subjectAltName=DER:30:07:82:05:61:2e:62:00:63", NULL};
    const char *const space[] = {"subjectAltName=DER:30:05:82:03:61:20:62", NULL};
    const char *const good[] = {"subjectAltName=DER:30:09:86:07:73:69:70:3a:61:40:78", NULL};
    const char *const rubbish[] = {"subjectAltName=DER:30:09:86:08:73:69:70:3a:61:40:78", NULL};
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "z", .extensions = zero}, &c), RULE_CERT_SYNTAX);
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "z", .extensions = dns}, &c), RULE_CERT_SYNTAX);
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "z", .extensions = space}, &c), RULE_CERT_SYNTAX);
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "z", .extensions = rubbish}, &c), RULE_CERT_SYNTAX);
    assert_null(c);
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "z", .extensions = good}, &c), RULE_OK);
    assert_span_text(c->name[0].text, "sip:a@x");
    certificate_release(c);
}

static void an_extension_that_stands_twice_is_refused(void **state)
{
    struct fixture *f = *state;
    struct certificate *c;
    const char *const twice[] = {"subjectAltName=URI:sip:a@x", "subjectAltName=URI:sip:b@x", NULL};
    const char *const usage[] = {"extendedKeyUsage=serverAuth", "extendedKeyUsage=emailProtection", NULL};
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "t", .extensions = twice}, &c), RULE_CERT_SYNTAX);
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "t", .extensions = usage}, &c), RULE_CERT_SYNTAX);
}

static void names_beyond_the_limit_are_not_looked_at(void **state)
{
    struct fixture *f = *state;
    struct certificate *c;
    char text[1024] = "subjectAltName=DNS:h0";
    for (int i = 1; i < 20; i++)
        sprintf(text + strlen(text), ",DNS:h%d", i);
    const char *const many[] = {text, NULL};
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "m", .extensions = many}, &c), RULE_OK);
    assert_int_equal(c->name_count, CERTIFICATE_NAMES_MAX);
    certificate_release(c);
}

static void keys_of_the_kinds_of_the_profile_are_known_and_others_refused(void **state)
{
    struct fixture *f = *state;
    const struct {
        EVP_PKEY *key;
        enum rule rule;
        enum key_kind kind;
        bool sign, agree, encipher;
    } cases[] = {
        {EVP_EC_gen("P-256"), RULE_OK, KEY_P256, true, true, false},
        {EVP_EC_gen("P-384"), RULE_OK, KEY_P384, true, true, false},
        {EVP_RSA_gen(2048), RULE_OK, KEY_RSA, true, false, true},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), RULE_OK, KEY_ED25519, true, false, false},
        {EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), RULE_OK, KEY_X25519, false, true, false},
        {EVP_RSA_gen(1024), RULE_CERT_KEY, KEY_RSA, false, false, false},
        {EVP_EC_gen("secp256k1"), RULE_CERT_KEY, KEY_P256, false, false, false},
        {EVP_EC_gen("P-224"), RULE_CERT_KEY, KEY_P256, false, false, false},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), RULE_CERT_KEY, KEY_ED25519, false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct certificate *c;
        assert_non_null(cases[i].key);
        enum rule rule = parse_odd(
            f, &(struct pki_odd){.subject = "k", .key = cases[i].key, .authority = &f->authority}, &c);
        assert_rule(rule, cases[i].rule);
        if (rule == RULE_OK) {
            assert_int_equal(c->key_kind, cases[i].kind);
            assert_int_equal(c->may_sign, cases[i].sign);
            assert_int_equal(c->may_agree, cases[i].agree);
            assert_int_equal(c->may_encipher, cases[i].encipher);
        }
        certificate_release(c);
        EVP_PKEY_free(cases[i].key);
    }
}

/* The modulus of `key` with another exponent. */
static EVP_PKEY *with_exponent(EVP_PKEY *key, const char *hex)
{
    BIGNUM *modulus = NULL, *exponent = NULL;
    EVP_PKEY *made = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &modulus), 1);
    assert_true(BN_hex2bn(&exponent, hex) > 0);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    assert_true(OSSL_PARAM_BLD_push_BN(build, "n", modulus) && OSSL_PARAM_BLD_push_BN(build, "e", exponent));
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &made, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return made;
}

static void rsa_keys_with_exponents_that_anyone_can_undo_or_that_cost_too_much_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *exponent;
        enum rule rule;
    } cases[] = {
        {"010001", RULE_OK},        {"03", RULE_OK},
        {"01", RULE_CERT_KEY},      {"010000", RULE_CERT_KEY},
        {"FFFFFFFF", RULE_OK},      {"0100000001", RULE_OK},
        {"FF00000001", RULE_CERT_KEY}, {"010000000000000001", RULE_CERT_KEY},
    };
    EVP_PKEY *key = EVP_RSA_gen(2048);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct certificate *c;
        EVP_PKEY *odd = with_exponent(key, cases[i].exponent);
        enum rule rule = parse_odd(f, &(struct pki_odd){.subject = "k", .key = odd, .authority = &f->authority}, &c);
        assert_rule(rule, cases[i].rule);
        certificate_release(c);
        EVP_PKEY_free(odd);
    }
    EVP_PKEY_free(key);
}

static void a_curve_given_by_its_parameters_is_refused(void **state)
{
    struct fixture *f = *state;
    struct certificate *c;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"), 1);
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "e", .key = key, .authority = &f->authority}, &c),
                RULE_CERT_KEY);
    EVP_PKEY_free(key);
}

/* One zero byte in place of the point. OpenSSL takes it for a key, and every secret agreed with it would be the
 * same. */
static void the_point_at_infinity_is_no_key(void **state)
{
    struct fixture *f = *state;
    struct certificate *c;
    struct span der = f->alice.certificate->der, zero = SPAN("\x03\x02\x00\x00");
    assert_int_equal(der_at(der, "0.6.1").len, 2 + 66); /* the BIT STRING of the SubjectPublicKeyInfo */
    assert_rule(certificate_parse(der_replace(&f->arena, der, "0.6.1", zero), &c), RULE_CERT_KEY);
}

static void every_truncation_of_a_certificate_is_refused(void **state)
{
    struct fixture *f = *state;
    struct span der = f->alice.certificate->der;
    struct certificate *c;
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *exact = malloc(len ? len : 1); /* so that a read past the end is seen */
        memcpy(exact, der.at, len);
        assert_rule(certificate_parse(span_of(exact, len), &c), RULE_CERT_SYNTAX);
        free(exact);
    }
    uint8_t longer[2048] = {0};
    memcpy(longer, der.at, der.len);
    assert_rule(certificate_parse(span_of(longer, der.len + 1), &c), RULE_CERT_SYNTAX);
}

static void no_flipped_bit_of_a_certificate_is_trusted(void **state)
{
    struct fixture *f = *state;
    struct span der = f->alice.certificate->der;
    uint8_t bytes[2048];
    for (size_t bit = 0; bit < der.len * 8; bit++) {
        struct certificate *c;
        memcpy(bytes, der.at, der.len);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (certificate_parse(span_of(bytes, der.len), &c) == RULE_OK) {
            assert_int_not_equal(check(f, c, USE_SIGN, PKI_NOW), RULE_OK);
            certificate_release(c);
        }
    }
}

/* --- own keys --- */

static void a_key_that_is_not_the_certificates_is_refused(void **state)
{
    struct fixture *f = *state;
    struct identity identity;
    struct span key;
    assert_rule(issue_key(&f->arena, &key), RULE_OK);
    assert_rule(identity_load(f->alice.certificate->der, key, &identity), RULE_CERT_KEY);
    assert_null(identity.certificate);
    assert_rule(identity_load(f->alice.certificate->der, span_part(key, 0, key.len - 1), &identity), RULE_FILE_FORMAT);
    assert_rule(identity_load(f->alice.certificate->der, SPAN(""), &identity), RULE_FILE_FORMAT);
    assert_rule(identity_load(SPAN(""), key, &identity), RULE_CERT_SYNTAX);
}

/* --- trust: protocol.md 2.1 item 2 --- */

static void a_certificate_of_the_authority_is_trusted_for_its_uses(void **state)
{
    struct fixture *f = *state;
    assert_rule(check(f, f->alice.certificate, USE_SIGN, PKI_NOW), RULE_OK);
    assert_rule(check(f, f->alice.certificate, USE_SEAL, PKI_NOW), RULE_OK);
}

static void a_certificate_of_another_authority_is_not_trusted(void **state)
{
    struct fixture *f = *state;
    struct identity other = pki_authority("Test CA"); /* of the same name */
    struct identity mallory = pki_user(&other, "sip:alice@home.example");
    assert_rule(check(f, mallory.certificate, USE_SIGN, PKI_NOW), RULE_CERT_UNTRUSTED);
    /* Bringing its authority along does not help: what comes in a bag is a candidate, never an anchor. */
    assert_rule(trust_check(f->trust, mallory.certificate, &other.certificate, 1, USE_SIGN, PKI_NOW),
                RULE_CERT_UNTRUSTED);
    struct certificate *self;
    assert_rule(parse_odd(f, &(struct pki_odd){.subject = "self"}, &self), RULE_OK);
    assert_rule(check(f, self, USE_SIGN, PKI_NOW), RULE_CERT_UNTRUSTED);
    certificate_release(self);
    identity_clear(&mallory);
    identity_clear(&other);
}

static void expiry_is_judged_at_each_use_also_from_the_cache(void **state)
{
    struct fixture *f = *state;
    const struct certificate *c = f->alice.certificate;
    assert_rule(check(f, c, USE_SIGN, PKI_FROM - 1), RULE_CERT_EXPIRED);
    assert_rule(check(f, c, USE_SIGN, PKI_FROM), RULE_OK);
    assert_rule(check(f, c, USE_SIGN, PKI_FROM - 1), RULE_CERT_EXPIRED);
    assert_rule(check(f, c, USE_SIGN, PKI_UNTIL - 1), RULE_OK);
    assert_rule(check(f, c, USE_SIGN, PKI_UNTIL), RULE_CERT_EXPIRED);
    assert_rule(check(f, c, USE_SIGN, PKI_NOW), RULE_OK);
}

static void an_expired_anchor_ends_the_trust_in_what_it_issued(void **state)
{
    struct fixture *f = *state;
    struct identity late = pki_issue(&f->authority, &(struct issue_terms){ISSUE_USER, ISSUE_SIGN_AND_SEAL,
                                                                         SPAN("sip:late@home.example"), PKI_FROM,
                                                                         PKI_UNTIL + 86400});
    assert_rule(check(f, late.certificate, USE_SIGN, PKI_UNTIL - 1), RULE_OK);
    assert_rule(check(f, late.certificate, USE_SIGN, PKI_UNTIL + 1), RULE_CERT_EXPIRED);
    identity_clear(&late);
}

static void a_certificate_is_used_only_for_what_its_usages_say(void **state)
{
    struct fixture *f = *state;
    struct issue_terms terms = {ISSUE_USER, ISSUE_SIGN, SPAN("sip:alice@home.example"), PKI_FROM, PKI_UNTIL};
    struct identity signs = pki_issue(&f->authority, &terms);
    terms.usage = ISSUE_SEAL;
    struct identity seals = pki_issue(&f->authority, &terms);
    assert_rule(check(f, signs.certificate, USE_SIGN, PKI_NOW), RULE_OK);
    assert_rule(check(f, signs.certificate, USE_SEAL, PKI_NOW), RULE_CERT_USAGE);
    assert_rule(check(f, seals.certificate, USE_SEAL, PKI_NOW), RULE_OK);
    assert_rule(check(f, seals.certificate, USE_SIGN, PKI_NOW), RULE_CERT_USAGE);
    struct certificate *web;
    const char *const server[] = {"extendedKeyUsage=serverAuth,clientAuth", NULL};
    assert_rule(parse_odd(f, &(struct pki_odd){"web", server, NULL, &f->authority, NULL, 0, 0}, &web), RULE_OK);
    assert_rule(check(f, web, USE_SIGN, PKI_NOW), RULE_CERT_USAGE);
    assert_rule(check(f, web, USE_SEAL, PKI_NOW), RULE_CERT_USAGE);
    assert_rule(check(f, f->authority.certificate, USE_SIGN, PKI_NOW), RULE_CERT_USAGE);
    certificate_release(web);
    identity_clear(&signs);
    identity_clear(&seals);
}

static enum rule use_with(struct fixture *f, const char *purposes, enum certificate_use use)
{
    char text[128];
    struct certificate *c;
    snprintf(text, sizeof text, "extendedKeyUsage=%s", purposes);
    const char *const extensions[] = {"keyUsage=digitalSignature,keyAgreement", purposes ? text : NULL, NULL};
    assert_rule(parse_odd(f, &(struct pki_odd){"t", extensions, NULL, &f->authority, NULL, 0, 0}, &c), RULE_OK);
    enum rule rule = check(f, c, use, PKI_NOW);
    certificate_release(c);
    return rule;
}

/* RFC 5924 4, and serverAuth and clientAuth for the end that shows the certificate. */
static void a_certificate_serves_for_tls_by_its_purposes(void **state)
{
    struct fixture *f = *state;
    assert_rule(use_with(f, "serverAuth", USE_TLS_SERVER), RULE_OK);
    assert_rule(use_with(f, "serverAuth", USE_TLS_CLIENT), RULE_CERT_USAGE);
    assert_rule(use_with(f, "clientAuth", USE_TLS_CLIENT), RULE_OK);
    assert_rule(use_with(f, "clientAuth", USE_TLS_SERVER), RULE_CERT_USAGE);
    for (enum certificate_use use = USE_TLS_SERVER; use <= USE_TLS_CLIENT; use++) {
        assert_rule(use_with(f, "1.3.6.1.5.5.7.3.20", use), RULE_OK);
        assert_rule(use_with(f, "anyExtendedKeyUsage", use), RULE_OK);
        assert_rule(use_with(f, NULL, use), RULE_OK);
        assert_rule(use_with(f, "emailProtection", use), RULE_CERT_USAGE);
    }
    struct issue_terms terms = {ISSUE_HOST, ISSUE_SEAL, SPAN("proxy1.home.example"), PKI_FROM, PKI_UNTIL};
    struct identity seals = pki_issue(&f->authority, &terms);
    assert_rule(check(f, seals.certificate, USE_TLS_SERVER, PKI_NOW), RULE_CERT_USAGE); /* no digitalSignature */
    identity_clear(&seals);
}

/* protocol.md 2.2: a TLS key is never a sealing or signing key. */
static void a_certificate_for_tls_is_none_for_messages(void **state)
{
    struct fixture *f = *state;
    for (enum certificate_use use = USE_SIGN; use <= USE_SEAL; use++) {
        assert_rule(use_with(f, "1.3.6.1.5.5.7.3.20", use), RULE_OK);
        assert_rule(use_with(f, "1.3.6.1.5.5.7.3.20,serverAuth", use), RULE_CERT_USAGE);
        assert_rule(use_with(f, "1.3.6.1.5.5.7.3.20,clientAuth", use), RULE_CERT_USAGE);
        assert_rule(use_with(f, "emailProtection,clientAuth", use), RULE_OK); /* whose it is has decided so */
    }
}

static void what_is_issued_for_tls_has_its_names_and_its_usages(void **state)
{
    struct fixture *f = *state;
    struct span domain[CERTIFICATE_NAMES_MAX];
    struct issue_terms terms = {ISSUE_TLS, ISSUE_SEAL, SPAN("proxy1.home.example"), PKI_FROM, PKI_UNTIL};
    struct identity host = pki_issue(&f->authority, &terms);
    assert_int_equal(host.certificate->name_count, 2);
    assert_true(certificate_names_host(host.certificate, SPAN("proxy1.home.example")));
    assert_int_equal(certificate_sip_domains(host.certificate, domain), 1);
    assert_span_text(domain[0], "proxy1.home.example");
    assert_true(host.certificate->may_sign && !host.certificate->may_agree && host.certificate->for_tls);
    assert_true(host.certificate->purpose_server && host.certificate->purpose_client && host.certificate->purpose_sip);
    terms.name = SPAN("sip:alice@home.example");
    struct identity user = pki_issue(&f->authority, &terms);
    assert_int_equal(user.certificate->name_count, 1);
    assert_true(certificate_names_aor(user.certificate, SPAN("sip:alice@home.example")));
    assert_int_equal(certificate_sip_domains(user.certificate, domain), 0);
    identity_clear(&host);
    identity_clear(&user);
}

static void a_chain_goes_through_the_authorities_that_come_along(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key, *leaf_key;
    const char *const ca[] = {"basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign", NULL};
    struct identity root = {0}, between = {0}, leaf = {0};
    struct certificate *c;
    struct span der = pki_odd(&f->arena, &(struct pki_odd){.subject = "Root", .extensions = ca}, &root.key);
    assert_rule(certificate_parse(der, &root.certificate), RULE_OK);
    der = pki_odd(&f->arena, &(struct pki_odd){"Between", ca, NULL, &root, NULL, 0, 0}, &key);
    between.key = key;
    assert_rule(certificate_parse(der, &between.certificate), RULE_OK);
    der = pki_odd(&f->arena, &(struct pki_odd){"leaf", NULL, NULL, &between, NULL, 0, 0}, &leaf_key);
    leaf.key = leaf_key;
    assert_rule(certificate_parse(der, &leaf.certificate), RULE_OK);
    assert_rule(trust_add_anchor(f->trust, root.certificate->der), RULE_OK);
    assert_rule(check(f, leaf.certificate, USE_SIGN, PKI_NOW), RULE_CERT_UNTRUSTED);
    assert_rule(trust_check(f->trust, leaf.certificate, &between.certificate, 1, USE_SIGN, PKI_NOW), RULE_OK);
    /* A leaf is no authority. */
    der = pki_odd(&f->arena, &(struct pki_odd){"under leaf", NULL, NULL, &leaf, NULL, 0, 0}, NULL);
    assert_rule(certificate_parse(der, &c), RULE_OK);
    struct certificate *bag[] = {leaf.certificate, between.certificate};
    assert_rule(trust_check(f->trust, c, bag, 2, USE_SIGN, PKI_NOW), RULE_CERT_UNTRUSTED);
    certificate_release(c);
    identity_clear(&leaf);
    identity_clear(&between);
    identity_clear(&root);
}

static void an_authority_that_does_not_say_it_is_one_is_none(void **state)
{
    struct fixture *f = *state;
    const char *const ca[] = {"basicConstraints=critical,CA:TRUE", NULL};
    const char *const silent[] = {"keyUsage=critical,keyCertSign", NULL}; /* OpenSSL alone would take it for one */
    struct identity root = {0}, between = {0};
    struct certificate *c;
    struct span der = pki_odd(&f->arena, &(struct pki_odd){.subject = "Root", .extensions = ca}, &root.key);
    assert_rule(certificate_parse(der, &root.certificate), RULE_OK);
    der = pki_odd(&f->arena, &(struct pki_odd){"Between", silent, NULL, &root, NULL, 0, 0}, &between.key);
    assert_rule(certificate_parse(der, &between.certificate), RULE_OK);
    der = pki_odd(&f->arena, &(struct pki_odd){"leaf", NULL, NULL, &between, NULL, 0, 0}, NULL);
    assert_rule(certificate_parse(der, &c), RULE_OK);
    assert_rule(trust_add_anchor(f->trust, root.certificate->der), RULE_OK);
    assert_rule(trust_check(f->trust, c, &between.certificate, 1, USE_SIGN, PKI_NOW), RULE_CERT_UNTRUSTED);
    certificate_release(c);
    identity_clear(&between);
    identity_clear(&root);
}

static void an_anchor_that_is_no_authority_is_trusted_for_itself_alone(void **state)
{
    struct fixture *f = *state;
    const char *const plain[] = {"basicConstraints=critical,CA:FALSE", NULL};
    const char *const silent[] = {"keyUsage=keyCertSign,digitalSignature", NULL};
    const char *const *const kinds[] = {plain, silent};
    for (size_t i = 0; i < 2; i++) {
        struct identity pinned = {0};
        struct certificate *c;
        struct pki_odd odd = {.subject = "Pinned", .extensions = kinds[i]};
        struct span der = pki_odd(&f->arena, &odd, &pinned.key);
        assert_rule(certificate_parse(der, &pinned.certificate), RULE_OK);
        der = pki_odd(&f->arena, &(struct pki_odd){"under it", NULL, NULL, &pinned, NULL, 0, 0}, NULL);
        assert_rule(certificate_parse(der, &c), RULE_OK);
        struct trust *trust = pki_trust(&pinned);
        assert_rule(trust_check(trust, pinned.certificate, NULL, 0, USE_SIGN, PKI_NOW), RULE_OK);
        assert_rule(trust_check(trust, c, NULL, 0, USE_SIGN, PKI_NOW), RULE_CERT_UNTRUSTED);
        trust_free(trust);
        certificate_release(c);
        identity_clear(&pinned);
    }
}

static void a_certificate_signed_with_sha1_is_not_trusted(void **state)
{
    struct fixture *f = *state;
    struct certificate *c;
    assert_rule(parse_odd(f, &(struct pki_odd){"old", NULL, NULL, &f->authority, "SHA1", 0, 0}, &c), RULE_OK);
    assert_rule(check(f, c, USE_SIGN, PKI_NOW), RULE_CERT_UNTRUSTED);
    certificate_release(c);
}

static void a_revoked_certificate_is_refused_from_the_moment_the_list_is_known(void **state)
{
    struct fixture *f = *state;
    struct identity bob = pki_user(&f->authority, "sip:bob@home.example");
    struct span crl, serial = certificate_serial(f->alice.certificate);
    assert_rule(check(f, f->alice.certificate, USE_SIGN, PKI_NOW), RULE_OK);
    assert_rule(issue_crl(&f->arena, &f->authority, &serial, 1, 1, PKI_FROM, PKI_UNTIL, &crl), RULE_OK);
    assert_rule(trust_add_crl(f->trust, crl), RULE_OK);
    assert_rule(check(f, f->alice.certificate, USE_SIGN, PKI_NOW), RULE_CERT_REVOKED); /* although it is cached */
    assert_rule(check(f, f->alice.certificate, USE_SEAL, PKI_NOW), RULE_CERT_REVOKED);
    assert_rule(check(f, bob.certificate, USE_SIGN, PKI_NOW), RULE_OK);
    /* A newer list without the serial number takes its place. */
    assert_rule(issue_crl(&f->arena, &f->authority, NULL, 0, 2, PKI_FROM + 1, PKI_UNTIL, &crl), RULE_OK);
    assert_rule(trust_add_crl(f->trust, crl), RULE_OK);
    assert_rule(check(f, f->alice.certificate, USE_SIGN, PKI_NOW), RULE_OK);
    identity_clear(&bob);
}

static void a_revocation_list_out_of_date_fails_closed(void **state)
{
    struct fixture *f = *state;
    struct span crl;
    assert_rule(issue_crl(&f->arena, &f->authority, NULL, 0, 1, PKI_FROM, PKI_NOW, &crl), RULE_OK);
    assert_rule(trust_add_crl(f->trust, crl), RULE_OK);
    assert_rule(check(f, f->alice.certificate, USE_SIGN, PKI_NOW - 1), RULE_OK);
    assert_rule(check(f, f->alice.certificate, USE_SIGN, PKI_NOW), RULE_CERT_REVOCATION_UNKNOWN);
    /* The next one counts from its own time on, and not before. */
    assert_rule(issue_crl(&f->arena, &f->authority, NULL, 0, 2, PKI_NOW + 10, PKI_UNTIL, &crl), RULE_OK);
    assert_rule(trust_add_crl(f->trust, crl), RULE_OK);
    assert_rule(check(f, f->alice.certificate, USE_SIGN, PKI_NOW + 9), RULE_CERT_REVOCATION_UNKNOWN);
    assert_rule(check(f, f->alice.certificate, USE_SIGN, PKI_NOW + 10), RULE_OK);
}

static void a_revocation_list_that_the_authority_did_not_sign_fails_closed(void **state)
{
    struct fixture *f = *state;
    struct span crl;
    uint8_t forged[1024];
    assert_rule(issue_crl(&f->arena, &f->authority, NULL, 0, 1, PKI_FROM, PKI_UNTIL, &crl), RULE_OK);
    memcpy(forged, crl.at, crl.len);
    forged[crl.len - 1] ^= 1;
    assert_rule(trust_add_crl(f->trust, span_of(forged, crl.len)), RULE_OK);
    assert_rule(check(f, f->alice.certificate, USE_SIGN, PKI_NOW), RULE_CERT_REVOCATION_UNKNOWN);
}

static void a_list_of_another_key_under_the_same_name_says_nothing(void **state)
{
    struct fixture *f = *state;
    struct identity other = pki_authority("Test CA");
    struct span crl, serial = certificate_serial(f->alice.certificate);
    assert_rule(issue_crl(&f->arena, &other, &serial, 1, 1, PKI_FROM, PKI_UNTIL, &crl), RULE_OK);
    assert_rule(trust_add_crl(f->trust, crl), RULE_OK);
    assert_rule(check(f, f->alice.certificate, USE_SIGN, PKI_NOW), RULE_OK);
    assert_rule(trust_add_crl(f->trust, span_part(crl, 0, crl.len - 1)), RULE_CERT_SYNTAX);
    assert_rule(trust_add_crl(f->trust, SPAN("")), RULE_CERT_SYNTAX);
    identity_clear(&other);
}

/* --- the cache --- */

static void the_same_bytes_are_parsed_once(void **state)
{
    struct fixture *f = *state;
    struct certificate *first, *second;
    assert_rule(trust_certificate(f->trust, f->alice.certificate->der, &first), RULE_OK);
    assert_rule(trust_certificate(f->trust, f->alice.certificate->der, &second), RULE_OK);
    assert_ptr_equal(first, second);
    certificate_release(first);
    certificate_release(second);
    assert_rule(trust_certificate(f->trust, SPAN("\x30\x00"), &first), RULE_CERT_SYNTAX);
}

static void the_cache_is_bounded_and_strangers_do_not_push_out_the_trusted(void **state)
{
    struct fixture *f = *state;
    struct certificate *alice, *again, *first_stranger, *c;
    assert_rule(trust_certificate(f->trust, f->alice.certificate->der, &alice), RULE_OK);
    assert_rule(check(f, alice, USE_SIGN, PKI_NOW), RULE_OK);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char name[32];
    struct span der[2];
    for (size_t i = 0; i < CERTIFICATE_CACHE_MAX + 8; i++) {
        size_t mark = arena_mark(&f->arena);
        sprintf(name, "stranger %zu", i);
        struct span stranger = pki_odd(&f->arena, &(struct pki_odd){.subject = name, .key = key}, NULL);
        assert_rule(trust_certificate(f->trust, stranger, &c), RULE_OK);
        if (i == 0) {
            first_stranger = certificate_hold(c);
            der[0] = stranger;
        } else {
            arena_rewind(&f->arena, mark);
        }
        certificate_release(c);
    }
    assert_rule(trust_certificate(f->trust, f->alice.certificate->der, &again), RULE_OK);
    assert_ptr_equal(again, alice);
    assert_rule(trust_certificate(f->trust, der[0], &c), RULE_OK);
    assert_ptr_not_equal(c, first_stranger); /* it had left: parsed again */
    certificate_release(c);
    certificate_release(first_stranger);
    certificate_release(again);
    certificate_release(alice);
    EVP_PKEY_free(key);
}

/* --- what issue.h refuses --- */

static void names_that_would_be_misread_are_not_issued(void **state)
{
    struct fixture *f = *state;
    struct span key, der;
    assert_rule(issue_key(&f->arena, &key), RULE_OK);
    struct issue_terms terms = {ISSUE_USER, ISSUE_SIGN_AND_SEAL, SPAN("sip:a b@x"), PKI_FROM, PKI_UNTIL};
    assert_rule(issue_certificate(&f->arena, &f->authority, key, &terms, &der), RULE_CERT_SYNTAX);
    terms.name = SPAN("sip:a@x\0y");
    assert_rule(issue_certificate(&f->arena, &f->authority, key, &terms, &der), RULE_CERT_SYNTAX);
    terms.name = SPAN("");
    assert_rule(issue_certificate(&f->arena, &f->authority, key, &terms, &der), RULE_CERT_SYNTAX);
    /* A comma ends a name in OpenSSL's configuration syntax; here it is a character like others. */
    terms.name = SPAN("sip:a@x,DNS:evil.example");
    assert_rule(issue_certificate(&f->arena, &f->authority, key, &terms, &der), RULE_OK);
    struct certificate *c;
    assert_rule(certificate_parse(der, &c), RULE_OK);
    assert_int_equal(c->name_count, 1);
    assert_span_text(c->name[0].text, "sip:a@x,DNS:evil.example");
    certificate_release(c);
    terms.not_after = terms.not_before;
    assert_rule(issue_certificate(&f->arena, &f->authority, key, &terms, &der), RULE_CERT_SYNTAX);
}

static void issuing_without_memory_says_so(void **state)
{
    struct fixture *f = *state;
    struct span key, der, crl;
    f->arena.fail_after = 0;
    assert_rule(issue_key(&f->arena, &key), RULE_NO_MEMORY);
    f->arena.fail_after = SIZE_MAX;
    assert_rule(issue_key(&f->arena, &key), RULE_OK);
    f->arena.fail_after = 0;
    assert_rule(issue_authority(&f->arena, key, SPAN("x"), PKI_FROM, PKI_UNTIL, &der), RULE_NO_MEMORY);
    struct issue_terms terms = {ISSUE_USER, ISSUE_SIGN, SPAN("sip:a@x"), PKI_FROM, PKI_UNTIL};
    assert_rule(issue_certificate(&f->arena, &f->authority, key, &terms, &der), RULE_NO_MEMORY);
    assert_rule(issue_crl(&f->arena, &f->authority, NULL, 0, 1, PKI_FROM, PKI_UNTIL, &crl), RULE_NO_MEMORY);
    f->arena.fail_after = SIZE_MAX;
    assert_rule(issue_authority(&f->arena, SPAN("rubbish"), SPAN("x"), PKI_FROM, PKI_UNTIL, &der), RULE_FILE_FORMAT);
}

static void what_is_allowed_bounds_parsing_and_proving_and_not_what_is_known(void **state)
{
    struct fixture *f = *state;
    struct identity one = pki_user(&f->authority, "sip:one@home.example");
    struct identity two = pki_user(&f->authority, "sip:two@home.example");
    struct certificate *a, *b;
    struct trust *t = pki_trust(&f->authority);
    trust_allow(t, 1, PKI_NOW);
    assert_rule(trust_certificate(t, one.certificate->der, &a), RULE_OK);
    assert_false(trust_needs_no_others(t, a));
    assert_rule(trust_check(t, a, NULL, 0, USE_SIGN, PKI_NOW), RULE_CERT_BUDGET); /* its chain is one more */
    assert_rule(trust_certificate(t, two.certificate->der, &b), RULE_CERT_BUDGET);
    assert_int_equal(trust_spent(t), 1);
    trust_allow(t, 1, PKI_NOW);
    assert_rule(trust_check(t, a, NULL, 0, USE_SIGN, PKI_NOW), RULE_OK);
    assert_true(trust_needs_no_others(t, a));
    trust_allow(t, 0, PKI_NOW);
    certificate_release(a);
    assert_rule(trust_certificate(t, one.certificate->der, &a), RULE_OK);
    assert_rule(trust_check(t, a, NULL, 0, USE_SIGN, PKI_NOW), RULE_OK);
    assert_rule(trust_certificate(t, two.certificate->der, &b), RULE_CERT_BUDGET);
    assert_int_equal(trust_spent(t), 0);
    trust_allow(t, 1, PKI_UNTIL);
    assert_false(trust_needs_no_others(t, a)); /* out of date: others may renew the chain */
    struct trust_work work = trust_work_of(t);
    assert_int_equal(work.parsed, 1);
    assert_int_equal(work.proven, 1);
    assert_int_equal(work.cached, 1);
    assert_int_equal(work.refused, 3);
    certificate_release(a);
    trust_free(t);
    identity_clear(&one);
    identity_clear(&two);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_users_certificate_says_whose_it_is_and_what_it_is_for),
        TEST(a_hosts_certificate_is_for_sip_and_names_the_host),
        TEST(issuer_and_serial_number_are_those_that_openssl_writes),
        TEST(without_key_usages_a_certificate_may_do_what_its_key_can),
        TEST(a_name_with_a_zero_inside_is_refused),
        TEST(an_extension_that_stands_twice_is_refused),
        TEST(names_beyond_the_limit_are_not_looked_at),
        TEST(keys_of_the_kinds_of_the_profile_are_known_and_others_refused),
        TEST(rsa_keys_with_exponents_that_anyone_can_undo_or_that_cost_too_much_are_refused),
        TEST(a_curve_given_by_its_parameters_is_refused),
        TEST(the_point_at_infinity_is_no_key),
        TEST(every_truncation_of_a_certificate_is_refused),
        TEST(no_flipped_bit_of_a_certificate_is_trusted),
        TEST(a_key_that_is_not_the_certificates_is_refused),
        TEST(a_certificate_of_the_authority_is_trusted_for_its_uses),
        TEST(a_certificate_of_another_authority_is_not_trusted),
        TEST(expiry_is_judged_at_each_use_also_from_the_cache),
        TEST(an_expired_anchor_ends_the_trust_in_what_it_issued),
        TEST(a_certificate_is_used_only_for_what_its_usages_say),
        TEST(a_certificate_serves_for_tls_by_its_purposes),
        TEST(a_certificate_for_tls_is_none_for_messages),
        TEST(what_is_issued_for_tls_has_its_names_and_its_usages),
        TEST(a_chain_goes_through_the_authorities_that_come_along),
        TEST(an_authority_that_does_not_say_it_is_one_is_none),
        TEST(an_anchor_that_is_no_authority_is_trusted_for_itself_alone),
        TEST(a_certificate_signed_with_sha1_is_not_trusted),
        TEST(a_revoked_certificate_is_refused_from_the_moment_the_list_is_known),
        TEST(a_revocation_list_out_of_date_fails_closed),
        TEST(a_revocation_list_that_the_authority_did_not_sign_fails_closed),
        TEST(a_list_of_another_key_under_the_same_name_says_nothing),
        TEST(the_same_bytes_are_parsed_once),
        TEST(the_cache_is_bounded_and_strangers_do_not_push_out_the_trusted),
        TEST(what_is_allowed_bounds_parsing_and_proving_and_not_what_is_known),
        TEST(names_that_would_be_misread_are_not_issued),
        TEST(issuing_without_memory_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
