/* Typed values of a YAML document. */
#include "config/yaml_schema.h"

#include <stdio.h>
#include <yaml.h>

enum { PATH_TEXT_MAX = 200, KEY_COMPARED_MAX = 32, KEY_DISTANCE_MAX = 2, VALUE_SHOWN_MAX = 60 };

static struct yaml_value absent(struct yaml_value parent, const char *path)
{
    return (struct yaml_value){parent.file, NULL, path};
}

/* Paths live as long as the arena; without memory for one, its parent's serves. */
static const char *keep_path(struct yaml_value parent, const char *path)
{
    const char *kept = arena_text(parent.file->arena, span_text(path));
    return kept ? kept : parent.path;
}

static bool is_root(struct yaml_value v)
{
    return v.node == yaml_document_get_root_node(v.file->document);
}

static const char *path_of_key(struct yaml_value parent, const char *key)
{
    char path[PATH_TEXT_MAX];
    if (is_root(parent))
        return keep_path(parent, key);
    snprintf(path, sizeof path, "%s.%s", parent.path, key);
    return keep_path(parent, path);
}

static const char *kind_of(const yaml_node_t *node)
{
    switch (node->type) {
    case YAML_MAPPING_NODE:
        return "a mapping";
    case YAML_SEQUENCE_NODE:
        return "a list";
    case YAML_SCALAR_NODE:
        return node->data.scalar.length ? "a single value" : "nothing";
    default:
        return "nothing";
    }
}

/* --- mappings --- */

static struct span scalar_of(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? span_of(node->data.scalar.value, node->data.scalar.length)
                                                  : (struct span){0};
}

static size_t pair_count(const yaml_node_t *map)
{
    return (size_t)(map->data.mapping.pairs.top - map->data.mapping.pairs.start);
}

static yaml_node_t *key_node(struct yaml_value map, size_t index)
{
    return yaml_document_get_node(map.file->document, map.node->data.mapping.pairs.start[index].key);
}

static yaml_node_t *value_node(struct yaml_value map, size_t index)
{
    return yaml_document_get_node(map.file->document, map.node->data.mapping.pairs.start[index].value);
}

static struct yaml_value key_value(struct yaml_value map, size_t index)
{
    char key[KEY_COMPARED_MAX + 1];
    struct span text = scalar_of(key_node(map, index));
    snprintf(key, sizeof key, "%.*s", SPAN_ARGS(span_part(text, 0, KEY_COMPARED_MAX)));
    return (struct yaml_value){map.file, key_node(map, index), path_of_key(map, key)};
}

static void check_keys(struct yaml_value map)
{
    for (size_t i = 0; i < pair_count(map.node); i++) {
        struct span key = scalar_of(key_node(map, i));
        if (key.len == 0)
            yaml_fault((struct yaml_value){map.file, key_node(map, i), map.path},
                       "a key must be a word; remove this one");
        for (size_t j = 0; j < i && key.len; j++)
            if (span_equal(key, scalar_of(key_node(map, j)))) {
                yaml_fault(key_value(map, i), "stands twice, first in line %zu; remove one of them",
                           key_node(map, j)->start_mark.line + 1);
                break;
            }
    }
}

struct yaml_map yaml_map_of(struct yaml_value v)
{
    struct yaml_map map = {.value = v};
    if (!v.node)
        return map;
    if (v.node->type != YAML_MAPPING_NODE) {
        yaml_fault(v, "must be a mapping and is %s; write keys with their values, as in {key: value}", kind_of(v.node));
        return map;
    }
    if (pair_count(v.node) > YAML_KEYS_MAX) {
        yaml_fault(v, "has more than %d keys; remove those that it does not need", YAML_KEYS_MAX);
        return map;
    }
    check_keys(v);
    map.usable = true;
    return map;
}

