#include "cli/labels_report.h"

#include "cli/keyring.h"

static bool names_part(const struct label *label, struct span cid)
{
    for (size_t i = 0; i < label->cid_count; i++)
        if (cid.len && span_equal(label->cid[i], cid))
            return true;
    return false;
}

static const char *actions_text(unsigned actions)
{
    return actions == (LABEL_VIEW | LABEL_VERIFY) ? "view and verify" : actions == LABEL_VIEW ? "view" : "verify";
}

void labels_print_of(const struct labels *labels, struct span cid, unsigned by_default, const char *indent)
{
    char host[PARTY_NAME_MAX];
    for (size_t i = 0; i < labels->count; i++) {
        const struct label *label = &labels->label[i];
        if (names_part(label, cid))
            printf("%s%s is asked to %s it\n", indent, cli_shown(label->host, host, sizeof host),
                   actions_text(label->actions ? label->actions : by_default));
    }
}

json_t *label_actions_json(unsigned actions)
{
    json_t *list = json_array();
    if (actions & LABEL_VIEW)
        json_array_append_new(list, json_string("view"));
    if (actions & LABEL_VERIFY)
        json_array_append_new(list, json_string("verify"));
    return list;
}

static json_t *label_json(const struct label *label, unsigned actions)
{
    json_t *out = json_object(), *cids = json_array();
    for (size_t i = 0; i < label->cid_count; i++)
        json_array_append_new(cids, cli_json_text(label->cid[i]));
    json_object_set_new(out, "host", cli_json_text(label->host));
    json_object_set_new(out, "cids", cids);
    json_object_set_new(out, "actions", label_actions_json(actions));
    return out;
}

json_t *labels_json(const struct labels *labels)
{
    json_t *list = json_array();
    for (size_t i = 0; i < labels->count; i++)
        json_array_append_new(list, label_json(&labels->label[i], labels->label[i].actions));
    return list;
}

json_t *labels_json_of(const struct labels *labels, struct span cid, unsigned by_default)
{
    json_t *list = json_array();
    for (size_t i = 0; i < labels->count; i++) {
        const struct label *label = &labels->label[i];
        if (names_part(label, cid))
            json_array_append_new(list, label_json(label, label->actions ? label->actions : by_default));
    }
    return list;
}
