/* What stands inside sealings and signatures: the input's last part is the innermost content, which is signed and
 * sealed here as the bytes before it say, and then examined by a middle, judged by a policy, and opened by a recipient.
 *
 *   byte 0   1: a label for the middle stands outside; 2: it asks only for verification; 4: all is in a multipart; the
 *            rest: how many layers, at most LAYERS_MAX
 *   then     one byte for each layer, the outermost first: enum layer, modulo LAYERS
 *   then     the content, an entity. In it $A, $B and $P stand for the hashes of the certificates of alice, bob and the
 *            proxy, so that a copy of the headers can name them
 *
 * What must hold: nothing that is sealed is opened or disclosed without a label; nobody is named as sender but by a
 * layer that he signed, and only alice for this message; a policy in enforce lets pass only what was seen and is
 * proven. */
#include "../unit/test.h"

#include <stdlib.h>

#include "../unit/scene.h"
#include "fixed_random.h"
#include "sipseal/cms.h"
#include "sipseal/policy.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 8192, LAYERS_MAX = 4, LABEL = 1, LABEL_VERIFIES = 2, MULTIPART = 4 };
enum layer { BY_ALICE, BY_MALLORY, BY_DOMAIN, TO_BOTH, TO_BOB, TO_PROXY, LAYERS };

static struct scene scene;
static size_t kept; /* of the scene's arena, before any input */
static unsigned long long inputs, opened, proven, passed, received_proven;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* --- the message --- */

struct recipe {
    uint8_t flags;
    enum layer layer[LAYERS_MAX];
    size_t layers;
    struct span content;
};

static bool read_recipe(struct span input, struct recipe *r)
{
    struct cursor c = cursor_over(input);
    uint8_t byte;
    *r = (struct recipe){0};
    if (!cursor_u8(&c, &r->flags))
        return false;
    for (size_t n = (r->flags >> 3) % (LAYERS_MAX + 1); r->layers < n && cursor_u8(&c, &byte);)
        r->layer[r->layers++] = (enum layer)(byte % LAYERS);
    r->content = cursor_rest(&c);
    return true;
}

static const struct identity *named_by(uint8_t letter)
{
    return letter == 'A' ? &scene.alice : letter == 'B' ? &scene.bob : letter == 'P' ? &scene.proxy : NULL;
}

static struct span with_hashes(struct span content)
{
    struct writer w = arena_writer(&scene.arena, content.len * 32 + 1);
    for (size_t i = 0; i < content.len; i++) {
        const struct identity *who =
            content.at[i] == '$' && i + 1 < content.len ? named_by(content.at[i + 1]) : NULL;
        if (who)
            writer_hex(&w, span_of(who->certificate->hash, CERTIFICATE_HASH_LEN));
        else
            writer_byte(&w, content.at[i]);
        i += who != NULL;
    }
    require(!w.full);
    return writer_span(&w);
}

static struct span protect(enum layer layer, struct span entity)
{
    const struct identity *const signer[] = {&scene.alice, &scene.mallory, &scene.domain};
    struct certificate *reader[2] = {scene.bob.certificate, scene.proxy.certificate};
    struct span der;
    if (layer <= BY_DOMAIN)
        require(cms_sign(&scene.arena, signer[layer], NULL, 0, entity, SCENE_NOW, &der) == RULE_OK);
    else
        require(cms_seal(&scene.arena, layer == TO_PROXY ? reader + 1 : reader, layer == TO_BOTH ? 2 : 1, entity,
                         &der) == RULE_OK);
    return der;
}

static const char *head_of(enum layer layer)
{
    return layer <= BY_DOMAIN ? "Content-Type: application/pkcs7-mime;smime-type=signed-data\r\n"
                              : "Content-Type: application/pkcs7-mime;smime-type=authEnveloped-data\r\n";
}