struct yaml_value yaml_key(struct yaml_map *map, const char *key, enum yaml_need need)
{
    if (!map->usable)
        return absent(map->value, key);
    const char *path = path_of_key(map->value, key);
    if (map->known_count < YAML_KEYS_MAX)
        map->known[map->known_count++] = key;
    for (size_t i = 0; i < pair_count(map->value.node); i++)
        if (span_equal(scalar_of(key_node(map->value, i)), span_text(key)))
            return (struct yaml_value){map->value.file, value_node(map->value, i), path};
    if (need == YAML_REQUIRED)
        yaml_fault((struct yaml_value){map->value.file, map->value.node, path}, "is missing; add it");
    return absent(map->value, path);
}

/* How many letters have to be put in, taken out or exchanged to make one word the other (Levenshtein). */
static size_t distance(struct span a, struct span b)
{
    size_t row[KEY_COMPARED_MAX + 1];
    if (a.len > KEY_COMPARED_MAX || b.len > KEY_COMPARED_MAX)
        return KEY_COMPARED_MAX;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t exchange = diagonal + (a.at[i - 1] != b.at[j - 1]);
            size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = exchange < other ? exchange : other;
        }
    }
    return row[b.len];
}

static bool is_known(const struct yaml_map *map, struct span key)
{
    for (size_t i = 0; i < map->known_count; i++)
        if (span_equal(key, span_text(map->known[i])))
            return true;
    return false;
}

static const char *nearest_known(const struct yaml_map *map, struct span key)
{
    const char *nearest = NULL;
    size_t least = KEY_DISTANCE_MAX + 1;
    for (size_t i = 0; i < map->known_count; i++) {
        size_t d = distance(key, span_text(map->known[i]));
        if (d < least) {
            least = d;
            nearest = map->known[i];
        }
    }
    return nearest;
}

static void fault_unknown(const struct yaml_map *map, struct yaml_value key)
{
    const char *nearest = nearest_known(map, scalar_of(key.node));
    if (nearest) {
        yaml_fault(key, "is not a known key; did you mean %s?", nearest);
        return;
    }
    char all[YAML_LINE_MAX / 2] = "";
    struct writer w = writer_over(all, sizeof all - 1);
    for (size_t i = 0; i < map->known_count; i++) {
        writer_text(&w, i ? ", " : "");
        writer_text(&w, map->known[i]);
    }
    all[w.len] = '\0';
    yaml_fault(key, "is not a known key; known here are %s", all);
}

void yaml_map_end(const struct yaml_map *map)
{
    for (size_t i = 0; map->usable && i < pair_count(map->value.node); i++) {
        struct span key = scalar_of(key_node(map->value, i));
        if (key.len && !is_known(map, key))
            fault_unknown(map, key_value(map->value, i));
    }
}

/* --- lists --- */

size_t yaml_list_count(struct yaml_value v, size_t max)
{
    if (!v.node)
        return 0;
    if (v.node->type != YAML_SEQUENCE_NODE) {
        yaml_fault(v, "must be a list and is %s; write [first, second]", kind_of(v.node));
        return 0;
    }
    size_t count = (size_t)(v.node->data.sequence.items.top - v.node->data.sequence.items.start);
    if (count > max) {
        yaml_fault(v, "has %zu entries; at most %zu are allowed", count, max);
        return 0;
    }
    return count;
}

struct yaml_value yaml_item(struct yaml_value list, size_t index)
{
    char path[PATH_TEXT_MAX];
    snprintf(path, sizeof path, "%s[%zu]", list.path, index);
    return (struct yaml_value){list.file,
                               yaml_document_get_node(list.file->document, list.node->data.sequence.items.start[index]),
                               keep_path(list, path)};
}

/* --- scalars --- */

static bool is_null(const yaml_node_t *node)
{
    struct span text = scalar_of(node);
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.len == 0 || span_equal(text, SPAN("~")) || span_equal_nocase(text, SPAN("null")));
}

