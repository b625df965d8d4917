#include "cli/readers.h"

/* A name counts only where its certificate is trusted: a stranger's certificate may claim any. */
static bool is_trusted(const struct reader_sources *s, const struct certificate *c)
{
    return trust_check(s->keyring->trust, c, s->proof ? s->proof->bag : NULL, s->proof ? s->proof->bag_count : 0,
                       USE_SEAL, s->now) == RULE_OK;
}

static void take_certificate(const struct reader_sources *s, const struct certificate *c, struct reader_name *out)
{
    memcpy(out->hash, c->hash, sizeof out->hash);
    out->has_hash = true;
    out->self = s->self && span_equal(c->der, s->self->der);
    if (out->self || is_trusted(s, c))
        keyring_shown_name(c, out->name);
}

/* The certificate that fits, among one's own, those of contacts and keys, and those that came along. */
static const struct certificate *find(const struct reader_sources *s,
                                      bool (*fits)(const void *what, const struct certificate *c), const void *what)
{
    if (s->self && fits(what, s->self))
        return s->self;
    for (size_t i = 0; i < s->keyring->known_count; i++)
        if (fits(what, s->keyring->known[i]))
            return s->keyring->known[i];
    for (size_t i = 0; s->proof && i < s->proof->bag_count; i++)
        if (fits(what, s->proof->bag[i]))
            return s->proof->bag[i];
    return NULL;
}

static bool fits_entry(const void *what, const struct certificate *c)
{
    return cms_reader_is(what, c);
}

static bool fits_hash(const void *what, const struct certificate *c)
{
    return memcmp(what, c->hash, CERTIFICATE_HASH_LEN) == 0;
}

void readers_of_object(const struct reader_sources *sources, const struct cms_readers *readers,
                       struct reader_names *out)
{
    *out = (struct reader_names){.count = readers->count};
    for (size_t i = 0; i < readers->count; i++) {
        const struct certificate *c = find(sources, fits_entry, &readers->reader[i]);
        if (c)
            take_certificate(sources, c, &out->reader[i]);
    }
}

void readers_of_signed(const struct reader_sources *sources, const struct sealed_for *sealed_for,
                       struct reader_names *out)
{
    *out = (struct reader_names){.count = sealed_for->reader_count};
    for (size_t i = 0; i < sealed_for->reader_count; i++) {
        const struct certificate *c = find(sources, fits_hash, sealed_for->reader[i]);
        memcpy(out->reader[i].hash, sealed_for->reader[i], CERTIFICATE_HASH_LEN);
        out->reader[i].has_hash = true;
        if (c)
            take_certificate(sources, c, &out->reader[i]);
    }
}

static void print_one(const struct reader_name *r)
{
    if (r->name[0])
        printf("%s%s", r->name, r->self ? " (you)" : "");
    else if (r->has_hash)
        printf("an unnamed reader (certificate %02x%02x%02x%02x...)", r->hash[0], r->hash[1], r->hash[2], r->hash[3]);
    else
        printf("an unnamed reader");
}

void readers_print(const struct reader_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        printf("%s", i == 0 ? "" : i + 1 == names->count ? " and " : ", ");
        print_one(&names->reader[i]);
    }
    if (names->count == 0)
        printf("nobody");
}

json_t *readers_json(const struct reader_names *names)
{
    json_t *list = json_array();
    for (size_t i = 0; i < names->count; i++) {
        const struct reader_name *r = &names->reader[i];
        json_t *reader = json_object();
        json_object_set_new(reader, "name", r->name[0] ? cli_json_text(span_text(r->name)) : json_null());
        json_object_set_new(reader, "self", json_boolean(r->self));
        if (r->has_hash)
            json_object_set_new(reader, "sha256", cli_json_hex(span_of(r->hash, sizeof r->hash)));
        json_array_append_new(list, reader);
    }
    return list;
}
