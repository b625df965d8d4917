/* CMS, beside OpenSSL's own CMS calls: what libsipseal opens or verifies, OpenSSL opens or verifies with the same
 * content. Where OpenSSL lacks the algorithms (each is tried at the start), structure is compared: it reads the object,
 * and counts as many keys or signers. How often each was compared is said at the end.
 *
 * The first byte of the input chooses what is made of the others, the second a variant: an object as it stands; content
 * that is sealed or signed; changes to a valid object (der_change.h), which is then signed again, so that a change gets
 * past the digest and the signature; or attributes, key material and parameters inside a new sealing. Keys and random
 * numbers are the same in every run. */
#include "../unit/test.h"

#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "../unit/forge.h"
#include "../unit/pki.h"
#include "cms/signature.h"
#include "cms/signed_data.h"
#include "der_change.h"
#include "fixed_random.h"
#include "openssl_cms.h"
#include "sipseal/cms.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KINDS = 5, ARENA = 4 * 1024 * 1024, INPUT_MAX = 16 * 1024 };

struct world {
    struct arena keep, arena;
    struct identity party[KINDS]; /* by enum key_kind */
    struct span sealed[KINDS + 1], by_key_id[KINDS], signed_by[KINDS]; /* valid objects; empty where there is none */
    struct span enveloped[KINDS], pkcs1; /* for legacy peers: AES-CBC; AES-GCM with a key under PKCS#1 v1.5 */
    bool opens[KINDS], verifies[KINDS]; /* OpenSSL has what this kind of key needs */
    unsigned long long inputs, same_opened, same_verified, structure_opened, structure_verified, read_alike,
        parts_passed_over;
};

static struct world world;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* --- beside OpenSSL --- */

/* The object that the input became goes into the report: it is what has to be looked at. */
static void agree(bool holds, const char *what, struct span der)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_cms: %s: ", what);
    for (size_t i = 0; i < der.len; i++)
        fprintf(stderr, "%02x", der.at[i]);
    fprintf(stderr, "\n");
    abort();
}

/* Whether OpenSSL could read the object at all. What it cannot read may only be a part that is not looked into here. */
static bool readable(enum openssl_says says, struct span der)
{
    agree(says != OPENSSL_CANNOT_READ, "OpenSSL cannot read what is accepted", der);
    world.parts_passed_over += says == OPENSSL_CANNOT_READ_PART;
    return says != OPENSSL_CANNOT_READ_PART;
}

static void compare_opened(struct span der, enum key_kind kind, struct span content)
{
    struct span theirs;
    size_t count;
    if (!readable(openssl_count_readers(der, &count), der))
        return;
    agree(count > 0, "OpenSSL counts no readers", der);
    if (!world.opens[kind]) {
        world.structure_opened++;
        return;
    }
    agree(openssl_open(&world.arena, der, &world.party[kind], &theirs) == OPENSSL_ACCEPTS,
          "OpenSSL does not open what is opened", der);
    agree(span_equal(theirs, content), "OpenSSL opens it to other content", der);
    world.same_opened++;
}

static void compare_verified(struct span der, const struct span *detached, const struct cms_signed *said)
{
    struct span theirs;
    size_t count;
    if (!readable(openssl_count_signers(der, &count), der))
        return;
    agree(count == 1, "OpenSSL does not count one signer", der);
    if (!world.verifies[said->signer->key_kind]) {
        world.structure_verified++;
        return;
    }
    agree(openssl_verify(&world.arena, der, detached, &theirs) == OPENSSL_ACCEPTS,
          "OpenSSL does not verify what is verified", der);
    agree(span_equal(theirs, said->content), "OpenSSL verifies other content", der);
    world.same_verified++;
}

/* --- every object is read in each way --- */

