/* Any bytes as the JSON of a policy object: what is read is within its limits, and written and read again to the same. */
#include <stdlib.h>

#include "sipseal/policy_object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void look_at(const struct policy_object *object)
{
    require(object->proxy_count >= 1 && object->proxy_count <= POLICY_OBJECT_PROXIES_MAX);
    require(object->rule_count <= POLICY_RULES_MAX);
    for (size_t i = 0; i < object->proxy_count; i++) {
        require(object->proxy[i].host.len >= 1 && object->proxy[i].host.len <= LABEL_HOST_MAX);
        require(span_find(object->proxy[i].host, '/') == object->proxy[i].host.len); /* it becomes a file's name */
        require(object->proxy[i].seal_to_count <= POLICY_OBJECT_SEAL_TO_MAX);
        require(policy_object_proxy_named(object, object->proxy[i].host) == i);
    }
    for (size_t i = 0; i < object->rule_count; i++)
        require((object->rule[i].rule.require & ~(unsigned)(LABEL_VIEW | LABEL_VERIFY)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text[2][2 * POLICY_OBJECT_BYTES_MAX];
    static struct policy_object object, again;
    struct arena arena;
    require(arena_open(&arena, 2 * POLICY_OBJECT_ARENA));
    if (policy_object_read(span_of(data, size), &arena, &object) == RULE_OK) {
        look_at(&object);
        struct writer w = writer_over(text[0], sizeof text[0]), second = writer_over(text[1], sizeof text[1]);
        require(policy_object_write(&w, &object));
        if (w.len <= POLICY_OBJECT_BYTES_MAX) {
            require(policy_object_read(writer_span(&w), &arena, &again) == RULE_OK);
            require(policy_object_write(&second, &again) && span_equal(writer_span(&w), writer_span(&second)));
        }
    }
    arena_close(&arena);
    return 0;
}