/* A single value that is there; says what it `must be` otherwise. */
static bool scalar_text(struct yaml_value v, const char *must_be, struct span *text)
{
    if (!v.node)
        return false;
    if (v.node->type != YAML_SCALAR_NODE) {
        yaml_fault(v, "must be %s and is %s; write a single value", must_be, kind_of(v.node));
        return false;
    }
    if (is_null(v.node)) {
        yaml_fault(v, "has no value; write %s, or remove the key", must_be);
        return false;
    }
    *text = scalar_of(v.node);
    return true;
}

static bool has_control_characters(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < ' ' || text.at[i] == 0x7f)
            return true;
    return false;
}

bool yaml_text(struct yaml_value v, size_t max, const char **out)
{
    struct span text;
    if (!scalar_text(v, "text", &text))
        return false;
    if (text.len == 0 || text.len > max) {
        yaml_fault(v, "has %zu bytes; write 1 to %zu of them", text.len, max);
        return false;
    }
    if (has_control_characters(text)) {
        yaml_fault(v, "holds a control character; remove it");
        return false;
    }
    const char *kept = arena_text(v.file->arena, text);
    if (!kept) {
        yaml_fault(v, "does not fit in memory; make the file smaller");
        return false;
    }
    *out = kept;
    return true;
}

bool yaml_number(struct yaml_value v, uint32_t min, uint32_t max, uint32_t *out)
{
    struct span text;
    uint32_t value;
    if (!scalar_text(v, "a whole number", &text))
        return false;
    if (!span_decimal(text, max, &value) || value < min) {
        yaml_fault(v, "\"%.*s\" is not a whole number from %u to %u; write one without a unit",
                   SPAN_ARGS(span_part(text, 0, VALUE_SHOWN_MAX)), min, max);
        return false;
    }
    *out = value;
    return true;
}

/* 1 for a number alone, 0 for an unknown unit; takes the unit from the end of the text. */
static int64_t take_unit(struct span *text)
{
    static const struct {
        uint8_t letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint8_t last = text->len ? text->at[text->len - 1] : 0;
    if (last >= '0' && last <= '9')
        return 1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (last == units[i].letter) {
            text->len--;
            return units[i].seconds;
        }
    return 0;
}

bool yaml_seconds(struct yaml_value v, int64_t min, int64_t max, int64_t *out)
{
    struct span text;
    uint32_t number = 0;
    if (!scalar_text(v, "a time", &text))
        return false;
    struct span digits = text;
    int64_t unit = take_unit(&digits);
    int64_t value = span_decimal(digits, UINT32_MAX, &number) ? (int64_t)number * unit : -1;
    if (unit == 0 || value < min || value > max) {
        yaml_fault(v, "\"%.*s\" is not a time from %lld to %lld seconds; write seconds, or a number with s, m, h or d",
                   SPAN_ARGS(span_part(text, 0, VALUE_SHOWN_MAX)), (long long)min, (long long)max);
        return false;
    }
    *out = value;
    return true;
}

bool yaml_choice(struct yaml_value v, const char *const *words, size_t count, unsigned *out)
{
    struct span text;
    if (!scalar_text(v, "a word", &text))
        return false;
    for (size_t i = 0; i < count; i++)
        if (span_equal(text, span_text(words[i]))) {
            *out = (unsigned)i;
            return true;
        }
    char all[YAML_LINE_MAX / 4] = "";
    struct writer w = writer_over(all, sizeof all - 1);
    for (size_t i = 0; i < count; i++) {
        writer_text(&w, i == 0 ? "" : i + 1 == count ? " or " : ", ");
        writer_text(&w, words[i]);
    }
    all[w.len] = '\0';
    yaml_fault(v, "\"%.*s\" is not known here; write %s", SPAN_ARGS(span_part(text, 0, VALUE_SHOWN_MAX)), all);
    return false;
}

bool yaml_boolean(struct yaml_value v, bool *out)
{
    static const char *const words[] = {"false", "true"};
    unsigned index;
    if (!yaml_choice(v, words, 2, &index))
        return false;
    *out = index == 1;
    return true;
}
