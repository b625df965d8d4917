#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/ipc.h"

static uint8_t written[IPC_MESSAGE_MAX], received[IPC_MESSAGE_MAX];

static void make_pair(int fd[2])
{
    assert_true(channel_pair(fd));
    assert_int_equal(fcntl(fd[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fd[1], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void close_pair(const int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

static void a_datagram_of_the_largest_size_crosses_a_channel(void **state)
{
    (void)state;
    int fd[2];
    make_pair(fd);
    for (size_t i = 0; i < sizeof written; i++)
        written[i] = (uint8_t)(i * 31);
    struct span datagram;
    assert_int_equal(channel_send(fd[0], span_of(written, sizeof written), NULL, 0), CHANNEL_DONE);
    assert_int_equal(channel_receive(fd[1], received, sizeof received, &datagram, NULL, 0, NULL), CHANNEL_DONE);
    assert_span_equal(datagram, span_of(written, sizeof written));
    close_pair(fd);
}

static void a_datagram_that_is_empty_or_too_large_is_never_sent(void **state)
{
    (void)state;
    int fd[2];
    make_pair(fd);
    assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
    uint8_t *big = calloc(1, IPC_MESSAGE_MAX + 1);
    assert_non_null(big);
    struct span datagram;
    assert_int_equal(channel_send(fd[0], SPAN(""), NULL, 0), CHANNEL_CLOSED);
    assert_int_equal(channel_send(fd[0], span_of(big, IPC_MESSAGE_MAX + 1), NULL, 0), CHANNEL_CLOSED);
    assert_int_equal(channel_receive(fd[1], received, sizeof received, &datagram, NULL, 0, NULL), CHANNEL_AGAIN);
    free(big);
    close_pair(fd);
}

static void the_end_of_a_channel_is_seen_on_both_sides(void **state)
{
    (void)state;
    int fd[2];
    struct span datagram;
    make_pair(fd);
    close(fd[0]);
    assert_int_equal(channel_receive(fd[1], received, sizeof received, &datagram, NULL, 0, NULL), CHANNEL_CLOSED);
    assert_int_equal(channel_send(fd[1], SPAN("x"), NULL, 0), CHANNEL_CLOSED); /* and no SIGPIPE */
    close(fd[1]);
}

static void a_full_channel_says_again_and_loses_nothing(void **state)
{
    (void)state;
    int fd[2];
    make_pair(fd);
    assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
    memset(written, 0, sizeof written);
    size_t sent = 0, got = 0;
    enum channel_result result;
    while ((result = channel_send(fd[0], span_of(written, 65536), NULL, 0)) == CHANNEL_DONE)
        sent++;
    assert_int_equal(result, CHANNEL_AGAIN);
    assert_true(sent > 0);
    struct span datagram;
    while ((result = channel_receive(fd[1], received, sizeof received, &datagram, NULL, 0, NULL)) == CHANNEL_DONE) {
        assert_int_equal(datagram.len, 65536);
        got++;
    }
    assert_int_equal(result, CHANNEL_AGAIN);
    assert_int_equal(got, sent);
    close_pair(fd);
}

static bool same_file(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            count++;
    return count;
}

static void descriptors_cross_a_channel_and_are_closed_on_exec(void **state)
{
    (void)state;
    int fd[2], passed[2], got[IPC_FDS_MAX];
    make_pair(fd);
    assert_int_equal(pipe(passed), 0);
    struct span datagram;
    size_t count = 0;
    assert_int_equal(channel_send(fd[0], SPAN("two"), passed, 2), CHANNEL_DONE);
    assert_int_equal(channel_receive(fd[1], received, sizeof received, &datagram, got, IPC_FDS_MAX, &count),
                     CHANNEL_DONE);
    assert_span_text(datagram, "two");
    assert_int_equal(count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(same_file(got[i], passed[i]));
        assert_int_equal(fcntl(got[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        close(got[i]);
    }
    close_pair(passed);
    close_pair(fd);
}

static void more_descriptors_than_expected_close_the_channel_and_leak_none(void **state)
{
    (void)state;
    for (size_t fd_max = 0; fd_max < IPC_FDS_MAX; fd_max++) {
        int fd[2], passed[IPC_FDS_MAX], got[IPC_FDS_MAX];
        make_pair(fd);
        for (size_t i = 0; i <= fd_max; i++)
            passed[i] = fd[0];
        size_t before = open_descriptors(), count = 99;
        struct span datagram;
        assert_int_equal(channel_send(fd[0], SPAN("x"), passed, fd_max + 1), CHANNEL_DONE);
        assert_int_equal(channel_receive(fd[1], received, sizeof received, &datagram, got, fd_max, &count),
                         CHANNEL_CLOSED);
        assert_int_equal(count, 0);
        assert_int_equal(open_descriptors(), before);
        close_pair(fd);
    }
}

static void a_truncated_datagram_closes_the_channel_and_its_descriptors(void **state)
{
    (void)state;
    int fd[2], got[1];
    make_pair(fd);
    size_t before = open_descriptors(), count;
    struct span datagram;
    assert_int_equal(channel_send(fd[0], SPAN("four"), &fd[0], 1), CHANNEL_DONE);
    assert_int_equal(channel_receive(fd[1], received, 3, &datagram, got, 1, &count), CHANNEL_CLOSED);
    assert_int_equal(count, 0);
    assert_int_equal(open_descriptors(), before);
    close_pair(fd);
}

static uint8_t many[IPC_BATCH_MAX][16], room[(IPC_BATCH_MAX + 1) * IPC_MESSAGE_MAX];

static void several_datagrams_cross_in_one_call_and_what_came_before_the_end_is_kept(void **state)
{
    (void)state;
    int fd[2];
    size_t done;
    struct span out[IPC_BATCH_MAX], in[IPC_BATCH_MAX];
    make_pair(fd); /* blocking: neither call blocks all the same */
    assert_int_equal(channel_receive_many(fd[1], room, in, IPC_BATCH_MAX, &done), CHANNEL_AGAIN);
    assert_int_equal(done, 0);
    for (size_t i = 0; i < IPC_BATCH_MAX; i++) {
        memset(many[i], (int)i, sizeof many[i]);
        out[i] = span_of(many[i], i % sizeof many[i] + 1);
    }
    assert_int_equal(channel_send_many(fd[0], out, IPC_BATCH_MAX, &done), CHANNEL_DONE);
    assert_int_equal(done, IPC_BATCH_MAX);
    close(fd[0]);
    assert_int_equal(channel_receive_many(fd[1], room, in, 5, &done), CHANNEL_DONE); /* no more than is asked for */
    assert_int_equal(done, 5);
    for (size_t i = 0; i < 5; i++)
        assert_span_equal(in[i], out[i]);
    assert_int_equal(channel_receive_many(fd[1], room, in, IPC_BATCH_MAX, &done), CHANNEL_CLOSED);
    assert_int_equal(done, IPC_BATCH_MAX - 5);
    for (size_t i = 0; i < done; i++)
        assert_span_equal(in[i], out[5 + i]);
    assert_int_equal(channel_send_many(fd[1], out, 1, &done), CHANNEL_CLOSED); /* and no SIGPIPE */
    close(fd[1]);
}

static void a_full_channel_takes_as_many_as_it_can_and_says_how_many(void **state)
{
    (void)state;
    int fd[2];
    size_t done = 1, sent = 0, got = 0;
    struct span out[IPC_BATCH_MAX], in[IPC_BATCH_MAX];
    enum channel_result result;
    make_pair(fd);
    for (size_t i = 0; i < IPC_BATCH_MAX; i++)
        out[i] = span_of(written, sizeof written);
    while ((result = channel_send_many(fd[0], out, IPC_BATCH_MAX, &done)) == CHANNEL_DONE)
        sent += done;
    assert_int_equal(result, CHANNEL_AGAIN);
    assert_int_equal(done, 0);
    assert_true(sent > 0);
    while ((result = channel_receive_many(fd[1], room, in, IPC_BATCH_MAX, &done)) == CHANNEL_DONE)
        got += done;
    assert_int_equal(result, CHANNEL_AGAIN);
    assert_int_equal(got, sent);
    close_pair(fd);
}

static void descriptors_among_several_datagrams_close_the_channel_and_leak_none(void **state)
{
    (void)state;
    int fd[2];
    make_pair(fd);
    size_t before = open_descriptors(), done;
    struct span in[IPC_BATCH_MAX];
    assert_int_equal(channel_send(fd[0], SPAN("one"), NULL, 0), CHANNEL_DONE);
    assert_int_equal(channel_send(fd[0], SPAN("two"), &fd[0], 1), CHANNEL_DONE);
    assert_int_equal(channel_receive_many(fd[1], room, in, IPC_BATCH_MAX, &done), CHANNEL_CLOSED);
    assert_int_equal(done, 1);
    assert_span_text(in[0], "one");
    assert_int_equal(open_descriptors(), before);
    close_pair(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_of_the_largest_size_crosses_a_channel),
        cmocka_unit_test(a_datagram_that_is_empty_or_too_large_is_never_sent),
        cmocka_unit_test(the_end_of_a_channel_is_seen_on_both_sides),
        cmocka_unit_test(a_full_channel_says_again_and_loses_nothing),
        cmocka_unit_test(descriptors_cross_a_channel_and_are_closed_on_exec),
        cmocka_unit_test(more_descriptors_than_expected_close_the_channel_and_leak_none),
        cmocka_unit_test(a_truncated_datagram_closes_the_channel_and_its_descriptors),
        cmocka_unit_test(several_datagrams_cross_in_one_call_and_what_came_before_the_end_is_kept),
        cmocka_unit_test(a_full_channel_takes_as_many_as_it_can_and_says_how_many),
        cmocka_unit_test(descriptors_among_several_datagrams_close_the_channel_and_leak_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
