/* How much more than the bare operations of EVP libsipseal's CMS takes: opening and verifying, sealing, signing. Rounds
 * of each way alternate on the same objects, which were made beforehand; each way uses each object once. Prints one row
 * for each ratio: the median of the rounds' ratios of processor time. */
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <stdio.h>
#include <stdlib.h>

#include "evp.h"
#include "measure.h"
#include "parties.h"
#include "sipseal/cms.h"
#include "sipseal/crypto.h"
#include "sipseal/middle.h"
#include "sipseal/sip_message.h"

enum { WAYS_MAX = 5, ROUNDS_MAX = 1001, OBJECTS = 64, OBJECT_ROOM = 128 * 1024, WORK_ROOM = 2 * 1024 * 1024 };

/* A message and all that was made of it beforehand. */
struct object {
    struct span message, body; /* whole; the AuthEnvelopedData */
    struct span opened;        /* the entity inside, which holds the SignedData */
    struct sealed_parts sealed;
    struct signed_parts signature;
};

struct bench {
    struct parties parties;
    struct certificate *reader[PARTIES_READERS_MAX];
    struct evp *evp;
    struct arena messages, work;
    struct object object[OBJECTS];
    X509_STORE *store;
    size_t rounds, readers;
    int64_t now;
    unsigned long number;
};

typedef void (*work)(struct bench *b, const struct object *o);

/* --- one round's objects --- */

static void make_object(struct bench *b, struct object *o)
{
    const struct parties_draft draft = {
        .number = b->number++, .now = b->now, .sent_by = "ua1.home.example", .readers = PARTIES_READERS_MAX};
    o->message = parties_message(&b->parties, &draft, &b->messages, &o->body);
    o->sealed = sealed_parts_of(o->body, b->parties.proxy.certificate);
    NEED(cms_open(&b->messages, o->body, &b->parties.proxy, &o->opened) == RULE_OK);
    o->signature = signed_parts_of(entity_body(o->opened));
    evp_open(b->evp, &o->sealed); /* the denominator opens to the very same bytes */
    NEED(span_equal(evp_opened(b->evp), o->opened));
}

/* --- ways --- */

static void open_and_verify(struct bench *b, const struct object *o)
{
    struct span content;
    struct cms_signed verified;
    NEED(cms_open(&b->work, o->body, &b->parties.proxy, &content) == RULE_OK);
    NEED(cms_verify(&b->work, entity_body(content), NULL, b->parties.trust, NULL, 0, &verified) == RULE_OK);
    NEED(trust_check(b->parties.trust, verified.signer, verified.bag, verified.bag_count, USE_SIGN, b->now) == RULE_OK);
    cms_signed_clear(&verified);
    arena_reset(&b->work);
}

static void evp_open_and_verify(struct bench *b, const struct object *o)
{
    evp_open(b->evp, &o->sealed);
    evp_verify(b->evp, &o->signature);
}

static CMS_ContentInfo *read_cms(struct span der)
{
    const unsigned char *at = der.at;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    NEED(cms);
    return cms;
}

static void openssl_open_and_verify(struct bench *b, const struct object *o, unsigned flags)
{
    char *at;
    BIO *content = BIO_new(BIO_s_mem()), *inner = BIO_new(BIO_s_mem());
    CMS_ContentInfo *sealed = read_cms(o->body);
    NEED(CMS_decrypt(sealed, b->parties.proxy.key, b->parties.proxy.certificate->x509, NULL, content, CMS_BINARY) == 1);
    long len = BIO_get_mem_data(content, &at);
    CMS_ContentInfo *sig = read_cms(entity_body(span_of(at, (size_t)len)));
    NEED(CMS_verify(sig, NULL, b->store, NULL, inner, CMS_BINARY | flags) == 1);
    CMS_ContentInfo_free(sig);
    CMS_ContentInfo_free(sealed);
    BIO_free(inner);
    BIO_free(content);
}

static void openssl_without_chain(struct bench *b, const struct object *o)
{
    openssl_open_and_verify(b, o, CMS_NO_SIGNER_CERT_VERIFY);
}

static void openssl_with_chain(struct bench *b, const struct object *o)
{
    openssl_open_and_verify(b, o, 0);
}

/* All that a middle does of it: MIME, labels, the signed copy of the headers, a verdict. */
static void examine(struct bench *b, const struct object *o)
{
    static struct sip_message message;
    static struct outline_source source;
    static struct message_outline outline;
    static struct verdict verdict;
    static struct disclosed disclosed;
    const struct middle middle = {.name = {SPAN_INIT(PROXY)},
                                  .name_count = 1,
                                  .identity = {&b->parties.proxy},
                                  .identity_count = 1,
                                  .trust = b->parties.trust,
                                  .window = PROOF_WINDOW_DEFAULT};
    NEED(sip_message_parse(o->message, SIP_STREAM, &message) == RULE_OK);
    NEED(outline_source_of(&message, &source) == RULE_OK && message_outline(&source, &outline) == RULE_OK);
    middle_examine(&middle, &outline, b->now, &b->work, &verdict, &disclosed);
    NEED(verdict.broken == RULE_OK && verdict.part_count == 1 && verdict.part[0].signature == RULE_OK &&
         verdict.part[0].proof == PROOF_USER && verdict.part[0].label == RULE_OK && disclosed.count == 1);
    arena_reset(&b->work);
}

static void seal(struct bench *b, const struct object *o)
{
    struct span der;
    NEED(cms_seal(&b->work, b->reader, b->readers, o->opened, &der) == RULE_OK);
    arena_reset(&b->work);
}

static void evp_seal_for(struct bench *b, const struct object *o)
{
    evp_seal(b->evp, b->reader, b->readers, o->opened);
}

