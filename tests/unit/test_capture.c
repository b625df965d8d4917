/* SIP messages out of captured packets (capture/capture.h). */
#include "test.h"

#include <stdlib.h>

#include "capture/capture.h"

#define HEAD                                                                                                           \
    "MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"      \
    "Call-ID: c\r\nCSeq: 1 MESSAGE\r\n"
#define ONE HEAD "Content-Length: 5\r\n\r\nhello"
#define TWO HEAD "Content-Length: 3\r\n\r\nbye"

enum { TCP = 6, UDP = 17, FIRST = 1000 }; /* FIRST: the number of the first byte of a stream */

struct shot {
    struct capture *capture;
    int64_t now;
    uint8_t packet[70000];
    char seen[16384]; /* every message's bytes, one after the other, each with a '|' behind it */
    size_t seen_len, count;
    struct capture_message last;
};

static int open_as(void **state, enum capture_link link)
{
    struct shot *s = calloc(1, sizeof *s);
    s->capture = capture_new(link);
    *state = s;
    return s->capture ? 0 : -1;
}

static int open_raw(void **state)
{
    return open_as(state, CAPTURE_RAW);
}

static int open_ethernet(void **state)
{
    return open_as(state, CAPTURE_ETHERNET);
}

static int close_shot(void **state)
{
    struct shot *s = *state;
    capture_free(s->capture);
    free(s);
    return 0;
}

static const struct capture_counters *counted(const struct shot *s)
{
    return capture_counters(s->capture);
}

static void drain(struct shot *s)
{
    while (capture_next(s->capture, &s->last)) {
        assert_true(s->seen_len + s->last.bytes.len + 1 < sizeof s->seen);
        if (s->last.bytes.len)
            memcpy(s->seen + s->seen_len, s->last.bytes.at, s->last.bytes.len);
        s->seen_len += s->last.bytes.len;
        s->seen[s->seen_len++] = '|';
        s->seen[s->seen_len] = 0;
        s->count++;
    }
}

/* Gives the packet in memory of just its length, so that a read past its end is noticed. */
static void give(struct shot *s, struct span bytes)
{
    uint8_t *exact = malloc(bytes.len ? bytes.len : 1);
    if (bytes.len)
        memcpy(exact, bytes.at, bytes.len);
    const struct capture_packet packet = {.bytes = span_of(exact, bytes.len), .seconds = s->now, .microseconds = 7};
    capture_packet(s->capture, &packet);
    drain(s);
    free(exact);
}

static void end(struct shot *s)
{
    capture_end(s->capture);
    drain(s);
}

/* --- packets --- */

struct piece { /* of an IPv4 datagram */
    uint16_t id;
    uint16_t offset; /* in bytes */
    bool more;
};

static void put_ipv4(struct writer *w, uint8_t protocol, struct piece piece, size_t len)
{
    writer_u8(w, 0x45);
    writer_u8(w, 0);
    writer_u16(w, (uint16_t)(20 + len));
    writer_u16(w, piece.id);
    writer_u16(w, (uint16_t)(piece.offset / 8 | (piece.more ? 0x2000 : 0)));
    writer_u8(w, 64);
    writer_u8(w, protocol);
    writer_u16(w, 0);
    writer_put(w, SPAN("\xc0\x00\x02\x01"));
    writer_put(w, SPAN("\xc0\x00\x02\x02"));
}

static void put_ipv6(struct writer *w, uint8_t next, size_t len)
{
    writer_u32(w, 0x60000000);
    writer_u16(w, (uint16_t)len);
    writer_u8(w, next);
    writer_u8(w, 64);
    writer_put(w, SPAN("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"));
    writer_put(w, SPAN("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"));
}

static void put_udp(struct writer *w, struct span payload)
{
    writer_u16(w, 5060);
    writer_u16(w, 5070);
    writer_u16(w, (uint16_t)(8 + payload.len));
    writer_u16(w, 0);
    writer_put(w, payload);
}