static void read_readers(struct span der)
{
    struct cms_readers readers;
    size_t count;
    if (cms_readers_of(der, &readers) != RULE_OK) {
        require(readers.count == 0);
        return;
    }
    require(readers.count >= 1 && readers.count <= CMS_READERS_MAX);
    if (readable(openssl_count_readers(der, &count), der)) {
        agree(count == readers.count, "OpenSSL counts other readers", der);
        world.read_alike++;
    }
    for (size_t i = 0; i < readers.count; i++) {
        require((readers.reader[i].issuer_and_serial.len > 0) != (readers.reader[i].key_id.len > 0));
        require(readers.reader[i].key_id.len ? span_within(readers.reader[i].key_id, der)
                                             : span_within(readers.reader[i].issuer_and_serial, der));
    }
}

static enum rule open_as(enum key_kind kind, struct span der, struct span *content)
{
    struct cms_readers readers;
    size_t before = world.arena.used;
    enum rule rule = cms_open(&world.arena, der, &world.party[kind], content);
    if (rule != RULE_OK) {
        require(content->len == 0 && world.arena.used == before);
        return rule;
    }
    require(cms_readers_of(der, &readers) == RULE_OK);
    require(cms_readers_include(&readers, world.party[kind].certificate));
    compare_opened(der, kind, *content);
    return rule;
}

static bool vouch(void *context, struct arena *arena, struct span candidate)
{
    (void)arena_copy(arena, candidate, NULL);
    return *(const bool *)context;
}

/* With everything that is read for legacy peers. Under AES-CBC nothing comes out that nobody vouches for. */
static enum rule open_legacy_as(enum key_kind kind, struct span der, struct span *content)
{
    struct cms_readers readers;
    bool vouched = false;
    const struct cms_legacy_terms terms = {CMS_LEGACY_ALL, vouch, &vouched};
    size_t before = world.arena.used;
    enum rule rule = cms_open_legacy(&world.arena, der, &world.party[kind], &terms, content);
    require(rule != RULE_OK || (cms_readers_of(der, &readers) == RULE_OK && !(readers.legacy & CMS_LEGACY_CBC)));
    require(rule == RULE_OK || (content->len == 0 && world.arena.used == before));
    vouched = true;
    rule = cms_open_legacy(&world.arena, der, &world.party[kind], &terms, content);
    if (rule != RULE_OK) {
        require(content->len == 0);
        return rule;
    }
    require(cms_readers_of(der, &readers) == RULE_OK);
    require(cms_readers_include(&readers, world.party[kind].certificate));
    compare_opened(der, kind, *content);
    return rule;
}

static enum rule verify(struct span der, const struct span *detached)
{
    struct cms_signed said;
    enum rule rule = cms_verify(&world.arena, der, detached, NULL, NULL, 0, &said);
    if (rule != RULE_OK) {
        require(!said.signer && said.bag_count == 0);
        return rule;
    }
    require(said.signer && said.bag_count <= CERTIFICATES_IN_BAG_MAX);
    require(detached ? span_equal(said.content, *detached) : span_within(said.content, der) || !said.content.len);
    compare_verified(der, detached, &said);
    cms_signed_clear(&said);
    return rule;
}

static void read_all(struct span der)
{
    const struct span detached = SPAN("detached");
    struct span content;
    read_readers(der);
    for (size_t kind = 0; kind < KINDS; kind++) {
        enum rule rule = open_as((enum key_kind)kind, der, &content);
        if (rule == RULE_CMS_TYPE || rule == RULE_CMS_ALGORITHM)
            open_legacy_as((enum key_kind)kind, der, &content);
    }
    verify(der, NULL);
    verify(der, &detached);
}

/* --- valid objects around any content --- */

static bool can_seal(size_t kind)
{
    return kind != KEY_ED25519;
}

static bool can_sign(size_t kind)
{
    return kind != KEY_X25519;
}

