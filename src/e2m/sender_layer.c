#include "e2m/sender_layer.h"

#include "sipseal/cms.h"
#include "sipseal/digest.h"
#include "sipseal/sipfrag.h"

enum {
    SIGNED_ENTITY_ROOM = 16 * 1024, /* heads, delimiters and the signed copy of the headers, beside the content */
    SIGNATURE_ROOM = 4 * 1024,      /* a SignerInfo, beside the certificates */
    READER_ROOM = 2560,             /* one RecipientInfo */
    SEALING_ROOM = 4 * 1024,        /* the rest of a sealed object, with its heads */
};

#define SIGNED_TYPE SPAN("application/pkcs7-mime;smime-type=signed-data;name=\"smime.p7m\"")
#define SEALED_TYPE SPAN("application/pkcs7-mime;smime-type=authEnveloped-data;name=\"smime.p7m\"")
#define SIGNATURE_TYPE SPAN("application/pkcs7-signature;name=\"smime.p7s\"")
#define REQUIRED SPAN("attachment;filename=\"smime.p7m\";handling=required")
#define OPTIONAL SPAN("attachment;filename=\"smime.p7m\";handling=optional")

/* --- the form --- */

static bool is_sealing(const struct sender_part *part, size_t at)
{
    return at < part->layer_count && part->layer[at].kind == SENDER_SEALED;
}

bool sender_layers_fit(const struct sender_part *part)
{
    if (part->layer_count == 0 || part->layer_count > SENDER_LAYERS_MAX)
        return false;
    for (size_t i = 0; i < part->layer_count; i++) {
        bool named = part->layer[i].cid.len > 0, needs_name = is_sealing(part, i) || i + 1 == part->layer_count;
        if (is_sealing(part, i) != (i % 2 == 1) || (needs_name && !named))
            return false;
    }
    return (part->layer_count > 1) == (part->reader_count > 0);
}

static const struct identity *signer_of(const struct sender_draft *draft, const struct sender_layer *layer)
{
    return layer->signer ? layer->signer : draft->signer;
}

/* The innermost signature is the sender's word to the recipient: it carries what the recipient may want to know. */
static size_t carried(const struct sender_draft *draft, size_t at)
{
    return at == 0 ? draft->carry_count : 0;
}

/* An edge agent that signs around a sealing has no say in where the user's mail is sealed to. */
static const struct certificate *sealing_named(const struct sender_draft *draft, const struct sender_layer *layer)
{
    return layer->signer ? NULL : draft->sealing;
}

static size_t signature_room(const struct sender_draft *draft, const struct sender_part *part, size_t at)
{
    size_t room = SIGNATURE_ROOM + signer_of(draft, &part->layer[at])->certificate->der.len;
    if (draft->sealing)
        room += draft->sealing->der.len;
    for (size_t i = 0; i < carried(draft, at); i++)
        room += draft->carry[i]->der.len;
    return SIGNED_ENTITY_ROOM + room * 3 / 2; /* base64 takes a third more */
}

size_t sender_layers_room(const struct sender_draft *draft, const struct sender_part *part)
{
    size_t room = 0;
    for (size_t i = 0; i < part->layer_count; i++)
        room += is_sealing(part, i) ? SEALING_ROOM + part->reader_count * READER_ROOM : signature_room(draft, part, i);
    return room;
}

/* --- pieces --- */

void sender_write_entity(struct writer *w, const struct sender_entity *entity)
{
    mime_write_head(w, &entity->head);
    writer_put(w, entity->body);
}

/* Each boundary is of its own: they stand inside of one another. */
static enum rule next_boundary(struct sender_work *work, char boundary[MIME_BOUNDARY_LEN + 1])
{
    struct sha256 hash;
    uint8_t digest[SHA256_LEN], number[] = {(uint8_t)work->boundaries++};
    sha256_begin(&hash);
    sha256_more(&hash, span_of(work->draft->random, sizeof work->draft->random));
    sha256_more(&hash, span_of(number, sizeof number));
    if (!sha256_end(&hash, digest))
        return RULE_CRYPTO_LIBRARY;
    mime_boundary(digest, boundary);
    return RULE_OK;
}

