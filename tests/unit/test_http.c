/* Requests of HTTP: the line that counts, and everything that is none. */
#include "test.h"

#include <stdlib.h>

#include "daemon/http.h"

static enum http_read reads(struct span bytes, struct http_request *request, char path[64])
{
    uint8_t *copy = malloc(bytes.len + 1); /* of the right size, so that a sanitizer sees what is read behind it */
    assert_non_null(copy);
    memcpy(copy, bytes.at, bytes.len);
    *request = (struct http_request){0};
    enum http_read result = http_read(span_of(copy, bytes.len), request);
    snprintf(path, 64, "%.*s", SPAN_ARGS(request->path));
    free(copy);
    return result;
}

static void a_request_is_read_once_its_head_is_whole(void **state)
{
    (void)state;
    struct http_request request;
    char path[64];
    const struct span whole = SPAN("GET /metrics?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(reads(span_part(whole, 0, len), &request, path), HTTP_MORE);
    assert_int_equal(reads(whole, &request, path), HTTP_READ);
    assert_string_equal(path, "/metrics");
    assert_int_equal(request.method, HTTP_GET);
    assert_int_equal(reads(SPAN("HEAD /health HTTP/1.0\r\n\r\nmore"), &request, path), HTTP_READ);
    assert_int_equal(request.method, HTTP_HEAD);
    assert_int_equal(reads(SPAN("get / HTTP/1.1\r\n\r\n"), &request, path), HTTP_READ);
    assert_int_equal(request.method, HTTP_OTHER);
}

static void a_line_that_is_none_breaks_at_once(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\r\n", "GET\r\n", "GET /\r\n", "GET  / HTTP/1.1\r\n", "GET / HTTP/1.2\r\n", "GET / HTTP/1.1 \r\n",
        " GET / HTTP/1.1\r\n", "GET /\x7f HTTP/1.1\r\n", "GET /\xc3\xa4 HTTP/1.1\r\n", "GET /\t HTTP/1.1\r\n",
        "GET / HTTP/1.1\n\r\n",
    };
    struct http_request request;
    char path[64];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(reads(span_text(wrong[i]), &request, path), HTTP_BROKEN);
    assert_int_equal(reads(SPAN("GET /\0 HTTP/1.1\r\n"), &request, path), HTTP_BROKEN);
}

static void an_answer_says_its_length_with_or_without_its_body(void **state)
{
    (void)state;
    uint8_t room[512];
    struct writer w = writer_over(room, sizeof room);
    http_write(&w, &(struct http_answer){405, "text/plain", SPAN("no\n"), false});
    assert_span_text(writer_span(&w), "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
                                      "Allow: GET, HEAD\r\nCache-Control: no-store\r\nConnection: close\r\n\r\nno\n");
    w = writer_over(room, sizeof room);
    http_write(&w, &(struct http_answer){200, "text/plain", SPAN("yes\n"), true});
    assert_span_text(writer_span(&w), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n"
                                      "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_once_its_head_is_whole),
        cmocka_unit_test(a_line_that_is_none_breaks_at_once),
        cmocka_unit_test(an_answer_says_its_length_with_or_without_its_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
