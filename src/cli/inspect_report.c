#include "cli/inspect_report.h"

#include <string.h>

#include "cli/labels_report.h"
#include "cli/message_report.h"
#include "sipseal/digest.h"
#include "ua/text.h"

enum { LINE = 512 };

static const char *kind_word(const struct mime_entity *e)
{
    switch (e->kind) {
    case MIME_PLAIN:
        return "content";
    case MIME_MULTIPART:
        return "multipart";
    case MIME_SEALED:
        return "sealed";
    case MIME_SIGNED:
        return "signed";
    case MIME_CLEAR_SIGNED:
        return "signed in the clear";
    case MIME_CERTS_ONLY:
        return "certificates";
    case MIME_SIPFRAG:
        return "headers";
    }
    return "content";
}

static bool is_text(const struct mime_entity *e)
{
    return e->kind == MIME_PLAIN && (e->type.len == 0 || text_type(e->type));
}

static struct span shown_type(const struct mime_entity *e)
{
    return e->type.len ? e->type : SPAN("text/plain");
}

/* --- readers --- */

static void name_readers(const struct inspect_report *r, const struct inspected_part *part, struct reader_names *names)
{
    const struct reader_sources sources = {.keyring = r->keyring, .self = r->self, .now = r->now};
    readers_of_object(&sources, &part->readers, names);
}

/* What a label without actions asks of a part (protocol.md 3). */
static unsigned default_action(const struct inspected_part *part)
{
    return part->is_signed ? LABEL_VERIFY : LABEL_VIEW;
}

/* The sealed part that a part stands in, the innermost one; null when everyone can read it. */
static const struct inspected_part *sealing_of(const struct inspection *inspection, const struct inspected_part *part)
{
    while (part->depth > 0) {
        part = &inspection->part[part->parent];
        if (part->sealed)
            return part;
    }
    return NULL;
}

/* What cannot be known of a sealed part that is closed, and why. */
static void closed_reason(const struct inspect_report *r, const struct inspected_part *part, char out[LINE])
{
    if (part->sealed_broken != RULE_OK && part->readers.count)
        snprintf(out, LINE, "what it holds, and who signed it, cannot be known: %s",
                 rule_sentence(part->sealed_broken));
    else if (part->sealed_broken != RULE_OK)
        snprintf(out, LINE, "who can read it and what it holds cannot be known: %s",
                 rule_sentence(part->sealed_broken));
    else if (!r->self)
        snprintf(out, LINE,
                 "what it holds, and who signed it, only its readers can know; --as NAME opens it with a key");
    else if (!part->is_reader)
        snprintf(out, LINE, "what it holds, and who signed it, cannot be known: it is not sealed to %s", r->self_name);
    else
        snprintf(out, LINE, "what it holds, and who signed it, cannot be known: %s", rule_sentence(part->open_broken));
}

/* --- text --- */

static void print_sealed(const struct inspect_report *r, const struct inspected_part *part, const char *indent)
{
    char reason[LINE];
    struct reader_names names;
    if (part->readers.count) {
        name_readers(r, part, &names);
        printf("%sreadable by ", indent);
        readers_print(&names);
        putchar('\n');
    }
    if (part->readers.legacy)
        printf("%ssealed with what is read for legacy peers alone: %s\n", indent,
               cms_legacy_text(part->readers.legacy));
    if (part->opened) {
        printf("%sopened with the key of %s\n", indent, r->self_name);
        return;
    }
    closed_reason(r, part, reason);
    printf("%s%s\n", indent, reason);
}

static void print_signed_for(const struct inspect_report *r, const struct proof *proof, const char *indent)
{
    const struct reader_sources sources = {.keyring = r->keyring, .proof = proof, .self = r->self, .now = r->now};
    struct reader_names names;
    if (!proof->has_frag || !proof->frag.has_sealed_for)
        return;
    readers_of_signed(&sources, &proof->frag.sealed_for, &names);
    printf("%sthe signer sealed it for ", indent);
    readers_print(&names);
    putchar('\n');
}

