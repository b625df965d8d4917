#include "test.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "ipc/ipc.h"

/* --- one example of each message, with every field set --- */

static struct sockaddr_storage ipv4(const char *text, uint16_t port)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
    memcpy(&storage, &in, sizeof in);
    return storage;
}

static struct sockaddr_storage ipv6(const char *text, uint16_t port, uint32_t scope)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    memcpy(&storage, &in6, sizeof in6);
    return storage;
}

static struct ipc_examine example_examine(void)
{
    return (struct ipc_examine){
        .now = 1795438800,
        .archive = true,
        .source =
            {
                .context =
                    {
                        .request_uri = SPAN("sip:bob@far.example"),
                        .from_uri = SPAN("sip:alice@home.example"),
                        .from_tag = SPAN("a1"),
                        .to_uri = SPAN("sip:bob@far.example"),
                        .to_tag = SPAN("b1"),
                        .call_id = SPAN("c1@ua1.home.example"),
                        .cseq = 7,
                        .method = SPAN("MESSAGE"),
                        .date = SPAN("Mon, 23 Nov 2026 13:00:00 GMT"),
                        .contact_uri = SPAN("sip:alice@192.0.2.1"),
                    },
                .label_value = {SPAN("proxy1.home.example;cid=\"b@h\""), SPAN("proxy2.far.example;cid=\"b@h\"")},
                .label_count = 2,
                .body =
                    {
                        .body = SPAN("0\x82\x00\x00 body bytes, also \x00 ones"),
                        .kind = MIME_SEALED,
                        .type = SPAN("application/pkcs7-mime"),
                        .type_params = SPAN(";smime-type=authEnveloped-data"),
                        .encoding = MIME_BASE64,
                        .content_id = SPAN("b@h"),
                        .disposition = SPAN("attachment"),
                        .disposition_params = SPAN(";handling=required"),
                        .content_encoded = true,
                    },
            },
    };
}

static struct ipc_examined example_examined(void)
{
    struct ipc_examined answer = {.record = SPAN("a record")};
    answer.verdict.part_count = 1;
    struct verdict_part *part = &answer.verdict.part[0];
    *part = (struct verdict_part){
        .cid = "b@h",
        .state = PART_OPENED,
        .reader = true,
        .labelled = true,
        .asked = LABEL_VIEW | LABEL_VERIFY,
        .proof = PROOF_USER,
        .signer = "sip:alice@home.example",
        .type = {"text/plain"},
        .type_count = 1,
        .has_replay_key = true,
    };
    memset(part->replay_key, 0x5a, sizeof part->replay_key);
    memset(part->archive_key, 0xa5, sizeof part->archive_key);
    return answer;
}

static struct ipc_admit example_admit(void)
{
    struct ipc_admit ask = {.now = 1795438800, .replay_count = 2, .record = SPAN("a record")};
    for (size_t i = 0; i < ask.replay_count; i++) {
        memset(ask.replay[i].key, (int)(i + 1), sizeof ask.replay[i].key);
        ask.replay[i].expires = ask.now + 600 + (int64_t)i;
    }
    return ask;
}

static struct ipc_complete example_complete(void)
{
    struct ipc_complete complete = {.now = 1795438801, .record_id = 42, .status = 202, .replay_count = 1};
    memset(complete.replay[0].key, 9, sizeof complete.replay[0].key);
    complete.replay[0].expires = 1795439400;
    return complete;
}

static struct ipc_net_setup example_net_setup(void)
{
    return (struct ipc_net_setup){
        .name = {SPAN("proxy1.home.example"), SPAN("192.0.2.1")},
        .name_count = 2,
        .limits = LIMITS_DEFAULT,
        .vaults = UINT64_C(1) << 63 | 2,
        .log_level = 1,
        .log_format = 1,
        .archive = true,
        .window = 600,
    };
}

static struct route example_route(void)
{
    struct route route = {
        .domain = SPAN("home.example"),
        .registrar = true,
        .allow_count = 2,
        .record_route = true,
        .has_next = true,
        .next = {.transport = SIP_TCP, .address = ipv4("192.0.2.7", 5060), .address_len = sizeof(struct sockaddr_in)},
        .next_uri = SPAN("sip:192.0.2.7:5060;transport=tcp"),
    };
    route.allow[0] = (struct address_block){.address = ipv4("127.0.0.0", 0), .prefix = 8};
    route.allow[1] = (struct address_block){.address = ipv6("2001:db8::", 0, 0), .prefix = 32};
    return route;
}

static struct policy example_policy(void)
{
    return (struct policy){
        .rule =
            {
                {
                    .method = {SPAN("MESSAGE"), SPAN("INVITE")},
                    .method_count = 2,
                    .direction = POLICY_FROM_DOMAIN,
                    .content = {SPAN("text/*")},
                    .content_count = 1,
                    .require = LABEL_VIEW | LABEL_VERIFY,
                    .plain = POLICY_PLAIN_REFUSE,
                    .mode = POLICY_ENFORCE,
                },
                {.direction = POLICY_TO_DOMAIN},
            },
        .rule_count = 2,
        .domain = {SPAN("home.example"), SPAN("other.example")},
        .domain_count = 2,
    };
}

