/* The layers around a content: what sender.c puts together. */
#ifndef SIPSEAL_E2M_SENDER_LAYER_H
#define SIPSEAL_E2M_SENDER_LAYER_H

#include "sipseal/mime.h"
#include "sipseal/sender.h"

/* The making of one body, passed from step to step. */
struct sender_work {
    const struct sender_draft *draft;
    struct arena *arena;
    uint32_t boundaries; /* written so far: no two are the same */
};

/* An entity whose head is not written yet: the outermost one stands among the SIP headers. */
struct sender_entity {
    struct mime_head head;
    struct span body;
};

enum { SENDER_TYPE_MAX = 192 }; /* bytes of a Content-Type that is made here */

/* Whether the layers of a part are one of the forms of sender.h. */
bool sender_layers_fit(const struct sender_part *part);

/* What a part's layers add to its content, at most. */
size_t sender_layers_room(const struct sender_draft *draft, const struct sender_part *part);

/* The part with all its layers; in the arena. */
enum rule sender_wrap(struct sender_work *work, const struct sender_part *part, struct sender_entity *out);

/* Head, empty line and body. */
void sender_write_entity(struct writer *w, const struct sender_entity *entity);

/* A Content-Type up to its boundary, which is added: `TYPE;boundary="..."`, in the arena; the boundary is given too. */
enum rule sender_multipart_type(struct sender_work *work, struct span type, struct span *content_type,
                                char boundary[MIME_BOUNDARY_LEN + 1]);

#endif
