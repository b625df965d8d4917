/* From a policy object to JSON. */
#include <jansson.h>
#include <stdlib.h>

#include "e2m/policy_object_words.h"
#include "sipseal/clock.h"

/* Null for what is no UTF-8; what takes a null fails, and tells of it. */
static json_t *text_of(struct span text)
{
    return json_stringn((const char *)text.at, text.len);
}

static json_t *texts_of(const struct span *text, size_t count)
{
    json_t *list = json_array();
    bool whole = list != NULL;
    for (size_t i = 0; i < count; i++)
        whole = json_array_append_new(list, text_of(text[i])) == 0 && whole;
    if (whole)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *base64_of(struct span der)
{
    struct writer w = writer_over(malloc(der.len * 4 / 3 + 4), der.len * 4 / 3 + 4);
    writer_base64(&w, der);
    json_t *text = w.full ? NULL : text_of(writer_span(&w));
    free(w.at);
    return text;
}

static json_t *proxy_of(const struct policy_object_proxy *proxy)
{
    json_t *out = json_object(), *seal_to = json_array();
    bool whole = json_object_set_new(out, "host", text_of(proxy->host)) == 0;
    for (size_t i = 0; i < proxy->seal_to_count; i++)
        whole = json_array_append_new(seal_to, base64_of(proxy->seal_to[i])) == 0 && whole;
    whole = json_object_set_new(out, "seal_to", seal_to) == 0 && whole;
    if (proxy->cek_reuse)
        whole = json_object_set_new(out, "cek_reuse", json_true()) == 0 && whole;
    if (whole)
        return out;
    json_decref(out);
    return NULL;
}

static json_t *require_of(unsigned actions)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof policy_object_actions / sizeof *policy_object_actions; i++)
        if (actions & policy_object_actions[i].action)
            json_array_append_new(list, json_string(policy_object_actions[i].word));
    return list;
}

static json_t *rule_of(const struct policy_object_rule *said)
{
    const struct policy_rule *rule = &said->rule;
    json_t *out = json_object();
    bool whole = out != NULL;
    if (rule->method_count)
        whole = json_object_set_new(out, "methods", texts_of(rule->method, rule->method_count)) == 0 && whole;
    if (rule->content_count)
        whole = json_object_set_new(out, "content", texts_of(rule->content, rule->content_count)) == 0 && whole;
    whole = json_object_set_new(out, "direction", json_string(policy_object_directions[rule->direction])) == 0 && whole;
    whole = json_object_set_new(out, "plain", json_string(policy_object_plain[rule->plain])) == 0 && whole;
    whole = json_object_set_new(out, "require", require_of(rule->require)) == 0 && whole;
    whole = json_object_set_new(out, "present", json_boolean(said->present)) == 0 && whole;
    if (said->purpose.len)
        whole = json_object_set_new(out, "purpose", text_of(said->purpose)) == 0 && whole;
    if (whole)
        return out;
    json_decref(out);
    return NULL;
}

static json_t *limits_of(const struct policy_object *object)
{
    json_t *out = json_object();
    if (object->bytes)
        json_object_set_new(out, "bytes", json_integer(object->bytes));
    if (object->parts)
        json_object_set_new(out, "parts", json_integer(object->parts));
    if (object->depth)
        json_object_set_new(out, "depth", json_integer(object->depth));
    return out;
}

static bool fill(json_t *root, const struct policy_object *object)
{
    uint8_t room[CLOCK_DATE_LEN];
    struct writer issued = writer_over(room, sizeof room);
    json_t *proxies = json_array(), *rules = json_array();
    clock_write_rfc3339(&issued, object->issued);
    bool whole = json_object_set_new(root, "version", json_integer(POLICY_OBJECT_VERSION)) == 0;
    whole = json_object_set_new(root, "domain", text_of(object->domain)) == 0 && whole;
    whole = json_object_set_new(root, "issued", text_of(writer_span(&issued))) == 0 && whole;
    whole = json_object_set_new(root, "expires_in", json_integer(object->expires_in)) == 0 && whole;
    for (size_t i = 0; i < object->proxy_count; i++)
        whole = json_array_append_new(proxies, proxy_of(&object->proxy[i])) == 0 && whole;
    for (size_t i = 0; i < object->rule_count; i++)
        whole = json_array_append_new(rules, rule_of(&object->rule[i])) == 0 && whole;
    whole = json_object_set_new(root, "proxies", proxies) == 0 && whole;
    whole = json_object_set_new(root, "rules", rules) == 0 && whole;
    return json_object_set_new(root, "limits", limits_of(object)) == 0 && whole;
}

bool policy_object_write(struct writer *w, const struct policy_object *object)
{
    json_t *root = json_object();
    bool whole = root && fill(root, object);
    size_t left = w->cap - w->len, len = whole && !w->full ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
    uint8_t *room = len > 0 && len <= left ? writer_room(w, len) : NULL;
    if (room)
        whole = json_dumpb(root, (char *)room, len, JSON_COMPACT) == len;
    else
        w->full = true;
    json_decref(root);
    return whole && !w->full;
}