/* --- each message: written, and read and written again --- */

static void write_anchor(struct writer *w)
{
    ipc_write_blob(w, IPC_SETUP_ANCHOR, SPAN("0\x03 der"));
}
static enum rule again_anchor(struct cursor *c, struct writer *w)
{
    struct span blob;
    enum rule rule = ipc_read_blob(c, &blob);
    if (rule == RULE_OK)
        ipc_write_blob(w, IPC_SETUP_ANCHOR, blob);
    return rule;
}

static void write_identity(struct writer *w)
{
    ipc_write_identity(w, SPAN("certificate"), SPAN("key"));
}
static enum rule again_identity(struct cursor *c, struct writer *w)
{
    struct span certificate, key;
    enum rule rule = ipc_read_identity(c, &certificate, &key);
    if (rule == RULE_OK)
        ipc_write_identity(w, certificate, key);
    return rule;
}

static const struct ipc_vault_setup vault_setup = {
    .name = {SPAN_INIT("proxy1.home.example"), SPAN_INIT("proxy1")}, .name_count = 2, .limits = LIMITS_DEFAULT,
    .window = 600, .legacy = CMS_LEGACY_PKCS1};
static void write_vault_setup(struct writer *w)
{
    ipc_write_vault_setup(w, &vault_setup);
}
static enum rule again_vault_setup(struct cursor *c, struct writer *w)
{
    struct ipc_vault_setup setup;
    enum rule rule = ipc_read_vault_setup(c, &setup);
    if (rule == RULE_OK)
        ipc_write_vault_setup(w, &setup);
    return rule;
}

static void write_store_setup(struct writer *w)
{
    ipc_write_store_setup(w, &(struct ipc_store_setup){SPAN("/var/lib/store.db"), SPAN("/var/lib/archive.db")});
}
static enum rule again_store_setup(struct cursor *c, struct writer *w)
{
    struct ipc_store_setup setup;
    enum rule rule = ipc_read_store_setup(c, &setup);
    if (rule == RULE_OK)
        ipc_write_store_setup(w, &setup);
    return rule;
}

static void write_listen(struct writer *w)
{
    struct hop hop = {SIP_UDP, ipv6("fe80::1", 5060, 2), sizeof(struct sockaddr_in6)};
    ipc_write_listen(w, 7, &hop);
}
static enum rule again_listen(struct cursor *c, struct writer *w)
{
    struct hop hop;
    uint32_t number;
    enum rule rule = ipc_read_listen(c, &number, &hop);
    if (rule == RULE_OK)
        ipc_write_listen(w, number, &hop);
    return rule;
}

static void write_route(struct writer *w)
{
    struct route route = example_route();
    ipc_write_route(w, &route);
}
static enum rule again_route(struct cursor *c, struct writer *w)
{
    struct route route;
    enum rule rule = ipc_read_route(c, &route);
    if (rule == RULE_OK)
        ipc_write_route(w, &route);
    return rule;
}

static void write_policy(struct writer *w)
{
    struct policy policy = example_policy();
    ipc_write_policy(w, &policy);
}
static enum rule again_policy(struct cursor *c, struct writer *w)
{
    struct policy policy;
    enum rule rule = ipc_read_policy(c, &policy);
    if (rule == RULE_OK)
        ipc_write_policy(w, &policy);
    return rule;
}

static void write_tls_setup(struct writer *w)
{
    const struct ipc_tls_setup setup = {
        .own = {.certificate = {SPAN_INIT("own"), SPAN_INIT("authority")}, .certificate_count = 2,
                .private_key = SPAN_INIT("key")},
        .clients = TLS_CLIENTS_REQUIRED,
    };
    ipc_write_tls_setup(w, &setup);
}
static enum rule again_tls_setup(struct cursor *c, struct writer *w)
{
    struct ipc_tls_setup setup;
    enum rule rule = ipc_read_tls_setup(c, &setup);
    if (rule == RULE_OK)
        ipc_write_tls_setup(w, &setup);
    return rule;
}

static void write_net_setup(struct writer *w)
{
    struct ipc_net_setup setup = example_net_setup();
    ipc_write_net_setup(w, &setup);
}
static enum rule again_net_setup(struct cursor *c, struct writer *w)
{
    struct ipc_net_setup setup;
    enum rule rule = ipc_read_net_setup(c, &setup);
    if (rule == RULE_OK)
        ipc_write_net_setup(w, &setup);
    return rule;
}

static void write_channel(struct writer *w)
{
    ipc_write_channel(w, IPC_CHANNEL_VAULT, 3);
}
static enum rule again_channel(struct cursor *c, struct writer *w)
{
    uint32_t number;
    enum rule rule = ipc_read_channel(c, &number);
    if (rule == RULE_OK)
        ipc_write_channel(w, IPC_CHANNEL_VAULT, number);
    return rule;
}

