#include "cli/message_report.h"

#include <string.h>

#include "cli/labels_report.h"
#include "sipseal/clock.h"
#include "sipseal/digest.h"
#include "ua/text.h"

const char *proof_word(enum proof_kind kind)
{
    static const char *const words[] = {
        [PROOF_NONE] = "none", [PROOF_CONTENT] = "content", [PROOF_DOMAIN] = "domain", [PROOF_USER] = "user"};
    return words[kind];
}

/* "alice@home.example" of "sip:alice@home.example", escaped for the terminal. */
static const char *shown_uri(struct span uri, char *out, size_t out_len)
{
    if (span_starts_nocase(uri, SPAN("sip:")))
        uri = span_part(uri, 4, uri.len);
    return cli_shown(uri, out, out_len);
}

void proof_print(const struct cli *cli, const struct proof *proof, struct span claimed)
{
    char who[PARTY_NAME_MAX], other[PARTY_NAME_MAX];
    const char *good = cli_colour(cli, COLOUR_GOOD), *bad = cli_colour(cli, COLOUR_BAD), *plain = cli_plain(cli);
    if (proof->kind == PROOF_USER && proof->broken == RULE_OK)
        printf("from %s%s%s, proven by signature\n", good, shown_uri(proof->identity, who, sizeof who), plain);
    else if (proof->kind == PROOF_DOMAIN && proof->broken == RULE_OK)
        printf("from %s%s%s, vouched for by the domain\n", good, shown_uri(proof->identity, who, sizeof who), plain);
    else if (proof->kind == PROOF_CONTENT)
        printf("from %s, %sNOT PROVEN%s: %s wrote the content, but not for this message\n",
               shown_uri(claimed, who, sizeof who), bad, plain, shown_uri(proof->identity, other, sizeof other));
    else
        printf("from %s, %sNOT PROVEN%s: %s\n", shown_uri(claimed, who, sizeof who), bad, plain,
               rule_sentence(proof->broken));
}

/* --- one part --- */

struct part_report {
    const struct message_report *message;
    const struct received_part *part;
    struct reader_names readers;
    struct span content; /* decoded */
    bool has_content;
};

static void name_readers(struct part_report *p)
{
    const struct reader_sources sources = {
        .keyring = p->message->keyring,
        .proof = p->part->proof.signer ? &p->part->proof : NULL,
        .self = p->message->self,
        .now = p->message->now,
    };
    if (p->part->has_sealed_for)
        readers_of_signed(&sources, &p->part->sealed_for, &p->readers);
    else if (p->part->sealed)
        readers_of_object(&sources, &p->part->readers, &p->readers);
}

static void prepare_part(struct part_report *p)
{
    name_readers(p);
    if (p->part->has_content)
        p->has_content = mime_decode(&p->part->content, p->message->arena, &p->content) == RULE_OK;
}

static bool is_text(const struct received_part *part)
{
    return part->content.type.len == 0 || text_type(part->content.type) ||
           mime_type_matches(part->content.type, SPAN("application/sdp"));
}

/* Who says to have sent it: of a response, whoever was called. */
static struct span claimed_sender(const struct incoming *in)
{
    const struct message_context *context = &in->outline.source.context;
    return context->is_response ? context->to_uri : context->from_uri;
}

static bool is_shown(const struct message_report *r)
{
    return r->kind || r->incoming->deliver;
}

/* Whom the labels ask to do what: by the sealing, and by the signature around it. */
/* What a label that does not say it asks of a middle: to verify what is signed and not sealed, else to view
 * (protocol.md 3). */
static enum label_action asked_of(const struct received_part *part)
{
    return part->sealed || part->proof.broken == RULE_SIGNATURE_ABSENT ? LABEL_VIEW : LABEL_VERIFY;
}

static void print_middles(const struct part_report *p)
{
    const struct labels *labels = &p->message->incoming->outline.labels;
    const struct received_part *part = p->part;
    if (part->outer_signed)
        labels_print_of(labels, part->outer_cid, LABEL_VERIFY, "");
    labels_print_of(labels, part->cid, asked_of(part), "");
}

static json_t *json_middles(const struct part_report *p)
{
    const struct labels *labels = &p->message->incoming->outline.labels;
    const struct received_part *part = p->part;
    json_t *list = part->outer_signed ? labels_json_of(labels, part->outer_cid, LABEL_VERIFY) : json_array();
    json_t *inside = labels_json_of(labels, part->cid, asked_of(part));
    json_array_extend(list, inside);
    json_decref(inside);
    return list;
}