enum { FIN = 1, SYN = 2, RST = 4 };

static void put_tcp(struct writer *w, uint32_t sequence, uint8_t flags, struct span payload)
{
    writer_u16(w, 5060);
    writer_u16(w, 5070);
    writer_u32(w, sequence);
    writer_u32(w, 0);
    writer_u8(w, 6 << 4); /* with four bytes of options */
    writer_u8(w, flags);
    writer_u16(w, 8192);
    writer_u32(w, 0);
    writer_u32(w, 0x01010101);
    writer_put(w, payload);
}

static void give_udp(struct shot *s, const char *text)
{
    struct writer w = writer_over(s->packet, sizeof s->packet);
    put_ipv4(&w, UDP, (struct piece){0}, 8 + strlen(text));
    put_udp(&w, span_text(text));
    give(s, writer_span(&w));
}

static void give_tcp(struct shot *s, uint32_t sequence, uint8_t flags, const char *text)
{
    struct writer w = writer_over(s->packet, sizeof s->packet);
    put_ipv4(&w, TCP, (struct piece){0}, 24 + strlen(text));
    put_tcp(&w, sequence, flags, span_text(text));
    give(s, writer_span(&w));
}

/* A part of `text`, as a segment of a stream whose first byte has the number FIRST. */
static void give_part(struct shot *s, const char *text, size_t from, size_t to)
{
    char part[2048];
    assert_true(to - from < sizeof part);
    memcpy(part, text + from, to - from);
    part[to - from] = 0;
    give_tcp(s, FIRST + (uint32_t)from, 0, part);
}

static void give_fragment(struct shot *s, struct piece piece, struct span payload)
{
    struct writer w = writer_over(s->packet, sizeof s->packet);
    put_ipv4(&w, UDP, piece, payload.len);
    writer_put(&w, payload);
    give(s, writer_span(&w));
}

static struct span udp_of(struct shot *s, const char *text)
{
    static uint8_t datagram[4096];
    (void)s;
    struct writer w = writer_over(datagram, sizeof datagram);
    put_udp(&w, span_text(text));
    return writer_span(&w);
}

/* --- datagrams --- */

static void a_datagram_is_a_message_with_its_place_and_time(void **state)
{
    struct shot *s = *state;
    s->now = 1764000000;
    give_udp(s, ONE);
    assert_string_equal(s->seen, ONE "|");
    assert_int_equal(s->last.framing, SIP_DATAGRAM);
    assert_int_equal(s->last.seconds, 1764000000);
    assert_int_equal(s->last.microseconds, 7);
    assert_int_equal(s->last.from.port, 5060);
    assert_int_equal(s->last.to.port, 5070);
    assert_memory_equal(s->last.from.address, "\xc0\x00\x02\x01", 4);
    assert_false(s->last.from.is_ipv6);
}

static void what_begins_like_sip_is_a_message_however_broken_and_nothing_else_is(void **state)
{
    struct shot *s = *state;
    give_udp(s, "NONSENSE x SIP/2.0\r\nbroken");
    give_udp(s, "SIP/2.0 x");
    assert_int_equal(s->count, 2);
    give_udp(s, "");
    give_udp(s, "\x80 rtp");
    give_udp(s, "GET / HTTP/1.1\r\n\r\n");
    give_udp(s, " SIP/2.0\r\n");
    assert_int_equal(s->count, 2);
    assert_int_equal(counted(s)->not_sip, 4);
}

static void the_padding_of_a_short_packet_is_no_part_of_the_message(void **state)
{
    struct shot *s = *state;
    struct writer w = writer_over(s->packet, sizeof s->packet);
    put_ipv4(&w, UDP, (struct piece){0}, 8 + strlen(ONE));
    put_udp(&w, SPAN(ONE));
    writer_put(&w, SPAN("\0\0\0\0\0\0"));
    give(s, writer_span(&w));
    assert_string_equal(s->seen, ONE "|");
}