static void write_failed(struct writer *w)
{
    ipc_write_failed(w, RULE_CERT_KEY);
}
static enum rule again_failed(struct cursor *c, struct writer *w)
{
    enum rule why;
    enum rule rule = ipc_read_failed(c, &why);
    if (rule == RULE_OK)
        ipc_write_failed(w, why);
    return rule;
}

static void write_ready(struct writer *w)
{
    ipc_write_bare(w, IPC_READY);
}
static enum rule again_ready(struct cursor *c, struct writer *w)
{
    enum rule rule = ipc_read_bare(c);
    if (rule == RULE_OK)
        ipc_write_bare(w, IPC_READY);
    return rule;
}

static void write_report(struct writer *w)
{
    ipc_begin(w, IPC_REPORTED, 0);
    ipc_write_counter(w, &(struct ipc_counter){SPAN("sip"), SPAN("requests"), 7});
    ipc_write_counter(w, &(struct ipc_counter){SPAN("rules"), SPAN("sip_syntax"), UINT64_MAX});
    ipc_end_report(w);
}
static enum rule again_report(struct cursor *c, struct writer *w)
{
    struct span counters;
    struct ipc_counter counter;
    enum rule rule = ipc_read_report(c, &counters);
    if (rule != RULE_OK)
        return rule;
    struct cursor rest = cursor_over(counters);
    ipc_begin(w, IPC_REPORTED, 0);
    while (ipc_next_counter(&rest, &counter))
        ipc_write_counter(w, &counter);
    ipc_end_report(w);
    return rule;
}

static void write_process(struct writer *w)
{
    uint8_t room[64];
    struct writer counters = writer_over(room, sizeof room);
    ipc_write_counter(&counters, &(struct ipc_counter){SPAN("vault"), SPAN("jobs"), 9});
    ipc_write_process(w, &(struct ipc_process){.name = SPAN("vault-1"), .up = true, .restarts = 2,
                                               .started_at = 1795438800, .reported = true, .age_ms = 4000,
                                               .counters = writer_span(&counters)});
}
static enum rule again_process(struct cursor *c, struct writer *w)
{
    struct ipc_process process;
    enum rule rule = ipc_read_process(c, &process);
    if (rule == RULE_OK)
        ipc_write_process(w, &process);
    return rule;
}

static void write_hep_setup(struct writer *w)
{
    ipc_write_hep_setup(w, &(struct ipc_hep_setup){.id = 2001, .password = SPAN("secret"), .bodies = true});
}
static enum rule again_hep_setup(struct cursor *c, struct writer *w)
{
    struct ipc_hep_setup setup;
    enum rule rule = ipc_read_hep_setup(c, &setup);
    if (rule == RULE_OK)
        ipc_write_hep_setup(w, &setup);
    return rule;
}

static void write_metrics_setup(struct writer *w)
{
    ipc_write_metrics_setup(w, 3);
}
static enum rule again_metrics_setup(struct cursor *c, struct writer *w)
{
    uint32_t number;
    enum rule rule = ipc_read_metrics_setup(c, &number);
    if (rule == RULE_OK)
        ipc_write_metrics_setup(w, number);
    return rule;
}

static void write_examine(struct writer *w)
{
    struct ipc_examine ask = example_examine();
    ipc_write_examine(w, 0x0102030405060708, &ask);
}
static enum rule again_examine(struct cursor *c, struct writer *w)
{
    struct ipc_examine ask;
    enum rule rule = ipc_read_examine(c, &ask);
    if (rule == RULE_OK)
        ipc_write_examine(w, 0x0102030405060708, &ask);
    return rule;
}

static void write_examined(struct writer *w)
{
    struct ipc_examined answer = example_examined();
    ipc_write_examined(w, 2, &answer);
}
static enum rule again_examined(struct cursor *c, struct writer *w)
{
    struct ipc_examined answer;
    enum rule rule = ipc_read_examined(c, &answer);
    if (rule == RULE_OK)
        ipc_write_examined(w, 2, &answer);
    return rule;
}

static void write_admit(struct writer *w)
{
    struct ipc_admit ask = example_admit();
    ipc_write_admit(w, 3, &ask);
}
static enum rule again_admit(struct cursor *c, struct writer *w)
{
    struct ipc_admit ask;
    enum rule rule = ipc_read_admit(c, &ask);
    if (rule == RULE_OK)
        ipc_write_admit(w, 3, &ask);
    return rule;
}

static void write_admitted(struct writer *w)
{
    ipc_write_admitted(w, 3, &(struct ipc_admitted){.rule = RULE_REPLAY, .record_id = 42});
}
static enum rule again_admitted(struct cursor *c, struct writer *w)
{
    struct ipc_admitted answer;
    enum rule rule = ipc_read_admitted(c, &answer);
    if (rule == RULE_OK)
        ipc_write_admitted(w, 3, &answer);
    return rule;
}

static void write_complete(struct writer *w)
{
    struct ipc_complete complete = example_complete();
    ipc_write_complete(w, &complete);
}
static enum rule again_complete(struct cursor *c, struct writer *w)
{
    struct ipc_complete complete;
    enum rule rule = ipc_read_complete(c, &complete);
    if (rule == RULE_OK)
        ipc_write_complete(w, &complete);
    return rule;
}

