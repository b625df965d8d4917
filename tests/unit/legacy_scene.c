#include "test.h"

#include "legacy_scene.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "pki.h"

#define PKCS1_ID "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
#define SHA256_ID "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
#define OAEP_ID                                                                                                        \
    "\x30\x3c\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x2f\xa0\x0f\x30\x0d" SHA256_ID                           \
    "\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d" SHA256_ID
#define HEAD                                                                                                           \
    "Content-Type: application/pkcs7-mime;smime-type=signed-data;name=\"smime.p7m\"\r\n"                               \
    "Content-Transfer-Encoding: binary\r\n\r\n"

static void give_rsa(struct scene *s, const char *name, struct identity *who)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    struct identity authority = pki_authority(name); /* one for each: the serial numbers of pki_odd are the same */
    const struct pki_odd odd = {.subject = "old", .key = key, .authority = &authority};
    struct span der = pki_odd(&s->arena, &odd, NULL);
    identity_clear(&authority);
    identity_clear(who);
    who->key = key;
    assert_rule(certificate_parse(der, &who->certificate), RULE_OK);
}

void legacy_give_rsa(struct scene *s)
{
    give_rsa(s, "One", &s->bob);
    give_rsa(s, "Two", &s->proxy);
}

struct span legacy_inner(struct scene *s, const struct scene_draft *draft)
{
    struct span content;
    assert_rule(cms_open(&s->arena, scene_body(scene_message(s, draft)), draft->reader[0], &content), RULE_OK);
    return content;
}

struct span legacy_signed(struct scene *s, struct span der)
{
    struct writer w = arena_writer(&s->arena, der.len + sizeof HEAD);
    writer_text(&w, HEAD);
    writer_put(&w, der);
    assert_false(w.full);
    return writer_span(&w);
}

struct span legacy_signed_data(struct span entity)
{
    return scene_body(entity);
}

struct span legacy_message(struct scene *s, const struct legacy_draft *draft)
{
    const struct scene_draft *d = &draft->draft;
    struct forge forge = {
        .content = draft->inner.len ? draft->inner : legacy_inner(s, d),
        .enveloped = draft->enveloped,
        .broken_padding = draft->broken_padding,
        .wrong_content_key = draft->wrong_content_key,
        .transport = {.algorithm = draft->pkcs1 ? SPAN(PKCS1_ID) : SPAN(OAEP_ID),
                      .padding = draft->pkcs1 ? RSA_PKCS1_PADDING : 0},
    };
    for (size_t i = 0; i < d->reader_count; i++)
        forge.reader[i] = d->reader[i]->certificate;
    const char *right = draft->enveloped ? "enveloped-data" : "authEnveloped-data";
    const char *type = draft->smime_type ? draft->smime_type : right;
    struct writer w = arena_writer(&s->arena, 1024);
    writer_text(&w, "Content-Type: application/pkcs7-mime");
    writer_text(&w, *type ? ";smime-type=" : "");
    writer_text(&w, type);
    writer_text(&w, ";name=\"smime.p7m\"\r\nContent-ID: <" CID ">\r\n"
                    "Content-Disposition: attachment;filename=\"smime.p7m\";handling=required\r\n");
    if (d->label) {
        writer_text(&w, "Proxy-Inspect-Body: ");
        writer_text(&w, d->label);
        writer_text(&w, "\r\n");
    }
    assert_false(w.full);
    return scene_message_of(s, d->call_id, writer_span(&w), forge_sealed(&s->arena, &forge));
}