static void a_packet_that_was_cut_off_is_counted_and_not_shown(void **state)
{
    struct shot *s = *state;
    struct writer w = writer_over(s->packet, sizeof s->packet);
    put_ipv4(&w, UDP, (struct piece){0}, 8 + strlen(ONE));
    put_udp(&w, SPAN(ONE));
    for (size_t len = 1; len < w.len; len++)
        give(s, span_of(s->packet, len));
    assert_int_equal(s->count, 0);
    assert_int_equal(counted(s)->cut_off + counted(s)->malformed, w.len - 1);
    assert_int_equal(counted(s)->malformed, 19); /* those that end within the header of IP */
}

static void ipv6_is_read_with_its_extension_headers(void **state)
{
    struct shot *s = *state;
    struct writer w = writer_over(s->packet, sizeof s->packet);
    put_ipv6(&w, 0, 8 + 16 + 8 + strlen(ONE));
    writer_put(&w, SPAN("\x3c\0\1\4\0\0\0\0"));          /* hop-by-hop, then destination options */
    writer_put(&w, SPAN("\x11\1\1\14\0\0\0\0\0\0\0\0\0\0\0\0"));
    put_udp(&w, SPAN(ONE));
    give(s, writer_span(&w));
    assert_string_equal(s->seen, ONE "|");
    assert_true(s->last.from.is_ipv6);
    assert_int_equal(s->last.to.address[15], 2);
}

static void extension_headers_without_end_are_malformed(void **state)
{
    struct shot *s = *state;
    struct writer w = writer_over(s->packet, sizeof s->packet);
    put_ipv6(&w, 0, 800);
    for (int i = 0; i < 100; i++)
        writer_put(&w, SPAN("\0\0\1\4\0\0\0\0"));
    give(s, writer_span(&w));
    assert_int_equal(counted(s)->malformed, 1);
}

/* --- link layers --- */

static void give_linked(struct shot *s, struct span link)
{
    struct writer w = writer_over(s->packet, sizeof s->packet);
    writer_put(&w, link);
    put_ipv4(&w, UDP, (struct piece){0}, 8 + strlen(ONE));
    put_udp(&w, SPAN(ONE));
    give(s, writer_span(&w));
}

static void ethernet_is_read_with_vlan_tags(void **state)
{
    struct shot *s = *state;
    give_linked(s, SPAN("\1\1\1\1\1\1\2\2\2\2\2\2\x08\0"));
    give_linked(s, SPAN("\1\1\1\1\1\1\2\2\2\2\2\2\x81\0\0\5\x08\0"));
    give_linked(s, SPAN("\1\1\1\1\1\1\2\2\2\2\2\2\x88\xa8\0\5\x81\0\0\6\x08\0"));
    assert_int_equal(s->count, 3);
    give_linked(s, SPAN("\1\1\1\1\1\1\2\2\2\2\2\2\x08\6")); /* ARP */
    assert_int_equal(s->count, 3);
    assert_int_equal(counted(s)->not_ip, 1);
    give_linked(s, SPAN("\1\1\1\1\1\1\2\2\2\2\2\2\x81\0\0\1\x81\0\0\1\x81\0\0\1\x81\0\0\1\x81\0\0\1\x08\0"));
    assert_int_equal(counted(s)->malformed, 1);
}

