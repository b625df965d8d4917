/* A YAML file as a document, and the faults that are found in it. */
#include "config/yaml_schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

/* --- faults --- */

/* One line cannot become two, nor a terminal be told what to do. UTF-8 stays. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

static void __attribute__((format(printf, 5, 0)))
add_fault(struct yaml_file *file, size_t line, size_t column, const char *what, const char *format, va_list args)
{
    char text[YAML_LINE_MAX];
    int head = snprintf(text, sizeof text, "%s: ", what);
    if (head > 0 && (size_t)head < sizeof text)
        vsnprintf(text + head, sizeof text - (size_t)head, format, args);
    make_printable(text);
    char *kept = file->fault_count < YAML_ERRORS_MAX ? arena_text(file->arena, span_text(text)) : NULL;
    if (!kept) {
        file->fault_more++;
        return;
    }
    file->fault[file->fault_count++] = (struct yaml_fault){line, column, kept};
}

void yaml_fault(struct yaml_value v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_fault(v.file, v.node ? v.node->start_mark.line + 1 : 1, v.node ? v.node->start_mark.column + 1 : 1, v.path,
              format, args);
    va_end(args);
}

void yaml_fault_at(struct yaml_file *file, size_t line, size_t column, const char *what, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_fault(file, line, column, what, format, args);
    va_end(args);
}

static int compare_faults(const void *a, const void *b)
{
    const struct yaml_fault *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

void yaml_write_faults(struct yaml_file *file, char *out, size_t out_len)
{
    size_t used = 0, shown = 0;
    if (out_len)
        *out = '\0';
    qsort(file->fault, file->fault_count, sizeof *file->fault, compare_faults);
    for (; shown < file->fault_count; shown++) {
        const struct yaml_fault *f = &file->fault[shown];
        int n = snprintf(out + used, out_len - used, "%s:%zu:%zu: %s\n", file->path, f->line, f->column, f->text);
        if (n < 0 || (size_t)n >= out_len - used)
            break;
        used += (size_t)n;
    }
    size_t more = file->fault_more + file->fault_count - shown;
    if (used < out_len)
        out[used] = '\0';
    if (more && used < out_len)
        snprintf(out + used, out_len - used, "%s: and %zu more\n", file->path, more);
}

/* --- what YAML allows and a configuration does not need --- */

static void fault_at_mark(struct yaml_file *file, yaml_mark_t mark, const char *problem)
{
    yaml_fault_at(file, mark.line + 1, mark.column + 1, "syntax", "%s", problem);
}

static void refuse_properties(struct yaml_file *file, yaml_mark_t mark, const yaml_char_t *anchor,
                              const yaml_char_t *tag)
{
    if (anchor)
        fault_at_mark(file, mark, "an anchor is not supported; write the value where it is needed");
    if (tag)
        fault_at_mark(file, mark, "a tag is not supported; remove it");
}

struct scan {
    unsigned depth;
    unsigned documents;
};

/* False where reading on makes no sense. */
static bool scan_event(struct yaml_file *file, const yaml_event_t *event, struct scan *scan)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++scan->documents > 1)
            fault_at_mark(file, event->start_mark, "a second document begins; keep one document in the file");
        return scan->documents == 1;
    case YAML_ALIAS_EVENT:
        fault_at_mark(file, event->start_mark, "an alias is not supported; write the value out");
        return true;
    case YAML_SCALAR_EVENT:
        refuse_properties(file, event->start_mark, event->data.scalar.anchor, event->data.scalar.tag);
        return true;
    case YAML_SEQUENCE_START_EVENT:
        refuse_properties(file, event->start_mark, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_properties(file, event->start_mark, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        scan->depth--;
        return true;
    default:
        return true;
    }
    if (++scan->depth > YAML_DEPTH_MAX)
        fault_at_mark(file, event->start_mark, "the nesting is too deep; no key of this file is that deep");
    return scan->depth <= YAML_DEPTH_MAX;
}

static bool parser_begin(yaml_parser_t *parser, struct span text)
{
    if (!yaml_parser_initialize(parser))
        return false;
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, text.len ? text.at : (const unsigned char *)"", text.len);
    return true;
}

/* Bytes that are not UTF-8 are found by the reader, which knows an offset and no line. */
static yaml_mark_t mark_of_offset(struct span text, size_t offset)
{
    yaml_mark_t mark = {.index = offset};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        mark.column++;
        if (text.at[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static void fault_of_parser(struct yaml_file *file, const yaml_parser_t *parser, struct span text)
{
    char problem[YAML_LINE_MAX];
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR)
        mark = mark_of_offset(text, parser->problem_offset);
    snprintf(problem, sizeof problem, "%s%s%s; correct the YAML", parser->context ? parser->context : "",
             parser->context ? ": " : "", parser->problem ? parser->problem : "it is not YAML");
    fault_at_mark(file, mark, problem);
}

static void scan_text(struct yaml_file *file, struct span text)
{
    yaml_parser_t parser;
    struct scan scan = {0};
    if (!parser_begin(&parser, text)) {
        yaml_fault_at(file, 1, 1, "syntax", "there is not enough memory to read it");
        return;
    }
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            fault_of_parser(file, &parser, text);
            break;
        }
        more = scan_event(file, &event, &scan) && event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (scan.documents == 0 && yaml_faultless(file))
        yaml_fault_at(file, 1, 1, "syntax", "the file is empty; write the configuration into it");
}

/* --- the document --- */

static bool load_document(struct yaml_file *file, struct span text)
{
    yaml_parser_t parser;
    if (!parser_begin(&parser, text))
        return false;
    file->document = calloc(1, sizeof *file->document);
    bool loaded = file->document && yaml_parser_load(&parser, file->document);
    if (!loaded) {
        yaml_fault_at(file, 1, 1, "syntax", "it cannot be loaded; correct the YAML");
        free(file->document);
        file->document = NULL;
    }
    yaml_parser_delete(&parser);
    return loaded;
}

bool yaml_open(struct yaml_file *file, const char *path, struct span text, struct arena *arena,
               struct yaml_value *root)
{
    *file = (struct yaml_file){.path = path, .arena = arena};
    scan_text(file, text);
    if (!yaml_faultless(file) || !load_document(file, text))
        return false;
    *root = (struct yaml_value){file, yaml_document_get_root_node(file->document), "file"};
    return root->node != NULL;
}

void yaml_close(struct yaml_file *file)
{
    if (file->document) {
        yaml_document_delete(file->document);
        free(file->document);
        file->document = NULL;
    }
}
