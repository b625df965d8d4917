/* What a vault says in a script: one line for each part, "part STATE key=value ...", or "broken RULE". */
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"

static bool rule_read(struct flow *f, const char *name, enum rule *rule)
{
    for (int i = 0; i < RULE_COUNT; i++)
        if (strcmp(rule_name((enum rule)i), name) == 0) {
            *rule = (enum rule)i;
            return true;
        }
    return flow_fail(f, "%s is no rule", name);
}

static bool state_read(struct flow *f, const char *name, enum part_state *state)
{
    static const char *const names[] = {"plain", "closed", "opened", "signed"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *state = (enum part_state)i;
            return true;
        }
    return flow_fail(f, "%s is no state of a part", name);
}

/* cid= type= signer= signature=RULE label=RULE replay=TEXT, labelled, reader, view, verify */
static bool word_read(struct flow *f, const char *word, struct verdict_part *part)
{
    const char *value = strchr(word, '=');
    size_t key = value ? (size_t)(value - word) : strlen(word);
    if (value)
        value++;
    if (strncmp(word, "type", key) == 0 && value) {
        snprintf(part->type[part->type_count++], VERDICT_TYPE_MAX + 1, "%s", value);
    } else if (strncmp(word, "signer", key) == 0 && value) {
        snprintf(part->signer, sizeof part->signer, "%s", value);
        part->proof = PROOF_USER;
        part->signature = RULE_OK;
    } else if (strncmp(word, "signature", key) == 0 && value) {
        return rule_read(f, value, &part->signature);
    } else if (strncmp(word, "label", key) == 0 && value) {
        return rule_read(f, value, &part->label);
    } else if (strncmp(word, "cid", key) == 0 && value) {
        snprintf(part->cid, sizeof part->cid, "%s", value);
    } else if (strncmp(word, "replay", key) == 0 && value) {
        part->has_replay_key = true;
        memcpy(part->replay_key, value, strlen(value) < 32 ? strlen(value) : 32);
    } else if (strcmp(word, "reader") == 0) {
        part->reader = true;
    } else if (strcmp(word, "labelled") == 0) {
        part->labelled = true;
    } else if (strcmp(word, "view") == 0) {
        part->asked |= LABEL_VIEW;
    } else if (strcmp(word, "verify") == 0) {
        part->asked |= LABEL_VERIFY;
    } else {
        return flow_fail(f, "\"%s\" says nothing of a part", word);
    }
    return true;
}

static bool part_read(struct flow *f, char *words, struct verdict *verdict)
{
    char *rest = NULL;
    struct verdict_part *part = &verdict->part[verdict->part_count++];
    const char *word = strtok_r(words, " ", &rest);
    *part = (struct verdict_part){.signature = RULE_SIGNATURE_ABSENT};
    if (!word || !state_read(f, word, &part->state))
        return flow_fail(f, "part plain|closed|opened|signed ...");
    while ((word = strtok_r(NULL, " ", &rest)))
        if (!word_read(f, word, part))
            return false;
    return true;
}

bool verdict_compose(struct flow *f, const char *block, struct verdict *verdict)
{
    memset(verdict, 0, sizeof *verdict);
    while (*block) {
        char line[1024];
        size_t len = strcspn(block, "\n");
        snprintf(line, sizeof line, "%.*s", (int)len, block);
        block += len + (block[len] == '\n');
        if (strncmp(line, "broken ", 7) == 0) {
            if (!rule_read(f, line + 7, &verdict->broken))
                return false;
        } else if (strncmp(line, "part ", 5) != 0 || verdict->part_count == VERDICT_PARTS_MAX) {
            return flow_fail(f, "a verdict is lines \"part ...\" or \"broken RULE\"");
        } else if (!part_read(f, line + 5, verdict)) {
            return false;
        }
    }
    return true;
}
