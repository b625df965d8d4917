/* YAML read under a typed schema, with the place of every fault.
 *
 * A file is read whole. Values are asked for by key and kind: what is asked for is what the schema knows, and every
 * other key is a fault. Faults are collected, so that a person sees all of them at once, each on one line:
 *
 *     sipseald.conf:3:11: server.listen[0]: "udp:127.0.0.1" is not an address to listen on; write it as ...
 *
 * A value that is absent or faulty leaves what it would have set as it was, so that defaults are set beforehand; and a
 * fault is said once: what is inside a faulty value is absent without further words.
 *
 * Of YAML only what a configuration needs is taken: one document, mappings, lists and scalars. Anchors, aliases and
 * explicit tags are refused (a few lines of aliases can stand for millions of values), as is nesting over
 * YAML_DEPTH_MAX. */
#ifndef SIPSEAL_CONFIG_YAML_SCHEMA_H
#define SIPSEAL_CONFIG_YAML_SCHEMA_H

#include "sipseal/arena.h"
#include "sipseal/bytes.h"

enum {
    YAML_DEPTH_MAX = 16,
    YAML_KEYS_MAX = 64,   /* keys in one mapping */
    YAML_ERRORS_MAX = 32, /* faults that are kept; the others are counted */
    YAML_LINE_MAX = 1024, /* bytes of the line of one fault */
};

struct yaml_document_s; /* libyaml's */
struct yaml_node_s;

struct yaml_file {
    const char *path;    /* how faults name it */
    struct arena *arena; /* holds texts and faults */
    struct yaml_document_s *document;
    struct yaml_fault {
        size_t line, column; /* from 1 */
        const char *text;
    } fault[YAML_ERRORS_MAX];
    size_t fault_count;
    size_t fault_more; /* those not kept */
};

/* Where a value stands. */
struct yaml_value {
    struct yaml_file *file;
    const struct yaml_node_s *node; /* null: absent */
    const char *path;               /* "server.listen[1]" */
};

static inline bool yaml_given(struct yaml_value v)
{
    return v.node != NULL;
}

/* Reads `text`. False when it is not YAML of the accepted kind: the faults say why. To be closed either way. */
bool yaml_open(struct yaml_file *file, const char *path, struct span text, struct arena *arena,
               struct yaml_value *root);
void yaml_close(struct yaml_file *file);

/* Notes a fault at a value: "problem; what to do". Bytes that are not printable become question marks. */
void yaml_fault(struct yaml_value v, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same at a place that is no value: `what` stands where the key would. */
void yaml_fault_at(struct yaml_file *file, size_t line, size_t column, const char *what, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static inline bool yaml_faultless(const struct yaml_file *file)
{
    return file->fault_count == 0 && file->fault_more == 0;
}

/* Writes the faults in the order of the file, one line each, as many as fit; always ends `out` with a NUL. */
void yaml_write_faults(struct yaml_file *file, char *out, size_t out_len);

/* --- mappings --- */

struct yaml_map {
    struct yaml_value value;
    bool usable;
    const char *known[YAML_KEYS_MAX];
    size_t known_count;
};

enum yaml_need { YAML_OPTIONAL, YAML_REQUIRED };

/* Begins to read a mapping; a key that stands twice is a fault. */
struct yaml_map yaml_map_of(struct yaml_value v);
/* The value of a key, which the schema thereby knows. */
struct yaml_value yaml_key(struct yaml_map *map, const char *key, enum yaml_need need);
/* Every key that was not asked for is a fault, with the nearest that was. */
void yaml_map_end(const struct yaml_map *map);

/* --- lists --- */

/* How many items a list of at most `max` has; 0 for what is absent or no list. */
size_t yaml_list_count(struct yaml_value v, size_t max);
struct yaml_value yaml_item(struct yaml_value list, size_t index);

/* --- scalars: each returns whether it set `out` --- */

/* Text of 1 to `max` bytes without control characters; zero-terminated in the arena. */
bool yaml_text(struct yaml_value v, size_t max, const char **out);
/* A whole number in decimal digits. */
bool yaml_number(struct yaml_value v, uint32_t min, uint32_t max, uint32_t *out);
/* A time: whole seconds, or a number with one of the units s, m, h, d. */
bool yaml_seconds(struct yaml_value v, int64_t min, int64_t max, int64_t *out);
/* true or false. */
bool yaml_boolean(struct yaml_value v, bool *out);
/* One of some words: its index. */
bool yaml_choice(struct yaml_value v, const char *const *words, size_t count, unsigned *out);

#endif
