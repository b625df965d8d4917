#include "sipseal/rule.h"

#include <stddef.h>

struct rule_text {
    const char *name;
    const char *sentence;
    int status;
};

static const struct rule_text rule_texts[RULE_COUNT] = {
#define RULE_TEXT(constant, name, status, sentence) [constant] = {name, sentence, status},
    RULES(RULE_TEXT)
#undef RULE_TEXT
};

static const struct rule_text *text_of(enum rule rule)
{
    static const struct rule_text unknown = {"unknown", "an unknown rule was broken", 500};
    return (unsigned)rule < RULE_COUNT ? &rule_texts[rule] : &unknown;
}

const char *rule_name(enum rule rule)
{
    return text_of(rule)->name;
}

const char *rule_sentence(enum rule rule)
{
    return text_of(rule)->sentence;
}

int rule_status(enum rule rule)
{
    return text_of(rule)->status;
}
