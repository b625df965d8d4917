#include "cli/capture_file.h"

#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdlib.h>

#include "sipseal/clock.h"

struct capture_file {
    const char *name;
    pcap_t *pcap;
    struct capture *capture;
    bool ended;
};

/* pcap with micro- and nanoseconds, in both orders of bytes, and pcapng. */
bool capture_file_is(FILE *in)
{
    static const uint8_t magic[][4] = {
        {0xa1, 0xb2, 0xc3, 0xd4}, {0xd4, 0xc3, 0xb2, 0xa1}, {0xa1, 0xb2, 0x3c, 0x4d},
        {0x4d, 0x3c, 0xb2, 0xa1}, {0x0a, 0x0d, 0x0d, 0x0a},
    };
    uint8_t first[4];
    size_t got = fread(first, 1, sizeof first, in);
    bool is = false;
    for (size_t i = 0; i < sizeof magic / sizeof magic[0]; i++)
        is |= got == sizeof first && memcmp(first, magic[i], sizeof first) == 0;
    while (got > 0)
        if (ungetc(first[--got], in) == EOF) /* more than one byte: as the C libraries of Linux allow */
            return false;
    return is;
}

static bool link_of(int type, enum capture_link *link)
{
    switch (type) {
    case DLT_EN10MB:
        *link = CAPTURE_ETHERNET;
        return true;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        *link = CAPTURE_RAW;
        return true;
    case DLT_NULL:
    case DLT_LOOP:
        *link = CAPTURE_NULL;
        return true;
    case DLT_LINUX_SLL:
        *link = CAPTURE_SLL;
        return true;
    case DLT_LINUX_SLL2:
        *link = CAPTURE_SLL2;
        return true;
    default:
        return false;
    }
}

static enum exit_code no_memory(void)
{
    return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
}

static enum exit_code begin(struct capture_file *f)
{
    enum capture_link link;
    int type = pcap_datalink(f->pcap);
    const char *name = pcap_datalink_val_to_name(type);
    if (!link_of(type, &link))
        return cli_fail(EXIT_REFUSED, "%s: its link layer (%s) is not understood; capture on Ethernet, or on `any`",
                        f->name, name ? name : "unknown");
    f->capture = capture_new(link);
    return f->capture ? EXIT_DONE : no_memory();
}

enum exit_code capture_file_open(FILE *in, const char *name, struct capture_file **out)
{
    char error[PCAP_ERRBUF_SIZE] = "";
    struct capture_file *f = calloc(1, sizeof *f);
    *out = f;
    if (!f) {
        fclose(in);
        return no_memory();
    }
    f->name = name;
    f->pcap = pcap_fopen_offline(in, error);
    if (!f->pcap) {
        fclose(in);
        return cli_fail_file(name, error, "give a capture in pcap or pcapng format");
    }
    return begin(f);
}

void capture_file_close(struct capture_file *f)
{
    if (!f)
        return;
    if (f->pcap)
        pcap_close(f->pcap);
    capture_free(f->capture);
    free(f);
}

/* Takes the next packet. False at the end. */
static bool take_packet(struct capture_file *f, enum exit_code *code)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int result = pcap_next_ex(f->pcap, &header, &bytes);
    if (result == 1) {
        const struct capture_packet packet = {
            .bytes = span_of(bytes, header->caplen),
            .seconds = header->ts.tv_sec,
            .microseconds = (uint32_t)header->ts.tv_usec,
        };
        capture_packet(f->capture, &packet);
        return true;
    }
    if (result != PCAP_ERROR_BREAK)
        *code = cli_fail_file(f->name, pcap_geterr(f->pcap), "what came before was shown; capture it again");
    return false;
}

bool capture_file_next(struct capture_file *f, struct capture_message *m, enum exit_code *code)
{
    while (!capture_next(f->capture, m)) {
        if (f->ended)
            return false;
        if (!take_packet(f, code)) {
            f->ended = true;
            capture_end(f->capture);
        }
    }
    return true;
}

const struct capture_counters *capture_file_counters(const struct capture_file *f)
{
    return capture_counters(f->capture);
}

const char *capture_endpoint_text(const struct capture_endpoint *endpoint, char out[CAPTURE_ENDPOINT_MAX])
{
    char address[INET6_ADDRSTRLEN];
    inet_ntop(endpoint->is_ipv6 ? AF_INET6 : AF_INET, endpoint->address, address, sizeof address);
    snprintf(out, CAPTURE_ENDPOINT_MAX, endpoint->is_ipv6 ? "[%s]:%u" : "%s:%u", address, endpoint->port);
    return out;
}

const char *capture_time_text(const struct capture_message *m, char out[CAPTURE_TIME_MAX])
{
    char text[32];
    struct writer w = writer_over(text, sizeof text);
    clock_write_rfc3339(&w, m->seconds);
    snprintf(out, CAPTURE_TIME_MAX, "%.*s.%06uZ", w.len ? (int)w.len - 1 : 0, text, m->microseconds % 1000000);
    return out;
}