static void sign(struct bench *b, const struct object *o)
{
    struct span der;
    NEED(cms_sign(&b->work, &b->parties.alice, NULL, 0, o->signature.content, b->now, &der) == RULE_OK);
    arena_reset(&b->work);
}

static void evp_sign_it(struct bench *b, const struct object *o)
{
    evp_sign(b->evp, &o->signature);
}

/* --- rounds --- */

struct group {
    size_t ways;
    work way[WAYS_MAX]; /* the last one is the denominator of the others */
    const char *name[WAYS_MAX];
    double seconds[WAYS_MAX][ROUNDS_MAX];
};

static double one_way(struct bench *b, work way)
{
    double before = measure_clock(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < OBJECTS; i++)
        way(b, &b->object[i]);
    return (measure_clock(CLOCK_PROCESS_CPUTIME_ID) - before) / OBJECTS;
}

/* Each round has objects of its own, and another way goes first. */
static void run(struct bench *b, struct group *g)
{
    for (size_t round = 0; round < b->rounds; round++) {
        arena_reset(&b->messages);
        for (size_t i = 0; i < OBJECTS; i++)
            make_object(b, &b->object[i]);
        for (size_t k = 0; k < g->ways; k++) {
            size_t i = (round + k) % g->ways;
            g->seconds[i][round] = one_way(b, g->way[i]);
        }
    }
}

static void compare(const struct group *g, size_t rounds, size_t over, size_t under, const char *name)
{
    static double ratio[ROUNDS_MAX], a[ROUNDS_MAX], b[ROUNDS_MAX];
    for (size_t i = 0; i < rounds; i++) {
        a[i] = g->seconds[over][i];
        b[i] = g->seconds[under][i];
        ratio[i] = a[i] / b[i];
    }
    double low = measure_percentile(ratio, rounds, 25), high = measure_percentile(ratio, rounds, 75);
    measure_row(name, measure_median(ratio, rounds), "%.1f / %.1f us; half of the rounds within %.3f to %.3f",
                1e6 * measure_median(a, rounds), 1e6 * measure_median(b, rounds), low, high);
}

static void bench_opening(struct bench *b)
{
    enum { OURS, MIDDLE, WITHOUT_CHAIN, WITH_CHAIN, EVP };
    static struct group g = {
        .ways = 5, .way = {open_and_verify, examine, openssl_without_chain, openssl_with_chain, evp_open_and_verify}};
    run(b, &g);
    compare(&g, b->rounds, OURS, EVP, "open+verify / EVP");
    compare(&g, b->rounds, OURS, WITHOUT_CHAIN, "open+verify / OpenSSL CMS, chain not checked");
    compare(&g, b->rounds, OURS, WITH_CHAIN, "open+verify / OpenSSL CMS, chain checked");
    compare(&g, b->rounds, WITHOUT_CHAIN, EVP, "OpenSSL CMS, chain not checked / EVP");
    compare(&g, b->rounds, MIDDLE, EVP, "middle examines / EVP");
}

static void bench_sealing(struct bench *b)
{
    static const char *const names[] = {"seal to 1 / EVP", "seal to 2 / EVP", "seal to 3 / EVP"};
    static struct group g = {.ways = 2, .way = {seal, evp_seal_for}};
    for (b->readers = 1; b->readers <= PARTIES_READERS_MAX; b->readers++) {
        run(b, &g);
        compare(&g, b->rounds, 0, 1, names[b->readers - 1]);
    }
}

static void bench_signing(struct bench *b)
{
    static struct group g = {.ways = 2, .way = {sign, evp_sign_it}};
    run(b, &g);
    compare(&g, b->rounds, 0, 1, "sign / EVP");
}

/* For a profiler: nothing but one way, again and again. */
static void profile(struct bench *b, const char *which)
{
    static const struct {
        const char *name;
        work way;
    } ways[] = {{"open", open_and_verify}, {"evp-open", evp_open_and_verify}, {"examine", examine},
                {"seal", seal},            {"evp-seal", evp_seal_for},        {"sign", sign},
                {"evp-sign", evp_sign_it}};
    for (size_t i = 0; i < OBJECTS; i++)
        make_object(b, &b->object[i]);
    b->readers = PARTIES_READERS_MAX;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].name, which) == 0) {
            double seconds = 0;
            for (size_t round = 0; round < b->rounds; round++)
                seconds += one_way(b, ways[i].way) / (double)b->rounds;
            printf("%s: %.2f us of processor time\n", which, 1e6 * seconds);
            return;
        }
    DIE("there is no way called %s", which);
}

int main(int argc, char **argv)
{
    static struct bench b;
    (void)argc;
    b.rounds = measure_number(argv + 1, "rounds", 41);
    NEED(b.rounds <= ROUNDS_MAX);
    NEED(crypto_prepare() == RULE_OK);
    b.now = time(NULL);
    parties_make(&b.parties);
    b.reader[0] = b.parties.bob.certificate;
    b.reader[1] = b.parties.proxy.certificate;
    b.reader[2] = b.parties.third.certificate;
    b.evp = evp_new(&b.parties.proxy, &b.parties.alice);
    NEED(arena_open(&b.messages, (size_t)OBJECTS * OBJECT_ROOM) && arena_open(&b.work, WORK_ROOM));
    NEED((b.store = X509_STORE_new()) != NULL && X509_STORE_add_cert(b.store, b.parties.authority->x509) == 1);
    if (measure_text(argv + 1, "profile")) {
        profile(&b, measure_text(argv + 1, "profile"));
    } else {
        bench_opening(&b);
        bench_sealing(&b);
        bench_signing(&b);
    }
    X509_STORE_free(b.store);
    evp_free(b.evp);
    parties_clear(&b.parties);
    arena_close(&b.work);
    arena_close(&b.messages);
    return 0;
}