enum rule sender_multipart_type(struct sender_work *work, struct span type, struct span *content_type,
                                char boundary[MIME_BOUNDARY_LEN + 1])
{
    struct writer w = arena_writer(work->arena, SENDER_TYPE_MAX);
    enum rule rule = next_boundary(work, boundary);
    writer_put(&w, type);
    writer_text(&w, ";boundary=\"");
    writer_text(&w, boundary);
    writer_byte(&w, '"');
    *content_type = writer_span(&w);
    return rule == RULE_OK && w.full ? RULE_NO_MEMORY : rule;
}

/* --- signatures --- */

/* Binds the content to the part and to its readers, so that none of them can seal it again for somebody else in the
 * sender's name (protocol.md 2.1). */
static void fill_sealed_for(const struct sender_part *part, size_t sealing, struct sealed_for *sealed_for)
{
    sealed_for->cid = part->layer[sealing].cid;
    sealed_for->reader_count = part->reader_count;
    for (size_t i = 0; i < part->reader_count; i++)
        memcpy(sealed_for->reader[i], part->reader[i]->hash, CERTIFICATE_HASH_LEN);
}

/* The signed copy of the headers, with Sealed-For where the signature will stand in a sealing. */
static void write_frag(struct writer *w, const struct sender_draft *draft, const struct sender_part *part, size_t at)
{
    struct sealed_for sealed_for;
    bool sealed = is_sealing(part, at + 1);
    mime_write_head(w, &(struct mime_head){
                           .content_type = SPAN("message/sipfrag"),
                           .disposition = SPAN("aib;handling=optional"),
                           .binary = true,
                       });
    if (sealed)
        fill_sealed_for(part, at + 1, &sealed_for);
    sipfrag_write(w, &draft->context, &draft->labels, sealed ? &sealed_for : NULL);
}

/* multipart/mixed of the entity and the signed copy of the headers (protocol.md 2.1, 2.4; RFC 3893). */
static enum rule signed_entity(struct sender_work *work, const struct sender_part *part, size_t at,
                               const struct sender_entity *inside, struct span *out)
{
    char boundary[MIME_BOUNDARY_LEN + 1];
    struct span type;
    enum rule rule = sender_multipart_type(work, SPAN("multipart/mixed"), &type, boundary);
    if (rule != RULE_OK)
        return rule;
    struct writer w = arena_writer(work->arena, inside->body.len + SIGNED_ENTITY_ROOM);
    if (!w.at)
        return RULE_NO_MEMORY;
    mime_write_head(&w, &(struct mime_head){.content_type = type});
    mime_write_delimiter(&w, boundary, true);
    sender_write_entity(&w, inside);
    mime_write_delimiter(&w, boundary, false);
    write_frag(&w, work->draft, part, at);
    mime_write_close(&w, boundary);
    *out = writer_span(&w);
    return w.full ? RULE_MIME_SIZE : RULE_OK;
}

static struct span object_disposition(const struct sender_part *part, size_t at)
{
    bool outside = at > 0; /* the innermost signature is read by those who opened the sealing, or by everyone */
    return part->optional && (outside || part->layer_count == 1) ? OPTIONAL : REQUIRED;
}

static enum rule sign_opaque(struct sender_work *work, const struct sender_part *part, size_t at, struct span entity,
                             struct sender_entity *out)
{
    const struct sender_draft *draft = work->draft;
    const struct sender_layer *layer = &part->layer[at];
    out->head = (struct mime_head){
        .content_type = SIGNED_TYPE,
        .content_id = layer->cid,
        .disposition = object_disposition(part, at),
        .binary = true,
    };
    return cms_sign_preferring(work->arena, signer_of(draft, layer), sealing_named(draft, layer), draft->carry,
                               carried(draft, at), entity, draft->now, &out->body);
}

/* The signature as RFC 3261 23.3 shows it, in base64, which readers of S/MIME from files insist on; optional, so that a
 * user agent without S/MIME shows the content all the same. */
