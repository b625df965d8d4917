/* The configuration: read or refused with a line that names the place, whatever the bytes. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char errors[CONFIG_ERRORS_MAX];
    struct config *config;
    if (size > CONFIG_BYTES_MAX)
        return 0;
    enum rule rule = config_parse("c", span_of(data, size), &config, errors, sizeof errors);
    if ((rule == RULE_OK) != (config != NULL) || (rule == RULE_CONFIG && strncmp(errors, "c:", 2) != 0))
        abort();
    config_free(config);
    return 0;
}
