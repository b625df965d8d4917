#include "daemon/log_json.h"

#include "daemon/log.h"

enum {
    REPLACEMENT = 0xfffd,
    FIRST_OF_PAIRS = 0x10000,
    LAST_CHARACTER = 0x10ffff,
    HIGH_SURROGATE = 0xd800,
    LOW_SURROGATE = 0xdc00,
    AFTER_SURROGATES = 0xe000,
};

/* How many bytes a character has that begins so, and the bits that its first byte gives; 0: none begins so. */
static unsigned length_of(uint8_t first, uint32_t *bits)
{
    if (first >= 0xc2 && first <= 0xdf) {
        *bits = first & 0x1f;
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *bits = first & 0x0f;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *bits = first & 0x07;
        return 4;
    }
    *bits = first;
    return first < 0x80 ? 1 : 0;
}

static bool is_allowed(uint32_t character, unsigned len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, FIRST_OF_PAIRS}; /* of so many bytes: none is written longer */
    bool surrogate = character >= HIGH_SURROGATE && character < AFTER_SURROGATES;
    return character >= least[len] && character <= LAST_CHARACTER && !surrogate;
}

/* The character at `at`, and how many bytes it has. A byte that is not of UTF-8 is one, U+FFFD. */
static uint32_t decode(struct span value, size_t at, size_t *len)
{
    uint32_t character;
    unsigned wanted = length_of(value.at[at], &character);
    *len = 1;
    if (wanted == 0 || wanted > value.len - at)
        return REPLACEMENT;
    for (unsigned i = 1; i < wanted; i++) {
        if ((value.at[at + i] & 0xc0) != 0x80)
            return REPLACEMENT;
        character = character << 6 | (value.at[at + i] & 0x3f);
    }
    if (!is_allowed(character, wanted))
        return REPLACEMENT;
    *len = wanted;
    return character;
}

static void write_unit(struct writer *w, uint32_t unit)
{
    const uint8_t bytes[] = {(uint8_t)(unit >> 8), (uint8_t)unit};
    writer_text(w, "\\u");
    writer_hex(w, span_of(bytes, sizeof bytes));
}

static void write_character(struct writer *w, uint32_t c)
{
    if (c == '"' || c == '\\') {
        writer_byte(w, '\\');
        writer_byte(w, (uint8_t)c);
    } else if (c >= ' ' && c < 0x7f) {
        writer_byte(w, (uint8_t)c);
    } else if (c < FIRST_OF_PAIRS) {
        write_unit(w, c);
    } else {
        write_unit(w, HIGH_SURROGATE + ((c - FIRST_OF_PAIRS) >> 10));
        write_unit(w, LOW_SURROGATE + ((c - FIRST_OF_PAIRS) & 0x3ff));
    }
}

void log_json_text(struct writer *w, struct span value)
{
    log_json_text_up_to(w, value, LOG_VALUE_MAX);
}

void log_json_text_up_to(struct writer *w, struct span value, size_t max)
{
    size_t at = 0;
    writer_byte(w, '"');
    while (at < value.len && at < max) {
        size_t len;
        write_character(w, decode(value, at, &len));
        at += len;
    }
    writer_text(w, at < value.len ? "...\"" : "\"");
}