static void write_clear(struct writer *w, const char *boundary, struct span entity, struct span signature)
{
    enum { BYTES_A_LINE = 48 };
    mime_write_delimiter(w, boundary, true);
    writer_put(w, entity);
    mime_write_delimiter(w, boundary, false);
    mime_write_head(w, &(struct mime_head){
                           .content_type = SIGNATURE_TYPE,
                           .disposition = SPAN("attachment;filename=\"smime.p7s\";handling=optional"),
                           .base64 = true,
                       });
    for (size_t at = 0; at < signature.len; at += BYTES_A_LINE) {
        writer_base64(w, span_part(signature, at, BYTES_A_LINE));
        writer_text(w, "\r\n");
    }
    mime_write_close(w, boundary);
}

/* multipart/signed (RFC 1847 2.1, RFC 8551 3.5.3); micalg names the digest that this signer's key goes with. */
static enum rule sign_clear(struct sender_work *work, const struct sender_part *part, size_t at, struct span entity,
                            struct sender_entity *out)
{
    const struct sender_draft *draft = work->draft;
    const struct sender_layer *layer = &part->layer[at];
    const struct identity *signer = signer_of(draft, layer);
    char boundary[MIME_BOUNDARY_LEN + 1];
    uint8_t type[SENDER_TYPE_MAX];
    struct writer type_writer = writer_over(type, sizeof type);
    struct span signature;
    writer_text(&type_writer, "multipart/signed;protocol=\"application/pkcs7-signature\";micalg=");
    writer_put(&type_writer, cms_micalg(signer->certificate->key_kind));
    out->head = (struct mime_head){
        .content_id = layer->cid,
        .disposition = part->optional ? SPAN("attachment;handling=optional") : SPAN(""),
    };
    enum rule rule = sender_multipart_type(work, writer_span(&type_writer), &out->head.content_type, boundary);
    if (rule == RULE_OK)
        rule = cms_sign_detached(work->arena, signer, sealing_named(draft, layer), draft->carry, carried(draft, at),
                                 entity, draft->now, &signature);
    if (rule != RULE_OK)
        return rule;
    struct writer w = arena_writer(work->arena, entity.len + signature.len * 3 / 2 + 1024);
    write_clear(&w, boundary, entity, signature);
    out->body = writer_span(&w);
    return w.full ? RULE_NO_MEMORY : RULE_OK;
}

static enum rule sign(struct sender_work *work, const struct sender_part *part, size_t at, struct sender_entity *entity)
{
    struct span bytes;
    enum rule rule = signed_entity(work, part, at, entity, &bytes);
    if (rule != RULE_OK)
        return rule;
    return part->layer[at].kind == SENDER_CLEAR_SIGNED ? sign_clear(work, part, at, bytes, entity)
                                                       : sign_opaque(work, part, at, bytes, entity);
}

/* --- sealing --- */

static enum rule seal(struct sender_work *work, const struct sender_part *part, size_t at, struct sender_entity *entity)
{
    struct writer w = arena_writer(work->arena, entity->body.len + 1024);
    sender_write_entity(&w, entity);
    if (w.full)
        return RULE_NO_MEMORY;
    entity->head = (struct mime_head){
        .content_type = SEALED_TYPE,
        .content_id = part->layer[at].cid,
        .disposition = object_disposition(part, at),
        .binary = true,
    };
    return cms_seal(work->arena, part->reader, part->reader_count, writer_span(&w), &entity->body);
}

enum rule sender_wrap(struct sender_work *work, const struct sender_part *part, struct sender_entity *out)
{
    enum rule rule = RULE_OK;
    *out = (struct sender_entity){
        .head = {.content_type = part->content_type, .disposition = part->disposition, .binary = true},
        .body = part->content,
    };
    for (size_t i = 0; rule == RULE_OK && i < part->layer_count; i++)
        rule = is_sealing(part, i) ? seal(work, part, i, out) : sign(work, part, i, out);
    return rule;
}
