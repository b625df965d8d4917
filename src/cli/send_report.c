#include "cli/send_report.h"

#include "cli/labels_report.h"
#include "sipseal/digest.h"

static const char *shown_type(const struct send_part *part, char *out, size_t out_len)
{
    return cli_shown(span_part(part->type, 0, span_find(part->type, ';')), out, out_len);
}

/* Of several parts, each is named. */
static void print_readers(const struct send_plan *plan, const struct send_part *part)
{
    char name[PARTY_NAME_MAX], type[128];
    if (plan->part_count > 1)
        printf("%s (%s): ",
               part->path                ? part->path
               : plan->kind == SEND_CALL ? "the session"
                                         : "the text",
               shown_type(part, type, sizeof type));
    if (plan->protection != PROTECT_SEAL) {
        printf("%sreadable by everyone on the path%s\n", cli_colour(plan->cli, COLOUR_BAD), cli_plain(plan->cli));
        return;
    }
    printf("readable by");
    for (size_t i = 0; i < part->reader_count; i++)
        printf("%s %s (%s)", i ? "," : "", keyring_shown_name(part->reader[i], name), send_plan_role(part, i));
    printf(", and nobody else\n");
}

void send_report_plan(const struct send_plan *plan)
{
    char shown[SEND_URI_MAX];
    printf("to %s\n", cli_shown(span_text(plan->recipient.name), shown, sizeof shown));
    for (size_t i = 0; i < plan->part_count; i++)
        print_readers(plan, &plan->part[i]);
    if (plan->protection != PROTECT_NONE)
        printf("signed by %s\n", plan->self.name);
    for (size_t i = 0; i < plan->middle_count; i++)
        if (plan->outer && !(plan->middle[i].actions & LABEL_VIEW))
            printf("%s may verify who signed it, and read nothing\n", plan->middle[i].party.name);
    fflush(stdout);
}

static json_t *json_readers(const struct send_part *part)
{
    json_t *list = json_array();
    char name[PARTY_NAME_MAX];
    for (size_t i = 0; i < part->reader_count; i++) {
        json_t *reader = json_object();
        json_object_set_new(reader, "name", cli_json_text(span_text(keyring_shown_name(part->reader[i], name))));
        json_object_set_new(reader, "role", json_string(send_plan_role(part, i)));
        json_object_set_new(reader, "sha256", cli_json_hex(span_of(part->reader[i]->hash, CERTIFICATE_HASH_LEN)));
        json_array_append_new(list, reader);
    }
    return list;
}

static json_t *json_parts(const struct send_plan *plan)
{
    json_t *list = json_array();
    uint8_t hash[SHA256_LEN];
    for (size_t i = 0; i < plan->part_count; i++) {
        const struct send_part *part = &plan->part[i];
        json_t *out = json_object();
        json_object_set_new(out, "content_type", cli_json_text(part->type));
        json_object_set_new(out, "readers", json_readers(part));
        json_object_set_new(out, "for_recipient", json_boolean(part->for_recipient));
        if (sha256(part->content, hash))
            json_object_set_new(out, "content_sha256", cli_json_hex(span_of(hash, sizeof hash)));
        json_array_append_new(list, out);
    }
    return list;
}

static json_t *json_middles(const struct send_plan *plan)
{
    json_t *list = json_array();
    for (size_t i = 0; i < plan->middle_count; i++) {
        json_t *out = json_object();
        json_object_set_new(out, "host", json_string(plan->middle[i].party.host));
        json_object_set_new(out, "actions", label_actions_json(plan->middle[i].actions));
        json_array_append_new(list, out);
    }
    return list;
}

void send_report_json(const struct send_plan *plan, json_t *out)
{
    static const char *const protections[] = {[PROTECT_SEAL] = "sealed",
                                              [PROTECT_SIGN] = "signed",
                                              [PROTECT_CLEAR] = "clear-signed",
                                              [PROTECT_NONE] = "plain"};
    json_object_set_new(out, "from", json_string(plan->self.uri));
    json_object_set_new(out, "to", cli_json_text(span_text(plan->recipient.uri)));
    json_object_set_new(out, "protection", json_string(protections[plan->protection]));
    json_object_set_new(out, "readers", json_readers(&plan->part[0]));
    json_object_set_new(out, "parts", json_parts(plan));
    json_object_set_new(out, "middles", json_middles(plan));
}