static void print_signed(const struct inspect_report *r, const struct inspected_part *part, const char *indent)
{
    const struct proof *proof = &part->proof;
    char signer[PARTY_NAME_MAX];
    printf("%s", indent);
    proof_print(r->cli, proof, r->context->from_uri);
    if (proof->signer)
        printf("%ssigned with the certificate of %s\n", indent, keyring_shown_name(proof->signer, signer));
    print_signed_for(r, proof, indent);
    if (proof->has_frag && r->message && !labels_equal(&proof->frag.labels, r->labels))
        printf("%sthe labels of the message are not those that the sender signed\n", indent);
}

static void print_leaf(const struct inspect_report *r, const struct inspected_part *part, const char *indent)
{
    struct span content;
    size_t mark = arena_mark(r->arena);
    if (!r->archived && !sealing_of(r->inspection, part))
        printf("%sreadable by everyone on the path\n", indent);
    if (is_text(&part->entity) && mime_decode(&part->entity, r->arena, &content) == RULE_OK)
        cli_print_text(content, indent, true);
    arena_rewind(r->arena, mark);
}

static void print_part(const struct inspect_report *r, const struct inspected_part *part)
{
    char indent[64], type[128], cid[LABEL_CID_MAX * 4];
    int width = part->depth < 20 ? (int)part->depth * 2 : 40;
    snprintf(indent, sizeof indent, "%*s", width + 4, "");
    printf("%*s- %s (%s, %zu bytes)%s%s%s\n", width, "", kind_word(&part->entity),
           cli_shown(shown_type(&part->entity), type, sizeof type), part->entity.body.len,
           part->entity.content_id.len ? " " : "", cli_shown(part->entity.content_id, cid, sizeof cid),
           part->sealed && mime_handling_optional(&part->entity) ? ", optional" : "");
    if (r->labels)
        labels_print_of(r->labels, part->entity.content_id, default_action(part), indent);
    if (part->sealed)
        print_sealed(r, part, indent);
    else if (part->is_signed)
        print_signed(r, part, indent);
    else if (part->children_broken != RULE_OK)
        printf("%sits parts cannot be told: %s\n", indent, rule_sentence(part->children_broken));
    else if (part->entity.kind != MIME_MULTIPART)
        print_leaf(r, part, indent);
}

void inspect_print_parts(const struct inspect_report *r)
{
    for (size_t i = 0; i < r->inspection->count; i++)
        print_part(r, &r->inspection->part[i]);
    if (r->inspection->count == 0)
        printf("- no body\n");
    if (r->inspection->truncated)
        printf("- and more parts, which are not shown\n");
}

static void print_line(const char *name, struct span value)
{
    char shown[LINE];
    if (value.len)
        printf("%-8s %s\n", name, cli_shown(value, shown, sizeof shown));
}

void inspect_print(const struct inspect_report *r)
{
    const struct message_context *c = r->context;
    char line[LINE];
    print_line("message", span_part(r->message->bytes, 0, span_find(r->message->bytes, '\r')));
    print_line("from", c->from_uri);
    print_line("to", c->to_uri);
    print_line("call-id", c->call_id);
    print_line("date", c->date);
    for (size_t i = 0; r->labels && i < r->labels->count; i++)
        print_line("label", r->labels->label[i].value);
    snprintf(line, sizeof line, "all headers are readable by everyone on the path");
    printf("%s%s%s\n", cli_colour(r->cli, COLOUR_QUIET), line, cli_plain(r->cli));
    inspect_print_parts(r);
}

/* --- JSON --- */

static json_t *json_proof(const struct inspect_report *r, const struct proof *proof)
{
    const struct reader_sources sources = {.keyring = r->keyring, .proof = proof, .self = r->self, .now = r->now};
    char signer[PARTY_NAME_MAX];
    struct reader_names names;
    bool holds = proof->broken == RULE_OK;
    json_t *out = json_object();
    json_object_set_new(out, "rule", json_string(rule_name(proof->broken)));
    json_object_set_new(out, "proven", json_string(proof_word(holds ? proof->kind : PROOF_NONE)));
    json_object_set_new(out, "identity", holds ? cli_json_text(proof->identity) : json_null());
    if (proof->signer)
        json_object_set_new(out, "signer", cli_json_text(span_text(keyring_shown_name(proof->signer, signer))));
    if (proof->has_frag && proof->frag.has_sealed_for) {
        readers_of_signed(&sources, &proof->frag.sealed_for, &names);
        json_object_set_new(out, "sealed_for", readers_json(&names));
    }
    return out;
}

