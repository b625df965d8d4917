/* Messages as a legacy peer seals them, in a scene: EnvelopedData with AES-CBC, and keys under PKCS#1 v1.5. */
#ifndef SIPSEAL_TESTS_UNIT_LEGACY_SCENE_H
#define SIPSEAL_TESTS_UNIT_LEGACY_SCENE_H

#include "forge.h"
#include "scene.h"

/* How the content gets to its readers. */
struct legacy_draft {
    struct scene_draft draft;
    struct span inner;       /* what is sealed; empty: what the draft's signer signed */
    bool enveloped;          /* EnvelopedData with AES-CBC; else AuthEnvelopedData with AES-GCM */
    bool pkcs1;              /* for readers with RSA: PKCS#1 v1.5; else RSAES-OAEP */
    bool broken_padding, wrong_content_key;
    const char *smime_type; /* null: the right one; "": none */
};

/* bob and the proxy get new keys of RSA, by nobody's authority. */
void legacy_give_rsa(struct scene *s);

/* What an ordinary message of the draft holds inside its sealing: a signed entity. */
struct span legacy_inner(struct scene *s, const struct scene_draft *draft);
/* A signed entity around another SignedData, binary. */
struct span legacy_signed(struct scene *s, struct span der);
/* The SignedData of a signed entity. */
struct span legacy_signed_data(struct span entity);

struct span legacy_message(struct scene *s, const struct legacy_draft *draft);

#endif