static void print_part(const struct part_report *p)
{
    const struct received_part *part = p->part;
    char type[128];
    proof_print(p->message->cli, &part->proof, claimed_sender(p->message->incoming));
    if (part->sealed) {
        printf("readable by ");
        readers_print(&p->readers);
        printf(part->has_sealed_for ? ", and nobody else\n" : "\n");
    } else {
        printf("%sreadable by everyone on the path%s\n", cli_colour(p->message->cli, COLOUR_BAD),
               cli_plain(p->message->cli));
    }
    if (part->readers.legacy)
        printf("%ssealed with what is read for legacy peers alone: %s%s\n", cli_colour(p->message->cli, COLOUR_BAD),
               cms_legacy_text(part->readers.legacy), cli_plain(p->message->cli));
    print_middles(p);
    if (part->sealed && !part->opened)
        printf("  (a part for others, which cannot be opened)\n");
    else if (p->has_content && is_text(part))
        cli_print_text(p->content, "  ", true);
    else if (p->has_content)
        printf("  (%zu bytes of %s; --save DIR keeps them)\n", p->content.len,
               cli_shown(part->content.type, type, sizeof type));
}

static json_t *json_content_type(const struct mime_entity *entity)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s%.*s", (int)(entity->type.len < 128 ? entity->type.len : 128),
             (const char *)entity->type.at, (int)(entity->type_params.len < 120 ? entity->type_params.len : 120),
             (const char *)entity->type_params.at);
    return cli_json_text(span_text(text));
}

static json_t *json_part(const struct part_report *p)
{
    const struct received_part *part = p->part;
    uint8_t hash[SHA256_LEN];
    bool proven = part->proof.broken == RULE_OK;
    json_t *out = json_object();
    json_object_set_new(out, "cid", cli_json_text(part->cid));
    json_object_set_new(out, "sealed", json_boolean(part->sealed));
    json_object_set_new(out, "opened", json_boolean(part->opened));
    json_object_set_new(out, "proven", json_string(proof_word(proven ? part->proof.kind : PROOF_NONE)));
    json_object_set_new(out, "identity", proven ? cli_json_text(part->proof.identity) : json_null());
    json_object_set_new(out, "rule", json_string(rule_name(part->proof.broken)));
    json_object_set_new(out, "readers", part->sealed ? readers_json(&p->readers) : json_null());
    if (part->readers.legacy)
        json_object_set_new(out, "legacy", json_string(cms_legacy_text(part->readers.legacy)));
    json_object_set_new(out, "outer", part->outer_signed ? json_string(proof_word(part->outer_proof)) : json_null());
    json_object_set_new(out, "asked", json_middles(p));
    if (!p->has_content)
        return out;
    json_object_set_new(out, "content_type", json_content_type(&part->content));
    json_object_set_new(out, "content_bytes", json_integer((json_int_t)p->content.len));
    if (sha256(p->content, hash))
        json_object_set_new(out, "content_sha256", cli_json_hex(span_of(hash, sizeof hash)));
    if (is_text(part))
        json_object_set_new(out, "text", cli_json_text(p->content));
    return out;
}

/* --- keeping --- */

/* The time and the hash of the body name the files: nothing that a stranger wrote does. */
static bool saved_path(const struct message_report *r, const uint8_t hash[SHA256_LEN], const char *suffix,
                       char out[PATH_MAX])
{
    char name[64];
    struct writer w = writer_over(name, sizeof name - 1);
    writer_decimal(&w, (uint64_t)r->now);
    writer_byte(&w, '-');
    writer_hex(&w, span_of(hash, 8));
    return file_path(out, r->folder, writer_span(&w), suffix);
}

static void save(const struct message_report *r, const char *path, struct span bytes)
{
    enum file_result result = file_write(path, bytes, FILES_SECRET_MODE, true);
    if (result != FILE_DONE)
        cli_fail_file(path, file_problem(result), "choose another folder with --save");
    else
        cli_detail(r->cli, "kept as %s", path);
}