static void json_sealed(const struct inspect_report *r, const struct inspected_part *part, json_t *out)
{
    char reason[LINE];
    struct reader_names names;
    json_object_set_new(out, "opened", json_boolean(part->opened));
    if (part->readers.count) {
        name_readers(r, part, &names);
        json_object_set_new(out, "readers", readers_json(&names));
    }
    if (part->readers.legacy)
        json_object_set_new(out, "legacy", json_string(cms_legacy_text(part->readers.legacy)));
    if (part->opened)
        return;
    closed_reason(r, part, reason);
    enum rule rule = part->sealed_broken != RULE_OK ? part->sealed_broken : part->open_broken;
    json_object_set_new(out, "rule", json_string(rule_name(rule)));
    json_object_set_new(out, "unknown", json_string(reason));
}

static void json_leaf(const struct inspect_report *r, const struct inspected_part *part, json_t *out)
{
    struct span content;
    uint8_t hash[SHA256_LEN];
    size_t mark = arena_mark(r->arena);
    if (mime_decode(&part->entity, r->arena, &content) == RULE_OK) {
        if (sha256(content, hash))
            json_object_set_new(out, "sha256", cli_json_hex(span_of(hash, sizeof hash)));
        if (is_text(&part->entity))
            json_object_set_new(out, "text", cli_json_text(content));
    }
    arena_rewind(r->arena, mark);
}

static json_t *json_part(const struct inspect_report *r, const struct inspected_part *part)
{
    json_t *out = json_object();
    json_object_set_new(out, "depth", json_integer(part->depth));
    json_object_set_new(out, "kind", json_string(kind_word(&part->entity)));
    json_object_set_new(out, "type", cli_json_text(shown_type(&part->entity)));
    json_object_set_new(out, "cid", part->entity.content_id.len ? cli_json_text(part->entity.content_id) : json_null());
    json_object_set_new(out, "bytes", json_integer((json_int_t)part->entity.body.len));
    if (r->labels && part->entity.content_id.len)
        json_object_set_new(out, "asked", labels_json_of(r->labels, part->entity.content_id, default_action(part)));
    if (!r->archived)
        json_object_set_new(out, "public", json_boolean(!part->sealed && !sealing_of(r->inspection, part)));
    if (part->sealed)
        json_sealed(r, part, out);
    else if (part->is_signed)
        json_object_set_new(out, "signature", json_proof(r, &part->proof));
    else if (part->children_broken != RULE_OK)
        json_object_set_new(out, "rule", json_string(rule_name(part->children_broken)));
    else if (part->entity.kind != MIME_MULTIPART)
        json_leaf(r, part, out);
    return out;
}

json_t *inspect_json_parts(const struct inspect_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->inspection->count; i++)
        json_array_append_new(list, json_part(r, &r->inspection->part[i]));
    return list;
}

json_t *inspect_json(const struct inspect_report *r)
{
    const struct message_context *c = r->context;
    json_t *out = json_object();
    if (c->is_response)
        json_object_set_new(out, "status", json_integer(c->status));
    else
        json_object_set_new(out, "request_uri", cli_json_text(c->request_uri));
    json_object_set_new(out, "method", cli_json_text(c->method));
    json_object_set_new(out, "from", cli_json_text(c->from_uri));
    json_object_set_new(out, "to", cli_json_text(c->to_uri));
    json_object_set_new(out, "call_id", cli_json_text(c->call_id));
    json_object_set_new(out, "cseq", json_integer(c->cseq));
    json_object_set_new(out, "date", cli_json_text(c->date));
    json_object_set_new(out, "labels", labels_json(r->labels));
    json_object_set_new(out, "parts", inspect_json_parts(r));
    return out;
}
