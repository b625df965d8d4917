/* Any bytes as a question on the control socket: what is read as one says exactly one word. */
#include <stdlib.h>

#include "daemon/control_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span line = span_of(data, size);
    enum control_command command;
    if (!control_request_read(line, &command))
        return 0;
    const char *name = control_command_name(command);
    if (name && span_find_span(line, span_text(name)) == line.len)
        abort();
    if (span_find_span(line, SPAN("\"command\"")) == line.len || span_find(line, ',') < line.len)
        abort();
    return 0;
}