static void other_link_layers_are_read(void **state)
{
    static const struct {
        enum capture_link link;
        struct span header;
    } cases[] = {
        {CAPTURE_SLL, SPAN_INIT("\0\0\0\1\0\6\1\1\1\1\1\1\0\0\x08\0")},
        {CAPTURE_SLL2, SPAN_INIT("\x08\0\0\0\0\0\0\1\0\1\0\6\1\1\1\1\1\1\0\0")},
        {CAPTURE_NULL, SPAN_INIT("\2\0\0\0")},
        {CAPTURE_NULL, SPAN_INIT("\0\0\0\2")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *shot;
        assert_int_equal(open_as(&shot, cases[i].link), 0);
        give_linked(shot, cases[i].header);
        assert_int_equal(((struct shot *)shot)->count, 1);
        close_shot(&shot);
    }
}

/* --- fragments --- */

static void fragments_are_put_together_in_whatever_order_they_come(void **state)
{
    struct shot *s = *state;
    struct span whole = udp_of(s, ONE);
    static const size_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}};
    for (size_t o = 0; o < 4; o++) {
        for (size_t i = 0; i < 3; i++) {
            size_t at = orders[o][i] * 64;
            bool last = orders[o][i] == 2;
            give_fragment(s, (struct piece){(uint16_t)(o + 1), (uint16_t)at, !last},
                          span_part(whole, at, last ? whole.len : 64));
            assert_int_equal(s->count, i == 2 ? o + 1 : o);
        }
    }
    assert_string_equal(s->seen, ONE "|" ONE "|" ONE "|" ONE "|");
    assert_int_equal(counted(s)->fragments_lost, 0);
}

static void a_fragment_that_comes_twice_does_no_harm(void **state)
{
    struct shot *s = *state;
    struct span whole = udp_of(s, ONE);
    give_fragment(s, (struct piece){1, 0, true}, span_part(whole, 0, 64));
    give_fragment(s, (struct piece){1, 0, true}, span_part(whole, 0, 64));
    give_fragment(s, (struct piece){1, 64, false}, span_part(whole, 64, whole.len));
    assert_string_equal(s->seen, ONE "|");
}

static void overlapping_fragments_spoil_their_datagram(void **state)
{
    struct shot *s = *state;
    struct span whole = udp_of(s, ONE);
    give_fragment(s, (struct piece){1, 0, true}, span_part(whole, 0, 64));
    give_fragment(s, (struct piece){1, 56, true}, span_part(whole, 56, 64));
    give_fragment(s, (struct piece){1, 64, false}, span_part(whole, 64, whole.len));
    give_fragment(s, (struct piece){1, 120, false}, span_part(whole, 120, whole.len));
    give_fragment(s, (struct piece){1, 0, true}, span_part(whole, 0, 64));
    end(s);
    assert_int_equal(s->count, 0);
    assert_int_equal(counted(s)->fragments_lost, 1);
}

/* As many bytes as the datagram has, and yet a hole in them. */
static void an_overlap_does_not_make_up_for_a_hole(void **state)
{
    struct shot *s = *state;
    struct span whole = udp_of(s, ONE);
    give_fragment(s, (struct piece){1, 0, true}, span_part(whole, 0, 64));
    give_fragment(s, (struct piece){1, 32, true}, span_part(whole, 32, 64));
    give_fragment(s, (struct piece){1, 128, false}, span_part(whole, 128, whole.len));
    assert_int_equal(s->count, 0);
}

static void fragments_of_different_datagrams_are_not_mixed(void **state)
{
    struct shot *s = *state;
    struct span whole = udp_of(s, ONE);
    give_fragment(s, (struct piece){1, 0, true}, span_part(whole, 0, 64));
    give_fragment(s, (struct piece){2, 64, false}, span_part(whole, 64, whole.len));
    assert_int_equal(s->count, 0);
    end(s);
    assert_int_equal(counted(s)->fragments_lost, 2);
}

static void a_datagram_waits_for_its_fragments_for_a_time_only(void **state)
{
    struct shot *s = *state;
    struct span whole = udp_of(s, ONE);
    give_fragment(s, (struct piece){1, 0, true}, span_part(whole, 0, 64));
    s->now += CAPTURE_FRAGMENT_SECONDS + 1;
    give_fragment(s, (struct piece){1, 64, false}, span_part(whole, 64, whole.len));
    assert_int_equal(s->count, 0);
    assert_int_equal(counted(s)->fragments_lost, 1);
}

