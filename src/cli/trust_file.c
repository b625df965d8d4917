#include "cli/trust_file.h"

#include "cli/files.h"
#include "sipseal/pem.h"

static enum rule take_blocks(struct arena *arena, struct span pem, const char *type,
                             enum rule (*take)(void *context, struct span der), void *context, size_t *count)
{
    struct span der;
    for (;;) {
        size_t mark = arena_mark(arena);
        enum rule rule = pem_next(arena, &pem, type, &der);
        if (rule != RULE_OK || der.len == 0)
            return rule;
        rule = take(context, der);
        arena_rewind(arena, mark);
        if (rule != RULE_OK)
            return rule;
        ++*count;
    }
}

enum exit_code trust_file_read(struct arena *arena, const char *path, const char *advice,
                               const struct trust_file_taker *taker)
{
    struct file_bytes file;
    size_t certificates = 0, lists = 0;
    enum file_result result = file_read(path, FILES_PEM_MAX, false, &file);
    if (result == FILE_ABSENT && !advice)
        return EXIT_DONE;
    if (result != FILE_DONE)
        return cli_fail_file(path, file_problem(result), advice ? advice : "see to it that you can read it");
    enum rule rule =
        take_blocks(arena, file_span(&file), PEM_CERTIFICATE, taker->certificate, taker->context, &certificates);
    if (rule == RULE_OK)
        rule = take_blocks(arena, file_span(&file), PEM_CRL, taker->list, taker->context, &lists);
    file_clear(&file);
    if (rule != RULE_OK)
        return cli_fail_file(path, rule_sentence(rule), "it must hold certificates and revocation lists in PEM");
    return certificates > 0 ? EXIT_DONE
                            : cli_fail_file(path, "there is no certificate in it",
                                            "put the trusted authority's there, in PEM");
}
