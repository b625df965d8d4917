/* Any bytes as a request of HTTP. What is read lies where it was found, and more bytes do not change it. */
#include <stdlib.h>

#include "daemon/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span whole = span_of(data, size);
    struct http_request request = {0};
    enum http_read result = http_read(whole, &request);
    if (result == HTTP_READ && (request.path.len > 0 && !span_within(request.path, whole)))
        abort();
    for (size_t len = 0; len < size && len < 64; len++) {
        struct http_request part = {0};
        enum http_read so_far = http_read(span_part(whole, 0, len), &part);
        if (so_far != HTTP_MORE && so_far != result)
            abort();
    }
    return 0;
}