static void many_unfinished_datagrams_cost_the_oldest(void **state)
{
    struct shot *s = *state;
    struct span whole = udp_of(s, ONE);
    for (uint16_t id = 0; id <= CAPTURE_DATAGRAMS_MAX; id++) {
        give_fragment(s, (struct piece){id, 0, true}, span_part(whole, 0, 64));
        s->now += id == 0; /* the first one is the oldest */
    }
    assert_int_equal(counted(s)->fragments_lost, 1);
    give_fragment(s, (struct piece){1, 64, false}, span_part(whole, 64, whole.len));
    assert_string_equal(s->seen, ONE "|");
}

static void fragments_past_the_largest_datagram_are_refused(void **state)
{
    struct shot *s = *state;
    struct span whole = udp_of(s, ONE);
    give_fragment(s, (struct piece){1, 65528, false}, span_part(whole, 0, 64));
    assert_int_equal(counted(s)->fragments_lost, 1);
}

/* --- streams --- */

static void a_stream_is_framed_into_messages_however_it_is_cut(void **state)
{
    static const char stream[] = ONE TWO ONE;
    (void)state;
    for (size_t step = 1; step < sizeof stream; step += 7) {
        void *shot;
        assert_int_equal(open_raw(&shot), 0);
        struct shot *s = shot;
        give_tcp(s, FIRST - 1, SYN, "");
        for (size_t at = 0; at < sizeof stream - 1; at += step)
            give_part(s, stream, at, at + step < sizeof stream - 1 ? at + step : sizeof stream - 1);
        assert_string_equal(s->seen, ONE "|" TWO "|" ONE "|");
        assert_int_equal(s->last.framing, SIP_STREAM);
        end(s);
        assert_int_equal(counted(s)->streams_lost, 0);
        close_shot(&shot);
    }
}

static void segments_out_of_order_late_and_twice_give_the_same_bytes(void **state)
{
    struct shot *s = *state;
    static const char stream[] = ONE TWO;
    const size_t all = sizeof stream - 1;
    give_tcp(s, FIRST - 1, SYN, "");
    give_part(s, stream, 100, 150);
    give_part(s, stream, 50, 120); /* overlaps what came before its turn */
    give_part(s, stream, 100, 150);
    assert_int_equal(s->count, 0);
    give_part(s, stream, 0, 50);
    give_part(s, stream, 10, 60); /* a retransmission */
    give_part(s, stream, 150, all);
    assert_string_equal(s->seen, ONE "|" TWO "|");
    give_part(s, stream, 0, all);
    assert_int_equal(s->count, 2);
    end(s);
    assert_int_equal(counted(s)->streams_lost, 0);
}

static void what_came_first_of_two_segments_in_turn_stays(void **state)
{
    struct shot *s = *state;
    give_tcp(s, FIRST - 1, SYN, "");
    give_tcp(s, FIRST, 0, HEAD "Content-Length: 5\r\n\r\nhel");
    give_tcp(s, FIRST, 0, HEAD "Content-Length: 5\r\n\r\nHELlo"); /* says something else about what was there */
    assert_string_equal(s->seen, ONE "|");
}

static void sequence_numbers_go_round(void **state)
{
    struct shot *s = *state;
    char part[] = ONE TWO;
    give_tcp(s, UINT32_MAX - 10, SYN, "");
    give_tcp(s, UINT32_MAX - 9 + 50, 0, part + 50);
    part[50] = 0;
    give_tcp(s, UINT32_MAX - 9, 0, part);
    assert_string_equal(s->seen, ONE "|" TWO "|");
}

static void a_stream_is_joined_in_its_middle_where_a_message_begins(void **state)
{
    struct shot *s = *state;
    give_tcp(s, FIRST, 0, "the end of something\r\n");
    give_tcp(s, FIRST + 22, 0, ONE);
    assert_string_equal(s->seen, ONE "|");
}