/* The variant's bits choose the readers. */
static void seal_it(uint8_t variant, struct span content)
{
    struct certificate *reader[KINDS];
    size_t count = 0;
    struct span der, opened;
    for (size_t kind = 0; kind < KINDS; kind++)
        if (can_seal(kind) && variant >> kind & 1)
            reader[count++] = world.party[kind].certificate;
    if (count == 0)
        return;
    require(cms_seal_as(&world.arena, &(struct cms_choice){.aes256 = variant & 0x80}, reader, count, content, &der) ==
            RULE_OK);
    read_readers(der);
    for (size_t kind = 0; kind < KINDS; kind++)
        if (can_seal(kind) && variant >> kind & 1)
            require(open_as((enum key_kind)kind, der, &opened) == RULE_OK && span_equal(opened, content));
        else
            require(open_as((enum key_kind)kind, der, &opened) == RULE_CMS_NOT_READER);
}

static void sign_it(uint8_t variant, struct span content)
{
    size_t kind = variant % KINDS;
    struct span der;
    if (!can_sign(kind))
        return;
    require(cms_sign(&world.arena, &world.party[kind], NULL, 0, content, PKI_NOW, &der) == RULE_OK);
    require(verify(der, NULL) == RULE_OK);
}

/* --- changed objects --- */

/* The message-digest attribute becomes that of the content, where there is one of the right length. */
static void digest_again(const struct signed_data *s, const struct signature_choice *choice, struct span content)
{
    struct cursor c = cursor_over(attribute_value(&s->attributes, OID_MESSAGE_DIGEST));
    struct span said;
    uint8_t hash[EVP_MAX_MD_SIZE];
    size_t len;
    if (der_take_content(&c, DER_OCTET_STRING, &said) &&
        hash_of(digest_of(primitives(), choice->digest), content, hash, &len) && said.len == len)
        memcpy((uint8_t *)(uintptr_t)said.at, hash, len);
}

/* The object with the signature that its attributes need, by the party whose kind of key it says. */
static struct span sign_again(struct span der, const struct identity *signer)
{
    struct signed_data s;
    struct signature_choice choice;
    uint8_t signature[SIGNATURE_MAX];
    size_t len;
    struct span copy = arena_copy(&world.arena, der, NULL);
    if (signed_data_read(copy, &s) != RULE_OK || !s.signed_attributes.whole.len ||
        !signature_is_known(s.signature_algorithm.oid, s.digest.oid, &choice) ||
        !signature_fits(&choice, signer->certificate->key_kind))
        return der;
    digest_again(&s, &choice, s.has_content ? s.content : SPAN("detached"));
    struct span attributes = arena_copy(&world.arena, s.signed_attributes.whole, NULL);
    *(uint8_t *)(uintptr_t)attributes.at = DER_SET;
    require(signature_make(&choice, signer->key, attributes, signature, &len) == RULE_OK);
    uint8_t *at = arena_take(&world.arena, len + 8);
    struct der_writer w = der_writer_over(at, len + 8);
    der_put_item(&w, DER_OCTET_STRING, span_of(signature, len));
    size_t header = len < 128 ? 2 : len < 256 ? 3 : 4;
    struct span old = span_of(s.signature.at - (s.signature.len < 128 ? 2 : s.signature.len < 256 ? 3 : 4), 1);
    require(der_written(&w).len == len + header);
    struct span made = der_put_in_place(&world.arena, copy, old, der_written(&w));
    return made.len ? made : der;
}

static void change_sealed(uint8_t variant, struct cursor *changes)
{
    size_t n = variant % (2 * KINDS + 1);
    struct span der = n <= KINDS ? world.sealed[n] : world.by_key_id[n - KINDS - 1];
    if (der.len)
        read_all(der_change(&world.arena, der, changes));
}

static void change_signed(uint8_t variant, struct cursor *changes)
{
    size_t kind = variant % KINDS;
    struct span der = world.signed_by[kind];
    if (der.len) {
        der = der_change(&world.arena, der, changes);
        read_all(variant & 0x80 ? der : sign_again(der, &world.party[kind]));
    }
}

/* --- new sealings around what the input says --- */

static struct span piece(struct cursor *c, size_t max)
{
    uint8_t len;
    struct span s = {0};
    if (!cursor_u8(c, &len))
        return s;
    size_t take = len % (max + 1);
    cursor_take(c, take < cursor_left(c) ? take : cursor_left(c), &s);
    return s;
}