/* An object with a head in front; the outermost alone has the Content-ID that the label names. */
static struct span entity_around(enum layer layer, struct span der, bool named)
{
    struct writer w = arena_writer(&scene.arena, der.len + 256);
    writer_text(&w, head_of(layer));
    if (named)
        writer_text(&w, "Content-ID: <" CID ">\r\n");
    writer_text(&w, "\r\n");
    writer_put(&w, der);
    require(!w.full);
    return writer_span(&w);
}

static struct span body_of(const struct recipe *r, struct span *head)
{
    struct span entity = with_hashes(r->content), blank = SPAN("\r\n\r\n");
    for (size_t i = r->layers; i-- > 0;)
        entity = entity_around(r->layer[i], protect(r->layer[i], entity), i == 0);
    if (r->flags & MULTIPART) {
        struct writer w = arena_writer(&scene.arena, entity.len + 256);
        writer_text(&w, "--outer\r\n");
        writer_put(&w, entity);
        writer_text(&w, "\r\n--outer\r\nContent-Type: text/plain\r\n\r\nbeside\r\n--outer--\r\n");
        require(!w.full);
        *head = SPAN("Content-Type: multipart/mixed;boundary=outer\r\n");
        return writer_span(&w);
    }
    size_t at = span_find_span(entity, blank);
    *head = r->layers ? span_part(entity, 0, at + 2) : SPAN("Content-Type: text/plain\r\n");
    return r->layers ? span_part(entity, at + blank.len, entity.len) : entity;
}

static struct span message_of(const struct recipe *r)
{
    struct span head, body = body_of(r, &head);
    struct writer w = arena_writer(&scene.arena, head.len + 512);
    if (r->flags & LABEL)
        writer_text(&w, "Proxy-Inspect-Body: " PROXY ";cid=\"" CID "\";action=");
    if (r->flags & LABEL)
        writer_text(&w, r->flags & LABEL_VERIFIES ? "verify\r\n" : "\"view verify\"\r\n");
    writer_put(&w, head);
    require(!w.full);
    return scene_message_of(&scene, "c1@ua1.home.example", writer_span(&w), body);
}

static bool has_layer(const struct recipe *r, enum layer layer)
{
    for (size_t i = 0; i < r->layers; i++)
        if (r->layer[i] == layer)
            return true;
    return false;
}

/* --- the middle --- */

static void check_part(const struct recipe *r, const struct verdict_part *part)
{
    /* protocol.md 2.3: nothing but a labelled part is opened. */
    require(part->state != PART_OPENED || (part->labelled && part->reader && (r->flags & LABEL)));
    require(!part->labelled || (r->flags & LABEL));
    require((part->proof == PROOF_NONE) == (part->signer[0] == '\0') || part->proof == PROOF_CONTENT);
    require((part->signature == RULE_OK) == (part->proof == PROOF_USER || part->proof == PROOF_DOMAIN));
    require(!part->has_replay_key || part->signature == RULE_OK);
    opened += part->state == PART_OPENED;
    proven += part->proof == PROOF_USER;
    if (part->proof == PROOF_USER) /* every message here says that it is from alice */
        require(has_layer(r, BY_ALICE) && strcmp(part->signer, "sip:" ALICE) == 0);
    if (part->proof == PROOF_DOMAIN)
        require(has_layer(r, BY_DOMAIN));
    if (part->state == PART_PLAIN)
        require(part->signature == RULE_SIGNATURE_ABSENT);
}

static void check_disclosed(const struct verdict *v, const struct disclosed *d)
{
    require(d->count <= v->part_count);
    for (size_t i = 0; i < d->count; i++)
        require(d->part[i].part < v->part_count && v->part[d->part[i].part].state != PART_CLOSED);
}

static void check_travel(const struct verdict *v)
{
    static uint8_t there[256 * 1024], back[256 * 1024];
    static struct verdict again;
    struct writer w = writer_over(there, sizeof there), w2 = writer_over(back, sizeof back);
    verdict_write(&w, v);
    struct cursor c = cursor_over(writer_span(&w));
    require(!w.full && verdict_read(&c, &again) && cursor_done(&c));
    verdict_write(&w2, &again);
    require(span_equal(writer_span(&w), writer_span(&w2)));
}