static void a_hole_is_passed_over_when_the_capture_ends(void **state)
{
    struct shot *s = *state;
    static const char stream[] = ONE TWO ONE;
    give_tcp(s, FIRST - 1, SYN, "");
    give_part(s, stream, 0, sizeof ONE - 1);
    give_part(s, stream, sizeof ONE + 40, sizeof ONE TWO - 1); /* without the beginning of its message */
    give_part(s, stream, sizeof ONE TWO - 1, sizeof stream - 1);
    assert_int_equal(s->count, 1);
    end(s);
    assert_string_equal(s->seen, ONE "|" ONE "|");
    assert_int_equal(counted(s)->streams_lost, 1);
}

static void too_much_that_waits_behind_a_hole_gives_the_hole_up(void **state)
{
    struct shot *s = *state;
    give_tcp(s, FIRST - 1, SYN, "");
    uint32_t at = FIRST + 10;
    for (size_t i = 0; i <= CAPTURE_SEGMENTS_MAX; i++, at += 2)
        give_tcp(s, at, 0, "xx");
    assert_int_equal(counted(s)->streams_lost, 1);
    give_tcp(s, at, 0, ONE);
    assert_string_equal(s->seen, ONE "|");
}

static void a_message_without_its_end_is_counted(void **state)
{
    struct shot *s = *state;
    give_tcp(s, FIRST - 1, SYN, "");
    give_tcp(s, FIRST, 0, HEAD "Content-Length: 5\r\n\r\nhel");
    end(s);
    assert_int_equal(s->count, 0);
    assert_int_equal(counted(s)->streams_lost, 1);
}

static void a_stream_that_cannot_be_framed_is_told_and_joined_again(void **state)
{
    struct shot *s = *state;
    give_tcp(s, FIRST - 1, SYN, "");
    give_tcp(s, FIRST, 0, HEAD "\r\n"); /* no Content-Length */
    assert_int_equal(s->count, 1);
    assert_rule(s->last.broken, RULE_SIP_CONTENT_LENGTH);
    give_tcp(s, FIRST + (uint32_t)strlen(HEAD "\r\n"), 0, "what follows cannot be told\r\n");
    assert_int_equal(s->count, 1);
    give_tcp(s, FIRST + (uint32_t)strlen(HEAD "\r\nwhat follows cannot be told\r\n"), 0, TWO);
    assert_int_equal(s->count, 2);
    assert_rule(s->last.broken, RULE_OK);
}

static void keep_alives_are_passed_over(void **state)
{
    struct shot *s = *state;
    give_tcp(s, FIRST - 1, SYN, "");
    give_tcp(s, FIRST, 0, "\r\n\r\n");
    give_tcp(s, FIRST + 4, 0, "\r\n\r\nMESS");
    give_tcp(s, FIRST + 12, 0, &ONE "\r\n\r\n" TWO[4]);
    assert_string_equal(s->seen, ONE "|" TWO "|");
}

static void streams_of_tls_and_of_others_are_counted(void **state)
{
    struct shot *s = *state;
    give_tcp(s, FIRST - 1, SYN, "");
    give_tcp(s, FIRST, 0, "\x16\x03\x01\x02");
    give_tcp(s, FIRST + 4, 0, ONE); /* inside of it: nothing to be read */
    assert_int_equal(counted(s)->streams_tls, 1);
    give_tcp(s, FIRST - 1, SYN, ""); /* the same ports again */
    give_tcp(s, FIRST, 0, "GET / HTTP/1.1\r\n");
    assert_int_equal(counted(s)->streams_not_sip, 2);
    assert_int_equal(counted(s)->streams_tls, 1);
    assert_int_equal(s->count, 0);
}