static void forge_it(uint8_t variant, struct cursor *c)
{
    static const enum key_kind kinds[] = {KEY_P256, KEY_P384, KEY_X25519};
    enum key_kind kind = kinds[variant % 3];
    struct span content;
    struct forge f = {
        .reader = {world.party[kind].certificate, variant & 4 ? world.party[kind].certificate : NULL},
        .by_key_id = variant & 8,
        .key_for_each = variant & 16,
        .icv_default = variant & 32,
        .auth_attributes = piece(c, 200),
        .unauth_attributes = piece(c, 200),
        .originator_parameters = piece(c, 60),
        .wrap_parameters = piece(c, 40),
    };
    if (variant & 64)
        f.ukm = piece(c, 100);
    f.content = cursor_rest(c);
    if (f.content.len > 8192)
        return;
    struct span der = forge_sealed(&world.arena, &f);
    read_readers(der);
    if (open_as(kind, der, &content) == RULE_OK)
        require(span_equal(content, f.content));
}

/* --- for legacy peers --- */

static struct forge legacy_forge(size_t kind, bool enveloped, struct span content)
{
    return (struct forge){
        .reader = {world.party[kind].certificate},
        .enveloped = enveloped,
        .transport = {.algorithm = SPAN("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"),
                      .padding = RSA_PKCS1_PADDING},
        .content = content,
    };
}

static void change_legacy(uint8_t variant, struct cursor *changes)
{
    size_t n = variant % (KINDS + 1);
    struct span der = n < KINDS ? world.enveloped[n] : world.pkcs1;
    if (der.len)
        read_all(der_change(&world.arena, der, changes));
}

/* Content of any kind, whole, and nothing at all with broken padding. */
static void forge_legacy(uint8_t variant, struct cursor *c)
{
    size_t kind = variant % KINDS;
    struct span content;
    if (!can_seal(kind) || cursor_left(c) > 8192)
        return;
    struct forge f = legacy_forge(kind, !(variant & 0x80), cursor_rest(c));
    f.broken_padding = variant & 0x40;
    f.cipher = !f.enveloped ? "AES-256-GCM" : variant & 0x20 ? "AES-256-CBC" : "AES-128-CBC";
    struct span der = forge_sealed(&world.arena, &f);
    read_readers(der);
    enum rule rule = open_legacy_as((enum key_kind)kind, der, &content);
    require(rule == (f.enveloped && f.broken_padding ? RULE_CMS_OPEN : RULE_OK));
    require(rule != RULE_OK || span_equal(content, f.content));
}

/* --- the world --- */

/* Each has an authority of its own: pki_odd gives all certificates one serial number. */
static struct identity party_of(enum key_kind kind)
{
    static const char *const name[KINDS] = {"One", "Two", "Three", "Four", "Five"};
    static const char *const all[] = {"keyUsage=digitalSignature,keyAgreement", "subjectKeyIdentifier=hash", NULL};
    static const char *const rsa[] = {"keyUsage=digitalSignature,keyEncipherment", "subjectKeyIdentifier=hash", NULL};
    EVP_PKEY *key = kind == KEY_RSA       ? EVP_RSA_gen(2048)
                    : kind == KEY_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                    : kind == KEY_X25519  ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519")
                                          : EVP_EC_gen(kind == KEY_P384 ? "P-384" : "P-256");
    struct identity authority = pki_authority(name[kind]);
    struct span der = pki_odd(&world.keep,
                              &(struct pki_odd){.subject = "party",
                                                .extensions = kind == KEY_RSA ? rsa : all,
                                                .key = key,
                                                .authority = &authority},
                              NULL);
    identity_clear(&authority);
    struct identity party = {.key = key};
    require(certificate_parse(der, &party.certificate) == RULE_OK);
    return party;
}