static void write_bind(struct writer *w)
{
    const struct ipc_bind bind = {
        .now = 1795438800, .aor = SPAN("sip:a@h"), .binding = {{.expires = 1795438900, .record = SPAN("one")},
                                                              {.expires = 0, .record = SPAN("")}}, .count = 2};
    ipc_write_bind(w, 3, &bind);
}
static enum rule again_bind(struct cursor *c, struct writer *w)
{
    struct ipc_bind bind;
    enum rule rule = ipc_read_bind(c, &bind);
    if (rule == RULE_OK)
        ipc_write_bind(w, 3, &bind);
    return rule;
}

static void write_bound(struct writer *w)
{
    ipc_write_bound(w, 3, RULE_STORE_GONE);
}
static enum rule again_bound(struct cursor *c, struct writer *w)
{
    enum rule answer, rule = ipc_read_bound(c, &answer);
    if (rule == RULE_OK)
        ipc_write_bound(w, 3, answer);
    return rule;
}

static void write_load(struct writer *w)
{
    ipc_write_load(w, &(struct ipc_load){.now = 1795438800, .after = SPAN("sip:a@h")});
}
static enum rule again_load(struct cursor *c, struct writer *w)
{
    struct ipc_load load;
    enum rule rule = ipc_read_load(c, &load);
    if (rule == RULE_OK)
        ipc_write_load(w, &load);
    return rule;
}

static void write_bindings(struct writer *w)
{
    const struct ipc_bindings page = {.last = true, .count = 2,
                                      .binding = {{SPAN("sip:a@h"), 1795438900, SPAN("one")},
                                                  {SPAN("sip:b@h"), 1795438901, SPAN("two")}}};
    ipc_write_bindings(w, &page);
}
static enum rule again_bindings(struct cursor *c, struct writer *w)
{
    static struct ipc_bindings page;
    enum rule rule = ipc_read_bindings(c, &page);
    if (rule == RULE_OK)
        ipc_write_bindings(w, &page);
    return rule;
}

static const struct message {
    const char *name;
    void (*write)(struct writer *w);
    enum rule (*again)(struct cursor *c, struct writer *w);
} messages[] = {
    {"blob", write_anchor, again_anchor},
    {"identity", write_identity, again_identity},
    {"vault setup", write_vault_setup, again_vault_setup},
    {"store setup", write_store_setup, again_store_setup},
    {"listen", write_listen, again_listen},
    {"route", write_route, again_route},
    {"policy", write_policy, again_policy},
    {"tls setup", write_tls_setup, again_tls_setup},
    {"net setup", write_net_setup, again_net_setup},
    {"channel", write_channel, again_channel},
    {"failed", write_failed, again_failed},
    {"ready", write_ready, again_ready},
    {"report", write_report, again_report},
    {"process", write_process, again_process},
    {"hep setup", write_hep_setup, again_hep_setup},
    {"metrics setup", write_metrics_setup, again_metrics_setup},
    {"examine", write_examine, again_examine},
    {"examined", write_examined, again_examined},
    {"admit", write_admit, again_admit},
    {"admitted", write_admitted, again_admitted},
    {"complete", write_complete, again_complete},
    {"bind", write_bind, again_bind},
    {"bound", write_bound, again_bound},
    {"load", write_load, again_load},
    {"bindings", write_bindings, again_bindings},
};
enum { MESSAGE_COUNT = sizeof messages / sizeof *messages };

static uint8_t written[IPC_MESSAGE_MAX], rewritten[IPC_MESSAGE_MAX];

static struct span example(const struct message *m)
{
    struct writer w = writer_over(written, sizeof written);
    m->write(&w);
    assert_false(w.full);
    return writer_span(&w);
}

static const struct message *message_named(const char *name)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (strcmp(messages[i].name, name) == 0)
            return &messages[i];
    fail_msg("no message is called %s", name);
    return NULL;
}

/* Reads a datagram from memory of exactly its size, so that a sanitizer sees a read past its end. */
static enum rule read_again(const struct message *m, struct span datagram, struct span *out)
{
    uint8_t *exact = malloc(datagram.len ? datagram.len : 1);
    assert_non_null(exact);
    memcpy(exact, datagram.at, datagram.len);
    struct ipc_header header;
    struct cursor fields;
    struct writer w = writer_over(rewritten, sizeof rewritten);
    enum rule rule = ipc_read_header(span_of(exact, datagram.len), &header, &fields);
    if (rule == RULE_OK)
        rule = m->again(&fields, &w);
    free(exact);
    assert_false(w.full);
    *out = writer_span(&w);
    return rule;
}

static void set_length(uint8_t *datagram, size_t len)
{
    struct writer w = writer_over(datagram + 4, 4);
    writer_u32(&w, (uint32_t)(len - IPC_HEADER_LEN));
}

static void every_message_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        struct span out, datagram = example(&messages[i]);
        if (read_again(&messages[i], datagram, &out) != RULE_OK)
            fail_msg("%s is refused", messages[i].name);
        assert_span_equal(out, datagram);
    }
}

