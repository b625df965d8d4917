#include "sipseal/sender.h"

#include "sipseal/cms.h"
#include "sipseal/mime.h"
#include "sipseal/sipfrag.h"

enum {
    SIGNED_ENTITY_ROOM = 16 * 1024, /* heads, delimiters and the signed copy of the headers, beside the content */
    BODY_ROOM = 48 * 1024,          /* signature, certificates and RecipientInfos, beside the signed entity */
    HEADERS_ROOM = 16 * 1024,
};

#define SIGNED_TYPE SPAN("application/pkcs7-mime;smime-type=signed-data;name=\"smime.p7m\"")
#define SEALED_TYPE SPAN("application/pkcs7-mime;smime-type=authEnveloped-data;name=\"smime.p7m\"")
#define OBJECT_DISPOSITION SPAN("attachment;filename=\"smime.p7m\";handling=required")

static bool sealing(const struct sender_draft *draft)
{
    return draft->reader_count > 0;
}

/* Binds the content to the part and to its readers, so that none of them can seal it again for somebody else in the
 * sender's name (protocol.md 2.1). */
static void fill_sealed_for(const struct sender_draft *draft, struct sealed_for *sealed_for)
{
    sealed_for->cid = draft->cid;
    sealed_for->reader_count = draft->reader_count;
    for (size_t i = 0; i < draft->reader_count; i++)
        memcpy(sealed_for->reader[i], draft->reader[i]->hash, CERTIFICATE_HASH_LEN);
}

static void write_content(struct writer *w, const struct sender_draft *draft)
{
    mime_write_head(w, &(struct mime_head){
                           .content_type = draft->content_type,
                           .disposition = draft->disposition,
                           .binary = true,
                       });
    writer_put(w, draft->content);
}

static void write_frag(struct writer *w, const struct sender_draft *draft)
{
    struct sealed_for sealed_for;
    mime_write_head(w, &(struct mime_head){
                           .content_type = SPAN("message/sipfrag"),
                           .disposition = SPAN("aib;handling=optional"),
                           .binary = true,
                       });
    if (sealing(draft))
        fill_sealed_for(draft, &sealed_for);
    sipfrag_write(w, &draft->context, &draft->labels, sealing(draft) ? &sealed_for : NULL);
}

/* multipart/mixed of the content and the signed copy of the headers (protocol.md 2.1, 2.4; RFC 3893). */
static void write_signed_entity(struct writer *w, const struct sender_draft *draft)
{
    char boundary[MIME_BOUNDARY_LEN + 1];
    uint8_t type[MIME_BOUNDARY_LEN + 64];
    struct writer type_writer = writer_over(type, sizeof type);

    mime_boundary(draft->random, boundary);
    writer_text(&type_writer, "multipart/mixed;boundary=\"");
    writer_text(&type_writer, boundary);
    writer_byte(&type_writer, '"');
    mime_write_head(w, &(struct mime_head){.content_type = writer_span(&type_writer)});
    mime_write_delimiter(w, boundary, true);
    write_content(w, draft);
    mime_write_delimiter(w, boundary, false);
    write_frag(w, draft);
    mime_write_close(w, boundary);
}

static enum rule sign(const struct sender_draft *draft, struct arena *arena, struct span *der)
{
    struct writer w = arena_writer(arena, draft->content.len + SIGNED_ENTITY_ROOM);
    if (!w.at)
        return RULE_NO_MEMORY;
    write_signed_entity(&w, draft);
    if (w.full)
        return RULE_MIME_SIZE;
    return cms_sign(arena, draft->signer, draft->carry, draft->carry_count, writer_span(&w), draft->now, der);
}

static enum rule seal(const struct sender_draft *draft, struct arena *arena, struct span signed_der, struct span *der)
{
    struct writer w = arena_writer(arena, signed_der.len + 512);
    if (!w.at)
        return RULE_NO_MEMORY;
    mime_write_head(&w, &(struct mime_head){
                            .content_type = SIGNED_TYPE,
                            .disposition = OBJECT_DISPOSITION,
                            .binary = true,
                        });
    writer_put(&w, signed_der);
    if (w.full)
        return RULE_MIME_SIZE;
    return cms_seal(arena, draft->reader, draft->reader_count, writer_span(&w), der);
}

/* The header lines that go with the body; mime_write_head's empty line is left to whoever composes the message. */
static void write_headers(struct writer *w, const struct sender_draft *draft)
{
    for (size_t i = 0; i < draft->labels.count; i++)
        label_write(w, &draft->labels.label[i]);
    writer_text(w, "MIME-Version: 1.0\r\n");
    mime_write_head(w, &(struct mime_head){
                           .content_type = sealing(draft) ? SEALED_TYPE : SIGNED_TYPE,
                           .content_id = draft->cid,
                           .disposition = OBJECT_DISPOSITION,
                           .binary = true,
                       });
    if (!w->full)
        w->len -= 2;
}

/* Signs and seals in working memory, and puts what is to be sent into `body`. */
static enum rule write_body(const struct sender_draft *draft, struct arena *arena, struct writer *body)
{
    struct span der;
    enum rule rule = sign(draft, arena, &der);
    if (rule == RULE_OK && sealing(draft))
        rule = seal(draft, arena, der, &der);
    if (rule != RULE_OK)
        return rule;
    writer_put(body, der);
    return body->full ? RULE_MIME_SIZE : RULE_OK;
}

enum rule sender_protect(const struct sender_draft *draft, struct arena *arena, struct sender_body *out)
{
    if (draft->content.len > SENDER_CONTENT_MAX)
        return RULE_MIME_SIZE;
    if (draft->reader_count > CMS_READERS_MAX)
        return RULE_CMS_LIMIT;

    size_t start = arena_mark(arena);
    struct writer headers = arena_writer(arena, HEADERS_ROOM);
    struct writer body = arena_writer(arena, draft->content.len + SIGNED_ENTITY_ROOM + BODY_ROOM);
    if (!headers.at || !body.at) {
        arena_rewind(arena, start);
        return RULE_NO_MEMORY;
    }
    size_t work = arena_mark(arena);
    write_headers(&headers, draft);
    enum rule rule = headers.full ? RULE_MIME_SIZE : write_body(draft, arena, &body);
    arena_rewind(arena, rule == RULE_OK ? work : start);
    if (rule == RULE_OK)
        *out = (struct sender_body){.headers = writer_span(&headers), .body = writer_span(&body)};
    return rule;
}