/* Valid objects for and by one party, and what OpenSSL makes of them. */
static void prepare(size_t kind)
{
    struct arena *arena = &world.keep;
    const struct identity *party = &world.party[kind];
    const struct span content = SPAN("content");
    struct span theirs;
    if (can_seal(kind)) {
        require(cms_seal(arena, &(struct certificate *){party->certificate}, 1, content, &world.sealed[kind]) ==
                RULE_OK);
        world.opens[kind] = openssl_open(arena, world.sealed[kind], party, &theirs) == OPENSSL_ACCEPTS;
    }
    if (can_seal(kind) && kind != KEY_RSA)
        world.by_key_id[kind] =
            forge_sealed(arena, &(struct forge){.reader = {party->certificate}, .by_key_id = true, .content = content});
    if (can_seal(kind)) {
        struct forge f = legacy_forge(kind, true, content);
        world.enveloped[kind] = forge_sealed(arena, &f);
    }
    if (kind == KEY_RSA) {
        struct forge f = legacy_forge(kind, false, content);
        world.pkcs1 = forge_sealed(arena, &f);
    }
    if (can_sign(kind)) {
        require(cms_sign(arena, party, NULL, 0, content, PKI_NOW, &world.signed_by[kind]) == RULE_OK);
        world.verifies[kind] = openssl_verify(arena, world.signed_by[kind], NULL, &theirs) == OPENSSL_ACCEPTS;
    }
}

static void tell(void)
{
    printf("fuzz_cms: of %llu inputs, accepted by both with the same content: opened %llu, verified %llu; compared by "
           "structure, since OpenSSL lacks the algorithm: opened %llu, verified %llu; readers counted alike: %llu; "
           "with a part that is not looked into, and that OpenSSL cannot read: %llu\n",
           world.inputs, world.same_opened, world.same_verified, world.structure_opened, world.structure_verified,
           world.read_alike, world.parts_passed_over);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    struct certificate *all[] = {NULL, NULL, NULL, NULL};
    size_t count = 0;
    require(arena_open(&world.keep, ARENA) && arena_open(&world.arena, ARENA));
    fixed_random_install();
    for (size_t kind = 0; kind < KINDS; kind++) {
        world.party[kind] = party_of((enum key_kind)kind);
        prepare(kind);
        if (can_seal(kind))
            all[count++] = world.party[kind].certificate;
    }
    require(cms_seal(&world.keep, all, count, SPAN("content"), &world.sealed[KINDS]) == RULE_OK);
    /* OpenSSL has these; without them nothing would be compared. */
    require(world.opens[KEY_P256] && world.opens[KEY_P384] && world.opens[KEY_RSA]);
    require(world.verifies[KEY_P256] && world.verifies[KEY_P384] && world.verifies[KEY_RSA]);
    atexit(tell);
    return 0;
}

/* Eight, so that 0x30 is OBJECT. */
enum mode { OBJECT, SEAL, SIGN, CHANGE_SEALED, CHANGE_SIGNED, FORGE, CHANGE_LEGACY, FORGE_LEGACY, MODES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_over(span_of(data, size));
    uint8_t mode, variant;
    if (size > INPUT_MAX || !cursor_u8(&c, &mode) || !cursor_u8(&c, &variant))
        return 0;
    world.inputs++;
    fixed_random_restart(size);
    arena_reset(&world.arena);
    switch ((enum mode)(mode % MODES)) {
    case SEAL:
        seal_it(variant, cursor_rest(&c));
        break;
    case SIGN:
        sign_it(variant, cursor_rest(&c));
        break;
    case CHANGE_SEALED:
        change_sealed(variant, &c);
        break;
    case CHANGE_SIGNED:
        change_signed(variant, &c);
        break;
    case FORGE:
        forge_it(variant, &c);
        break;
    case CHANGE_LEGACY:
        change_legacy(variant, &c);
        break;
    case FORGE_LEGACY:
        forge_legacy(variant, &c);
        break;
    case OBJECT: /* mode 0x30, as every DER object begins: the whole input */
    case MODES:
        read_all(mode == DER_SEQUENCE ? span_of(data, size) : cursor_rest(&c));
        break;
    }
    return 0;
}