static void a_message_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        struct span out, datagram = example(&messages[i]);
        for (size_t len = 0; len < datagram.len; len++) {
            if (read_again(&messages[i], span_part(datagram, 0, len), &out) != RULE_IPC)
                fail_msg("%s cut to %zu bytes is accepted", messages[i].name, len);
            if (len < IPC_HEADER_LEN)
                continue;
            /* Also when the header's length agrees with what is left. */
            uint8_t *copy = malloc(len);
            assert_non_null(copy);
            memcpy(copy, datagram.at, len);
            set_length(copy, len);
            enum rule rule = read_again(&messages[i], span_of(copy, len), &out);
            free(copy);
            if (rule != RULE_IPC)
                fail_msg("%s cut to %zu bytes, with that length, is accepted", messages[i].name, len);
        }
    }
}

static void a_message_with_bytes_left_over_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        struct span out, datagram = example(&messages[i]);
        written[datagram.len] = 0;
        set_length(written, datagram.len + 1);
        assert_rule(read_again(&messages[i], span_of(written, datagram.len + 1), &out), RULE_IPC);
    }
}

/* Each message has one form: what is accepted says exactly what its bytes say. */
static void a_flipped_bit_is_refused_or_means_what_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        struct span out, datagram = example(&messages[i]);
        size_t refused = 0;
        for (size_t bit = IPC_HEADER_LEN * 8; bit < datagram.len * 8; bit++) {
            written[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (read_again(&messages[i], datagram, &out) != RULE_OK)
                refused++;
            else if (!span_equal(out, datagram))
                fail_msg("%s with bit %zu flipped is read as something else", messages[i].name, bit);
            written[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        if (datagram.len > IPC_HEADER_LEN && refused == 0)
            fail_msg("no flipped bit in %s is refused", messages[i].name);
    }
}

static void a_header_with_a_wrong_version_kind_or_length_is_refused(void **state)
{
    (void)state;
    struct ipc_header header;
    struct cursor fields;
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{0, 1}, {1, 0}, {1, IPC_KIND_LAST + 1}, {2, 1}, {3, 0}, {3, 2}, {4, 1}, {7, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct span datagram = example(message_named("ready"));
        assert_rule(ipc_read_header(datagram, &header, &fields), RULE_OK);
        written[wrong[i].at] = wrong[i].value;
        assert_rule(ipc_read_header(datagram, &header, &fields), RULE_IPC);
    }
}

static void the_header_carries_kind_and_job(void **state)
{
    (void)state;
    struct ipc_header header;
    struct cursor fields;
    assert_rule(ipc_read_header(example(message_named("examine")), &header, &fields), RULE_OK);
    assert_int_equal(header.kind, IPC_EXAMINE);
    assert_true(header.job == 0x0102030405060708);
}

static void a_message_that_does_not_fit_is_said_to_be_full(void **state)
{
    (void)state;
    uint8_t small[IPC_HEADER_LEN + 3];
    struct writer w = writer_over(small, sizeof small);
    ipc_write_channel(&w, IPC_CHANNEL_STORE, 0);
    assert_true(w.full);
    uint8_t *big = calloc(1, IPC_MESSAGE_MAX + 100);
    assert_non_null(big);
    struct writer wide = writer_over(big, IPC_MESSAGE_MAX + 100);
    uint8_t *blob = calloc(1, IPC_MESSAGE_MAX);
    assert_non_null(blob);
    ipc_write_blob(&wide, IPC_SETUP_CRL, span_of(blob, IPC_MESSAGE_MAX - 16)); /* fits the memory, not a datagram */
    assert_true(wide.full);
    wide = writer_over(big, IPC_MESSAGE_MAX);
    ipc_write_blob(&wide, IPC_SETUP_CRL, span_of(blob, IPC_BLOB_MAX));
    assert_false(wide.full);
    ipc_write_bare(&wide, IPC_READY); /* a second message in the same datagram */
    assert_true(wide.full);
    free(blob);
    free(big);
}

/* --- values arrive --- */

static enum rule fields_of(const char *name, struct cursor *fields)
{
    struct ipc_header header;
    return ipc_read_header(example(message_named(name)), &header, fields);
}

static void an_examination_arrives_with_context_labels_and_body(void **state)
{
    (void)state;
    struct cursor fields;
    struct ipc_examine got, sent = example_examine();
    assert_rule(fields_of("examine", &fields), RULE_OK);
    assert_rule(ipc_read_examine(&fields, &got), RULE_OK);
    assert_int_equal(got.now, sent.now);
    assert_true(got.archive);
    const struct message_context *m = &got.source.context;
    assert_false(m->is_response);
    assert_int_equal(m->cseq, 7);
    assert_span_text(m->request_uri, "sip:bob@far.example");
    assert_span_text(m->from_uri, "sip:alice@home.example");
    assert_span_text(m->from_tag, "a1");
    assert_span_text(m->to_uri, "sip:bob@far.example");
    assert_span_text(m->to_tag, "b1");
    assert_span_text(m->call_id, "c1@ua1.home.example");
    assert_span_text(m->method, "MESSAGE");
    assert_span_text(m->date, "Mon, 23 Nov 2026 13:00:00 GMT");
    assert_span_text(m->contact_uri, "sip:alice@192.0.2.1");
    assert_int_equal(got.source.label_count, 2);
    assert_span_equal(got.source.label_value[1], sent.source.label_value[1]);
    const struct mime_entity *body = &got.source.body;
    assert_int_equal(body->bytes.len, 0);
    assert_int_equal(body->kind, MIME_SEALED);
    assert_int_equal(body->encoding, MIME_BASE64);
    assert_true(body->content_encoded);
    assert_span_equal(body->body, sent.source.body.body);
    assert_span_text(body->type, "application/pkcs7-mime");
    assert_span_text(body->type_params, ";smime-type=authEnveloped-data");
    assert_span_text(body->content_id, "b@h");
    assert_span_text(body->disposition, "attachment");
    assert_span_text(body->disposition_params, ";handling=required");
}

static void the_status_of_a_response_is_a_sip_status(void **state)
{
    (void)state;
    static const struct {
        bool is_response;
        uint32_t status;
        enum rule rule;
    } cases[] = {{true, 200, RULE_OK}, {true, 699, RULE_OK},   {true, 99, RULE_IPC},
                 {true, 0, RULE_IPC},  {true, 700, RULE_IPC},  {false, 200, RULE_IPC}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ipc_examine got, ask = example_examine();
        ask.source.context.is_response = cases[i].is_response;
        ask.source.context.status = cases[i].status;
        struct writer w = writer_over(written, sizeof written);
        ipc_write_examine(&w, 1, &ask);
        struct ipc_header header;
        struct cursor fields;
        assert_rule(ipc_read_header(writer_span(&w), &header, &fields), RULE_OK);
        assert_rule(ipc_read_examine(&fields, &got), cases[i].rule);
    }
}

static void a_whole_message_of_the_largest_size_fits_an_examination(void **state)
{
    (void)state;
    struct ipc_examine got, ask = example_examine();
    uint8_t *body = malloc(SIP_MESSAGE_MAX);
    assert_non_null(body);
    memset(body, 'x', SIP_MESSAGE_MAX);
    ask.source.body.body = span_of(body, SIP_MESSAGE_MAX);
    struct writer w = writer_over(written, sizeof written);
    ipc_write_examine(&w, 1, &ask);
    assert_false(w.full);
    struct ipc_header header;
    struct cursor fields;
    assert_rule(ipc_read_header(writer_span(&w), &header, &fields), RULE_OK);
    assert_rule(ipc_read_examine(&fields, &got), RULE_OK);
    assert_int_equal(got.source.body.body.len, SIP_MESSAGE_MAX);
    free(body);
}

static void a_verdict_arrives_with_its_record(void **state)
{
    (void)state;
    struct cursor fields;
    struct ipc_examined got;
    assert_rule(fields_of("examined", &fields), RULE_OK);
    assert_rule(ipc_read_examined(&fields, &got), RULE_OK);
    assert_int_equal(got.verdict.part_count, 1);
    assert_int_equal(got.verdict.part[0].state, PART_OPENED);
    assert_string_equal(got.verdict.part[0].signer, "sip:alice@home.example");
    assert_span_text(got.record, "a record");
}

static void admission_arrives_with_its_replay_keys_and_its_answer(void **state)
{
    (void)state;
    struct cursor fields;
    struct ipc_admit got, sent = example_admit();
    assert_rule(fields_of("admit", &fields), RULE_OK);
    assert_rule(ipc_read_admit(&fields, &got), RULE_OK);
    assert_int_equal(got.now, sent.now);
    assert_int_equal(got.replay_count, 2);
    assert_memory_equal(got.replay[1].key, sent.replay[1].key, 32);
    assert_int_equal(got.replay[1].expires, sent.replay[1].expires);
    assert_span_text(got.record, "a record");
    struct ipc_admitted answer;
    assert_rule(fields_of("admitted", &fields), RULE_OK);
    assert_rule(ipc_read_admitted(&fields, &answer), RULE_OK);
    assert_rule(answer.rule, RULE_REPLAY);
    assert_int_equal(answer.record_id, 42);
    struct ipc_complete complete;
    assert_rule(fields_of("complete", &fields), RULE_OK);
    assert_rule(ipc_read_complete(&fields, &complete), RULE_OK);
    assert_int_equal(complete.status, 202);
    assert_int_equal(complete.record_id, 42);
    assert_int_equal(complete.now, 1795438801);
    assert_int_equal(complete.replay[0].expires, 1795439400);
}

/* A reader that takes RULE_OK from a broken answer would forward a message that is not archived. */
static void an_unreadable_admission_never_reads_as_admitted(void **state)
{
    (void)state;
    struct ipc_admitted answer = {.rule = RULE_OK};
    struct cursor nothing = cursor_over(SPAN(""));
    assert_rule(ipc_read_admitted(&nothing, &answer), RULE_IPC);
    assert_rule(answer.rule, RULE_STORE_GONE);
    struct cursor unknown = cursor_over(SPAN("\xff\xff\0\0\0\0\0\0\0\1"));
    assert_rule(ipc_read_admitted(&unknown, &answer), RULE_IPC);
    assert_rule(answer.rule, RULE_STORE_GONE);
}

static void an_unreadable_answer_never_reads_as_kept(void **state)
{
    (void)state;
    enum rule answer = RULE_OK;
    struct cursor c = cursor_over(SPAN("\0"));
    assert_rule(ipc_read_bound(&c, &answer), RULE_IPC);
    assert_rule(answer, RULE_STORE_GONE);
}

static void more_bindings_than_a_user_or_a_page_may_have_are_refused(void **state)
{
    (void)state;
    static uint8_t bytes[IPC_MESSAGE_MAX];
    static struct ipc_bindings page;
    struct ipc_bind bind;
    for (size_t more = 0; more < 2; more++) {
        struct writer w = writer_over(bytes, sizeof bytes);
        writer_i64(&w, 1);
        writer_block(&w, SPAN("sip:a@h"));
        writer_u16(&w, (uint16_t)(IPC_USER_BINDINGS_MAX + more));
        for (size_t i = 0; i < IPC_USER_BINDINGS_MAX + more; i++) {
            writer_i64(&w, 1);
            writer_block(&w, SPAN("r"));
        }
        struct cursor c = cursor_over(writer_span(&w));
        assert_rule(ipc_read_bind(&c, &bind), more ? RULE_IPC : RULE_OK);
        w = writer_over(bytes, sizeof bytes);
        writer_u16(&w, RULE_OK);
        writer_u8(&w, 1);
        writer_u16(&w, (uint16_t)(IPC_PAGE_MAX + more));
        for (size_t i = 0; i < IPC_PAGE_MAX + more; i++) {
            writer_block(&w, SPAN("sip:a@h"));
            writer_i64(&w, 1);
            writer_block(&w, SPAN("r"));
        }
        c = cursor_over(writer_span(&w));
        assert_rule(ipc_read_bindings(&c, &page), more ? RULE_IPC : RULE_OK);
    }
}

static void a_route_arrives_with_its_addresses(void **state)
{
    (void)state;
    struct cursor fields;
    struct route got, sent = example_route();
    assert_rule(fields_of("route", &fields), RULE_OK);
    assert_rule(ipc_read_route(&fields, &got), RULE_OK);
    assert_span_text(got.domain, "home.example");
    assert_true(got.registrar && got.has_next);
    assert_int_equal(got.allow_count, 2);
    assert_int_equal(got.allow[0].prefix, 8);
    assert_memory_equal(&got.allow[1].address, &sent.allow[1].address, sizeof(struct sockaddr_in6));
    assert_int_equal(got.allow[1].prefix, 32);
    assert_int_equal(got.next.transport, SIP_TCP);
    assert_int_equal(got.next.address_len, sizeof(struct sockaddr_in));
    assert_memory_equal(&got.next.address, &sent.next.address, sizeof(struct sockaddr_in));
    assert_span_text(got.next_uri, "sip:192.0.2.7:5060;transport=tcp");
    struct hop hop;
    uint32_t number;
    assert_rule(fields_of("listen", &fields), RULE_OK);
    assert_rule(ipc_read_listen(&fields, &number, &hop), RULE_OK);
    assert_int_equal(number, 7);
    struct sockaddr_storage address = ipv6("fe80::1", 5060, 2);
    assert_int_equal(hop.transport, SIP_UDP);
    assert_memory_equal(&hop.address, &address, sizeof(struct sockaddr_in6));
}

static void a_policy_arrives_with_its_rules_and_domains(void **state)
{
    (void)state;
    struct cursor fields;
    struct policy got;
    assert_rule(fields_of("policy", &fields), RULE_OK);
    assert_rule(ipc_read_policy(&fields, &got), RULE_OK);
    assert_int_equal(got.rule_count, 2);
    const struct policy_rule *rule = &got.rule[0];
    assert_span_text(rule->method[1], "INVITE");
    assert_int_equal(rule->direction, POLICY_FROM_DOMAIN);
    assert_span_text(rule->content[0], "text/*");
    assert_int_equal(rule->require, LABEL_VIEW | LABEL_VERIFY);
    assert_int_equal(rule->plain, POLICY_PLAIN_REFUSE);
    assert_int_equal(rule->mode, POLICY_ENFORCE);
    assert_int_equal(got.rule[1].direction, POLICY_TO_DOMAIN);
    assert_span_text(got.domain[1], "other.example");
}

static void setups_arrive_with_names_paths_and_limits(void **state)
{
    (void)state;
    struct cursor fields;
    struct ipc_net_setup net;
    assert_rule(fields_of("net setup", &fields), RULE_OK);
    assert_rule(ipc_read_net_setup(&fields, &net), RULE_OK);
    assert_int_equal(net.name_count, 2);
    assert_span_text(net.name[1], "192.0.2.1");
    const struct limits limits = example_net_setup().limits;
    assert_memory_equal(&net.limits, &limits, sizeof limits);
    assert_int_equal(net.vaults, UINT64_C(1) << 63 | 2);
    assert_int_equal(net.log_level, 1);
    assert_int_equal(net.log_format, 1);
    assert_true(net.archive);
    assert_int_equal(net.window, 600);
    struct ipc_store_setup store;
    assert_rule(fields_of("store setup", &fields), RULE_OK);
    assert_rule(ipc_read_store_setup(&fields, &store), RULE_OK);
    assert_span_text(store.store_path, "/var/lib/store.db");
    assert_span_text(store.archive_path, "/var/lib/archive.db");
    struct ipc_vault_setup vault;
    assert_rule(fields_of("vault setup", &fields), RULE_OK);
    assert_rule(ipc_read_vault_setup(&fields, &vault), RULE_OK);
    assert_span_text(vault.name[1], "proxy1");
    assert_int_equal(vault.window, 600);
    assert_int_equal(vault.legacy, CMS_LEGACY_PKCS1);
}

static enum rule read_store_paths(struct span store, struct span archive)
{
    struct writer w = writer_over(written, sizeof written);
    ipc_write_store_setup(&w, &(struct ipc_store_setup){store, archive});
    struct ipc_header header;
    struct cursor fields;
    struct ipc_store_setup setup;
    assert_rule(ipc_read_header(writer_span(&w), &header, &fields), RULE_OK);
    return ipc_read_store_setup(&fields, &setup);
}

static void a_path_with_a_nul_or_too_long_or_empty_is_refused(void **state)
{
    (void)state;
    char path[4096];
    memset(path, 'p', sizeof path);
    assert_rule(read_store_paths(SPAN("a"), SPAN("")), RULE_OK);
    assert_rule(read_store_paths(SPAN(""), SPAN("")), RULE_IPC);
    assert_rule(read_store_paths(SPAN("a\0b"), SPAN("")), RULE_IPC);
    assert_rule(read_store_paths(SPAN("a"), SPAN("b\0")), RULE_IPC);
    assert_rule(read_store_paths(span_of(path, 4095), SPAN("")), RULE_OK);
    assert_rule(read_store_paths(span_of(path, 4096), SPAN("")), RULE_IPC);
}

static enum rule read_counter(struct span group, struct span name)
{
    struct writer w = writer_over(written, sizeof written);
    struct ipc_header header;
    struct cursor fields;
    struct span counters;
    ipc_begin(&w, IPC_REPORTED, 0);
    writer_block(&w, group);
    writer_block(&w, name);
    writer_u64(&w, 1);
    ipc_end_report(&w);
    assert_rule(ipc_read_header(writer_span(&w), &header, &fields), RULE_OK);
    return ipc_read_report(&fields, &counters);
}

static void a_counter_has_names_of_words_alone(void **state)
{
    (void)state;
    char name[IPC_COUNTER_NAME_MAX + 1];
    memset(name, 'n', sizeof name);
    assert_rule(read_counter(SPAN("sip"), SPAN("open_2")), RULE_OK);
    assert_rule(read_counter(SPAN("sip"), span_of(name, sizeof name - 1)), RULE_OK);
    assert_rule(read_counter(SPAN("sip"), span_of(name, sizeof name)), RULE_IPC);
    assert_rule(read_counter(SPAN("sip"), SPAN("")), RULE_IPC);
    assert_rule(read_counter(SPAN(""), SPAN("open")), RULE_IPC);
    assert_rule(read_counter(SPAN("sip"), SPAN("a\"b")), RULE_IPC);
    assert_rule(read_counter(SPAN("s\np"), SPAN("open")), RULE_IPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_has_names_of_words_alone),
        cmocka_unit_test(every_message_is_read_as_it_was_written),
        cmocka_unit_test(a_message_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(a_message_with_bytes_left_over_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused_or_means_what_it_says),
        cmocka_unit_test(a_header_with_a_wrong_version_kind_or_length_is_refused),
        cmocka_unit_test(the_header_carries_kind_and_job),
        cmocka_unit_test(a_message_that_does_not_fit_is_said_to_be_full),
        cmocka_unit_test(an_examination_arrives_with_context_labels_and_body),
        cmocka_unit_test(the_status_of_a_response_is_a_sip_status),
        cmocka_unit_test(a_whole_message_of_the_largest_size_fits_an_examination),
        cmocka_unit_test(a_verdict_arrives_with_its_record),
        cmocka_unit_test(admission_arrives_with_its_replay_keys_and_its_answer),
        cmocka_unit_test(an_unreadable_admission_never_reads_as_admitted),
        cmocka_unit_test(an_unreadable_answer_never_reads_as_kept),
        cmocka_unit_test(more_bindings_than_a_user_or_a_page_may_have_are_refused),
        cmocka_unit_test(a_route_arrives_with_its_addresses),
        cmocka_unit_test(a_policy_arrives_with_its_rules_and_domains),
        cmocka_unit_test(setups_arrive_with_names_paths_and_limits),
        cmocka_unit_test(a_path_with_a_nul_or_too_long_or_empty_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
