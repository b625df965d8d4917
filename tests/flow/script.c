/* Reads a script: one statement on a line, words separated by blanks, "..." for a word with blanks, # for comments, and
 * after a statement the lines of its block, each with "|" in front. */
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"

enum { SCRIPT_MAX = 1024 * 1024 };

bool script_open(struct script *s, const char *path)
{
    FILE *file = fopen(path, "rb");
    *s = (struct script){.text = calloc(1, SCRIPT_MAX + 1), .block = calloc(1, BLOCK_MAX + 1)};
    size_t len = file && s->text ? fread(s->text, 1, SCRIPT_MAX, file) : 0;
    bool read = file && s->text && s->block && !ferror(file) && len < SCRIPT_MAX;
    if (file)
        fclose(file);
    s->at = s->text;
    return read;
}

void script_close(struct script *s)
{
    free(s->text);
    free(s->block);
}

/* Cuts the next line off; null at the end. */
static char *take_line(struct script *s)
{
    char *line = s->at;
    if (!*line)
        return NULL;
    char *end = strchr(line, '\n');
    if (end) {
        *end = '\0';
        s->at = end + 1;
    } else {
        s->at = line + strlen(line);
    }
    s->line++;
    return line;
}

static void split_words(char *line, struct statement *out)
{
    out->count = 0;
    while (out->count < WORDS_MAX) {
        line += strspn(line, " \t");
        if (!*line || *line == '#')
            return;
        char *end;
        if (*line == '"') {
            out->word[out->count++] = ++line;
            end = strchr(line, '"');
        } else {
            out->word[out->count++] = line;
            end = line + strcspn(line, " \t");
        }
        if (!end || !*end)
            return;
        *end = '\0';
        line = end + 1;
    }
}

/* "| text" and "|text" are both a line of the block; "|" alone is an empty one. */
static void take_block(struct script *s, struct statement *out)
{
    size_t len = 0;
    out->has_block = false;
    while (s->at[strspn(s->at, " \t")] == '|') {
        char *line = take_line(s);
        line += strspn(line, " \t") + 1;
        if (*line == ' ')
            line++;
        size_t add = strlen(line);
        if (len + add + 1 > BLOCK_MAX)
            break;
        memcpy(s->block + len, line, add);
        s->block[len + add] = '\n';
        len += add + 1;
        out->has_block = true;
    }
    s->block[len] = '\0';
    out->block = s->block;
}

bool script_next(struct script *s, struct statement *out)
{
    char *line;
    while ((line = take_line(s))) {
        split_words(line, out);
        if (out->count == 0)
            continue;
        out->line = s->line;
        take_block(s, out);
        return true;
    }
    return false;
}

const char *statement_option(const struct statement *s, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 1; i < s->count; i++)
        if (strncmp(s->word[i], name, len) == 0 && s->word[i][len] == '=')
            return s->word[i] + len + 1;
    return NULL;
}

bool statement_flag(const struct statement *s, const char *name)
{
    for (size_t i = 1; i < s->count; i++)
        if (strcmp(s->word[i], name) == 0)
            return true;
    return false;
}
