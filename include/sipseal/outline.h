/* What a SIP message says around its body, and the shape of that body: all that is looked at before any cryptography,
 * and all that a signature binds (protocol.md 2.1, 4). It borrows from the bytes it was made of. */
#ifndef SIPSEAL_OUTLINE_H
#define SIPSEAL_OUTLINE_H

#include "sipseal/bytes.h"
#include "sipseal/label.h"
#include "sipseal/mime.h"
#include "sipseal/rule.h"
#include "sipseal/sip_message.h"

/* The headers that a signature binds to its content. URIs without brackets and display names. */
struct message_context {
    bool is_response;
    uint32_t status;         /* response */
    struct span request_uri; /* request */
    struct span from_uri, from_tag;
    struct span to_uri, to_tag;
    struct span call_id;
    uint32_t cseq;
    struct span method; /* of CSeq */
    struct span date;   /* as it stands; empty when absent */
    struct span contact_uri; /* of the first Contact; empty when absent */
};

/* What travels to the process that examines: the context, the labels as they stand, the body with its head. */
struct outline_source {
    struct message_context context;
    struct span label_value[LABELS_MAX];
    size_t label_count;
    struct mime_entity body; /* an empty `body.body`: the message has none */
};

enum { OUTLINE_PARTS_MAX = MIME_CHILDREN_MAX };

struct message_outline {
    struct outline_source source;
    struct labels labels;
    /* The top-level parts: the body itself, or the direct parts of a multipart/mixed or other multipart that is not
     * multipart/signed. None when the message has no body. */
    struct mime_entity part[OUTLINE_PARTS_MAX];
    size_t part_count;
};

/* Collects from a message what an outline is made of. RULE_LABEL_LIMIT. */
enum rule outline_source_of(const struct sip_message *m, struct outline_source *source);

/* Works out labels and parts and checks the shape: unique Content-IDs (RULE_MIME_CONTENT_ID_TWICE), limits, no
 * Content-Encoding on protected parts (RULE_MIME_CONTENT_ENCODING). */
enum rule message_outline(const struct outline_source *source, struct message_outline *outline);

/* Whether any top-level part is sealed or signed. */
bool outline_protected(const struct message_outline *outline);

#endif