/* A rule that wants to see and verify everything, and a sealed message that it lets pass. */
static void check_policy(const struct message_outline *outline, const struct verdict *v)
{
    const struct policy policy = {
        .rule = {{.require = LABEL_VIEW | LABEL_VERIFY, .plain = POLICY_PLAIN_REFUSE, .mode = POLICY_ENFORCE}},
        .rule_count = 1,
    };
    struct decision decision = policy_decide(&policy, outline, v);
    if (decision.broken != RULE_OK)
        return;
    require(v->broken == RULE_OK);
    passed += v->part_count > 0;
    for (size_t i = 0; i < v->part_count; i++) {
        const struct verdict_part *part = &v->part[i];
        require(part->state != PART_CLOSED && part->label == RULE_OK);
        if (part->state == PART_OPENED || (part->state == PART_SIGNED && part->type_count))
            require(part->signature == RULE_OK);
        if (part->state == PART_PLAIN)
            require(part->type_count == 0);
    }
}

static void examine(const struct recipe *r, struct span message)
{
    static struct verdict verdict;
    static struct disclosed disclosed;
    static struct message_outline outline;
    if (scene_outline(message, &outline) != RULE_OK ||
        scene_examine(&scene, message, &verdict, &disclosed) != RULE_OK)
        return;
    for (size_t i = 0; i < verdict.part_count; i++)
        check_part(r, &verdict.part[i]);
    check_disclosed(&verdict, &disclosed);
    check_travel(&verdict);
    check_policy(&outline, &verdict);
}

/* --- the recipient --- */

static void check_received(const struct recipe *r, const struct received *received, const struct identity *who)
{
    for (size_t i = 0; i < received->part_count; i++) {
        const struct received_part *part = &received->part[i];
        require(!part->opened || part->sealed);
        require(!part->has_content || !part->sealed || part->opened);
        if (part->opened)
            require(cms_readers_include(&part->readers, who->certificate));
        require((part->proof.broken == RULE_OK) == (part->proof.kind >= PROOF_DOMAIN));
        received_proven += part->proof.kind == PROOF_USER;
        if (part->proof.kind == PROOF_USER)
            require(has_layer(r, BY_ALICE));
        if (part->proof.kind == PROOF_DOMAIN)
            require(has_layer(r, BY_DOMAIN));
        require(!part->has_sealed_for || part->proof.broken == RULE_OK);
        /* A signature that does not hold is never delivered (protocol.md 5). */
        if (received->broken == RULE_OK)
            require(part->proof.broken == RULE_OK || part->proof.broken == RULE_SIGNATURE_ABSENT ||
                    part->proof.broken == RULE_CONTEXT_ABSENT);
    }
}

static void receive(const struct recipe *r, const struct identity *who, struct span message)
{
    static struct received received;
    static struct message_outline outline;
    if (scene_outline(message, &outline) != RULE_OK)
        return;
    scene_receive(&scene, who, message, &received);
    check_received(r, &received, who);
    received_clear(&received);
}

/* So that it can be seen whether inputs get as far as the rules that they test. */
static void tell(void)
{
    printf("fuzz_policy: of %llu inputs, parts that the middle opened: %llu, that it found proven: %llu; messages that "
           "the policy let pass: %llu; parts that a recipient found proven: %llu\n",
           inputs, opened, proven, passed, received_proven);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fixed_random_install();
    scene_open(&scene);
    kept = arena_mark(&scene.arena);
    atexit(tell);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct recipe recipe;
    if (size > INPUT_MAX || !read_recipe(span_of(data, size), &recipe))
        return 0;
    inputs++;
    fixed_random_restart(size);
    arena_rewind(&scene.arena, kept);
    arena_reset(&scene.opening);
    struct span message = message_of(&recipe);
    examine(&recipe, message);
    receive(&recipe, &scene.bob, message);
    receive(&recipe, &scene.mallory, message);
    return 0;
}