static void save_message(const struct message_report *r)
{
    char path[PATH_MAX];
    uint8_t hash[SHA256_LEN];
    if (!r->folder || !r->incoming->deliver || !sha256(r->incoming->outline.source.body.body, hash))
        return;
    if (saved_path(r, hash, ".sip", path))
        save(r, path, r->event->bytes);
    for (size_t i = 0; i < r->incoming->received.part_count; i++) {
        const struct received_part *part = &r->incoming->received.part[i];
        char suffix[32];
        struct span content;
        snprintf(suffix, sizeof suffix, i == 0 ? ".content" : ".%zu.content", i + 1);
        if (part->has_content && mime_decode(&part->content, r->arena, &content) == RULE_OK &&
            saved_path(r, hash, suffix, path))
            save(r, path, content);
    }
}

/* --- the whole message --- */

static void print_json(const struct message_report *r)
{
    const struct incoming *in = r->incoming;
    const struct message_context *context = &in->outline.source.context;
    uint8_t hash[SHA256_LEN];
    char source[NET_ADDRESS_TEXT_MAX];
    json_t *out = json_object(), *parts = json_array();

    json_object_set_new(out, "event", json_string(r->kind ? r->kind : in->deliver ? "message" : "refused"));
    json_object_set_new(out, "received", cli_json_time(r->now));
    json_object_set_new(out, "status", json_integer(in->status));
    json_object_set_new(out, "rule", json_string(rule_name(in->broken)));
    json_object_set_new(out, "from", cli_json_text(context->from_uri));
    json_object_set_new(out, "to", cli_json_text(context->to_uri));
    json_object_set_new(out, "for_me", json_boolean(in->for_me));
    json_object_set_new(out, "call_id", cli_json_text(context->call_id));
    json_object_set_new(out, "cseq", json_integer(context->cseq));
    json_object_set_new(out, "transport", json_string(sip_transport_word(r->event->peer.transport)));
    json_object_set_new(out, "source", json_string(net_place_text(&r->event->peer, source)));
    json_object_set_new(out, "body_bytes", json_integer((json_int_t)in->outline.source.body.body.len));
    if (sha256(in->outline.source.body.body, hash))
        json_object_set_new(out, "body_sha256", cli_json_hex(span_of(hash, sizeof hash)));
    json_object_set_new(out, "labels", labels_json(&in->outline.labels));
    json_object_set_new(out, "labels_differ", json_boolean(in->received.labels_differ));
    for (size_t i = 0; is_shown(r) && i < in->received.part_count; i++) {
        struct part_report p = {.message = r, .part = &in->received.part[i]};
        prepare_part(&p);
        json_array_append_new(parts, json_part(&p));
    }
    json_object_set_new(out, "parts", parts);
    cli_print_json(out);
}

static void print_refused(const struct message_report *r)
{
    char who[PARTY_NAME_MAX], source[NET_ADDRESS_TEXT_MAX];
    cli_note(r->cli, "refused (%d) a %s from %s that says it is from %s: %s [%s]", r->incoming->status,
             r->incoming->is_offer ? "call" : "message", net_place_text(&r->event->peer, source),
             shown_uri(r->incoming->outline.source.context.from_uri, who, sizeof who),
             rule_sentence(r->incoming->broken), rule_name(r->incoming->broken));
}

/* What a call's content is. */
static void print_kind(const struct message_report *r)
{
    if (r->kind && strcmp(r->kind, "call") == 0)
        printf("a call\n");
    else if (r->kind)
        printf("%s\n", strcmp(r->kind, "offer") == 0 ? "a new session is offered" : "answered");
}

static void print_message(const struct message_report *r)
{
    const struct incoming *in = r->incoming;
    char who[PARTY_NAME_MAX];
    print_kind(r);
    for (size_t i = 0; i < in->received.part_count; i++) {
        struct part_report p = {.message = r, .part = &in->received.part[i]};
        prepare_part(&p);
        print_part(&p);
    }
    if (in->received.part_count == 0 && !r->kind)
        printf("from %s, NOT PROVEN: the message is empty\n",
               shown_uri(in->outline.source.context.from_uri, who, sizeof who));
    if (!in->for_me && !in->outline.source.context.is_response)
        printf("it was sent to %s first\n", shown_uri(in->outline.source.context.to_uri, who, sizeof who));
    if (in->received.labels_differ)
        printf("%sthe labels of the message are not those that the sender signed%s\n", cli_colour(r->cli, COLOUR_BAD),
               cli_plain(r->cli));
    putchar('\n');
    fflush(stdout);
}

void message_report(const struct message_report *r)
{
    size_t mark = arena_mark(r->arena);
    if (r->cli->json)
        print_json(r);
    else if (is_shown(r))
        print_message(r);
    else
        print_refused(r);
    save_message(r);
    arena_rewind(r->arena, mark);
}
