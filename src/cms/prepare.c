#include "cms/primitives.h"
#include "sipseal/cms.h"
#include "sipseal/crypto.h"
#include "sipseal/issue.h"
#include "sipseal/random.h"

enum { ROOM = 64 * 1024 };

/* Any moment: the certificate made here never leaves. */
static const int64_t from = 0, now = 3600, until = 86400;

struct parties {
    struct identity authority, user;
};

static enum rule make_parties(struct arena *arena, struct parties *parties)
{
    const struct issue_terms terms = {ISSUE_USER, ISSUE_SIGN_AND_SEAL, SPAN("sip:none@invalid"), from, until};
    struct span key, certificate;
    enum rule rule = issue_key(arena, &key);
    if (rule == RULE_OK)
        rule = issue_authority(arena, key, SPAN("none"), from, until, &certificate);
    if (rule == RULE_OK)
        rule = identity_load(certificate, key, &parties->authority);
    if (rule == RULE_OK)
        rule = issue_certificate(arena, &parties->authority, key, &terms, &certificate);
    return rule == RULE_OK ? identity_load(certificate, key, &parties->user) : rule;
}

static enum rule use_everything(struct arena *arena, const struct parties *parties, struct trust *trust)
{
    struct span content = SPAN("x"), sealed, opened, signed_object;
    const struct identity *self = &parties->user;
    struct cms_signed verified;
    enum rule rule = trust_add_anchor(trust, parties->authority.certificate->der);
    if (rule == RULE_OK)
        rule = cms_seal(arena, &self->certificate, 1, content, &sealed);
    if (rule == RULE_OK)
        rule = cms_open(arena, sealed, self, &opened);
    if (rule == RULE_OK)
        rule = cms_sign(arena, self, NULL, 0, opened, now, &signed_object);
    if (rule == RULE_OK)
        rule = cms_verify(arena, signed_object, NULL, trust, NULL, 0, &verified);
    if (rule != RULE_OK)
        return rule;
    rule = trust_check(trust, verified.signer, NULL, 0, USE_SIGN, now);
    cms_signed_clear(&verified);
    return rule;
}

enum rule crypto_prepare(void)
{
    struct arena arena;
    struct parties parties = {0};
    struct trust *trust = trust_new();
    uint8_t random[32];
    if (!trust || !arena_open(&arena, ROOM)) {
        trust_free(trust);
        return RULE_NO_MEMORY;
    }
    enum rule rule = primitives() ? RULE_OK : RULE_CRYPTO_LIBRARY;
    if (rule == RULE_OK && !random_bytes(random, sizeof random))
        rule = RULE_NO_RANDOM;
    if (rule == RULE_OK)
        rule = make_parties(&arena, &parties);
    if (rule == RULE_OK)
        rule = use_everything(&arena, &parties, trust);
    identity_clear(&parties.user);
    identity_clear(&parties.authority);
    arena_close(&arena);
    trust_free(trust);
    return rule;
}
