#include "cli/legacy.h"

#include "sipseal/cms.h"

enum exit_code legacy_read(const struct cli *cli, unsigned *legacy)
{
    const char *name;
    *legacy = 0;
    for (size_t i = 0; (name = arguments_value_at(&cli->arguments, "legacy", i)); i++) {
        unsigned one = cms_legacy_named(span_text(name));
        if (!one)
            return cli_fail(EXIT_USAGE, "--legacy %s is not known; give cbc or pkcs1, each with a --legacy of its own",
                            name);
        *legacy |= one;
    }
    return EXIT_DONE;
}