static void a_new_connection_between_the_same_ports_begins_anew(void **state)
{
    struct shot *s = *state;
    give_tcp(s, FIRST - 1, SYN, "");
    give_tcp(s, FIRST, 0, HEAD "Content-Length: 5\r\n\r\nhel");
    give_tcp(s, FIRST + 500, RST, "");
    give_tcp(s, 77, SYN, "");
    give_tcp(s, 78, 0, TWO);
    assert_string_equal(s->seen, TWO "|");
}

static void a_stream_without_a_first_line_does_not_grow_without_end(void **state)
{
    struct shot *s = *state;
    char much[1001];
    memset(much, 'x', sizeof much);
    much[1000] = 0;
    give_tcp(s, FIRST - 1, SYN, "");
    for (uint32_t i = 0; i < 20; i++)
        give_tcp(s, FIRST + i * 1000, 0, much);
    assert_int_equal(counted(s)->streams_not_sip, 1);
}

static void many_streams_cost_the_one_silent_for_longest(void **state)
{
    struct shot *s = *state;
    for (uint32_t i = 0; i <= CAPTURE_STREAMS_MAX; i++) {
        struct writer w = writer_over(s->packet, sizeof s->packet);
        put_ipv4(&w, TCP, (struct piece){0}, 24 + 4);
        put_tcp(&w, FIRST, 0, SPAN("MESS"));
        s->packet[20] = (uint8_t)(i >> 8); /* the source's port */
        s->packet[21] = (uint8_t)i;
        give(s, writer_span(&w));
    }
    assert_int_equal(counted(s)->streams_lost, 1);
}

int main(void)
{
#define RAW(f) cmocka_unit_test_setup_teardown(f, open_raw, close_shot)
    const struct CMUnitTest tests[] = {
        RAW(a_datagram_is_a_message_with_its_place_and_time),
        RAW(what_begins_like_sip_is_a_message_however_broken_and_nothing_else_is),
        RAW(the_padding_of_a_short_packet_is_no_part_of_the_message),
        RAW(a_packet_that_was_cut_off_is_counted_and_not_shown),
        RAW(ipv6_is_read_with_its_extension_headers),
        RAW(extension_headers_without_end_are_malformed),
        cmocka_unit_test_setup_teardown(ethernet_is_read_with_vlan_tags, open_ethernet, close_shot),
        cmocka_unit_test(other_link_layers_are_read),
        RAW(fragments_are_put_together_in_whatever_order_they_come),
        RAW(a_fragment_that_comes_twice_does_no_harm),
        RAW(overlapping_fragments_spoil_their_datagram),
        RAW(an_overlap_does_not_make_up_for_a_hole),
        RAW(fragments_of_different_datagrams_are_not_mixed),
        RAW(a_datagram_waits_for_its_fragments_for_a_time_only),
        RAW(many_unfinished_datagrams_cost_the_oldest),
        RAW(fragments_past_the_largest_datagram_are_refused),
        cmocka_unit_test(a_stream_is_framed_into_messages_however_it_is_cut),
        RAW(segments_out_of_order_late_and_twice_give_the_same_bytes),
        RAW(what_came_first_of_two_segments_in_turn_stays),
        RAW(sequence_numbers_go_round),
        RAW(a_stream_is_joined_in_its_middle_where_a_message_begins),
        RAW(a_hole_is_passed_over_when_the_capture_ends),
        RAW(too_much_that_waits_behind_a_hole_gives_the_hole_up),
        RAW(a_message_without_its_end_is_counted),
        RAW(a_stream_that_cannot_be_framed_is_told_and_joined_again),
        RAW(keep_alives_are_passed_over),
        RAW(streams_of_tls_and_of_others_are_counted),
        RAW(a_new_connection_between_the_same_ports_begins_anew),
        RAW(a_stream_without_a_first_line_does_not_grow_without_end),
        RAW(many_streams_cost_the_one_silent_for_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
