/* sipseal register */
#include <errno.h>
#include <string.h>

#include "cli/exchange.h"
#include "cli/listen_sockets.h"
#include "cli/net_tls.h"
#include "cli/outcome_report.h"
#include "ua/registration.h"

enum { REGISTER_ARENA = 256 * 1024, REGISTER_TRIES = 2 /* the second when the registrar wants a longer time (423) */ };

struct registering {
    struct cli *cli;
    struct arena arena;
    struct party self;
    struct net_place registrar;
    enum registration_wish wish;
    uint32_t expires;
    char contact[LISTEN_URI_MAX];
    struct registration registration;
    struct exchange exchange;
};

/* --- options --- */

static enum exit_code read_wish(struct registering *r)
{
    char error[ARGUMENTS_ERROR_MAX];
    const struct arguments *a = &r->cli->arguments;
    bool list = arguments_has(a, "list"), remove = arguments_has(a, "remove"), contact = arguments_has(a, "contact");
    if (list + remove + arguments_has(a, "expires") > 1)
        return cli_fail(EXIT_USAGE, "--list, --remove and --expires exclude each other; choose one");
    if (list && contact)
        return cli_fail(EXIT_USAGE, "--list shows all contacts; leave --contact out");
    r->wish = list      ? REGISTRATION_LIST
              : !remove ? REGISTRATION_ADD
              : contact ? REGISTRATION_REMOVE
                        : REGISTRATION_REMOVE_ALL;
    if (!arguments_number(a, "expires", 1, REGISTRATION_EXPIRES_MAX, REGISTRATION_EXPIRES_DEFAULT, &r->expires, error))
        return cli_fail(EXIT_USAGE, "%s", error);
    return EXIT_DONE;
}

static enum exit_code read_options(struct registering *r)
{
    const char *as = arguments_value(&r->cli->arguments, "as"), *proxy = arguments_value(&r->cli->arguments, "proxy");
    if (!as)
        return cli_fail(EXIT_USAGE, "who is registered is missing; add --as USER");
    if (!party_parse(span_text(as), &r->self) || !r->self.is_user)
        return cli_fail(EXIT_USAGE, "%s is no user; give one like bob@far.example", as);
    if (!proxy)
        return cli_fail(EXIT_USAGE, "the registrar is missing; add --proxy sip:ADDRESS:PORT");
    enum exit_code code = read_wish(r);
    if (code == EXIT_DONE)
        code = next_hop_find(r->cli, proxy, &r->registrar);
    if (r->registrar.transport == SIP_TRANSPORT_NONE)
        r->registrar.transport = SIP_UDP;
    return code;
}

/* --contact, else where `sipseal listen` listens when it is not told where, at the address that faces the registrar. */
static enum exit_code choose_contact(struct registering *r)
{
    struct net_place own;
    struct sip_uri uri;
    const char *given = arguments_value(&r->cli->arguments, "contact");
    if (given && sip_uri_parse(span_text(given), &uri) == RULE_OK && strlen(given) < sizeof r->contact) {
        snprintf(r->contact, sizeof r->contact, "%s", given);
        return EXIT_DONE;
    }
    if (given)
        return cli_fail(EXIT_USAGE, "%s is no contact; give one like sip:bob@127.0.0.1:5060;transport=tcp", given);
    if (r->wish != REGISTRATION_ADD)
        return EXIT_DONE;
    if (r->registrar.transport == SIP_TLS)
        return cli_fail(EXIT_USAGE,
                        "over TLS a contact lasts as long as its connection; use `sipseal listen --register`");
    if (!net_facing(&r->registrar, &own))
        return next_hop_fail(&r->registrar, RULE_OK, strerror(errno));
    net_set_port(&own, NET_PORT_DEFAULT);
    struct listen_sockets sockets = {.place = {own}, .count = 1};
    if (sip_uri_parse(span_text(r->self.uri), &uri) == RULE_OK &&
        listen_contact(&sockets, &r->registrar, uri.user, r->contact))
        return EXIT_DONE;
    return cli_fail(EXIT_USAGE, "the contact is too long; give another with --contact");
}

/* --- the request --- */

static enum exit_code ask(struct registering *r)
{
    uint8_t room[4096];
    struct writer w = writer_over(room, sizeof room);
    const struct compose_way way = {r->registrar.transport, span_text(r->exchange.sent_by)};
    if (!registration_write(&r->registration, &w, &way, r->wish))
        return cli_fail(EXIT_REFUSED, "the registration cannot be written; check the addresses");
    const struct exchange_request request = {
        .bytes = writer_span(&w),
        .branch = span_text(r->registration.ids.branch),
        .method = SPAN("REGISTER"),
        .timeout_s = 32, /* 64 * T1 */
    };
    return exchange_run(&r->exchange, &request);
}

static enum exit_code ask_until_answered(struct registering *r)
{
    enum exit_code code = exchange_open(&r->exchange, r->cli, &r->registrar, &r->arena, &r->self);
    for (int i = 0; i < REGISTER_TRIES && code == EXIT_DONE; i++) {
        code = ask(r);
        if (code != EXIT_DONE || !r->exchange.response || r->exchange.response->status != 423)
            break;
        registration_answered(&r->registration, r->exchange.response, 0);
        if (r->registration.state != REGISTRATION_WANTED)
            break;
    }
    return code;
}

/* --- what there is now --- */

static json_t *binding_json(const struct sip_address *address, struct span expires)
{
    uint32_t seconds;
    json_t *out = json_object();
    json_object_set_new(out, "uri", cli_json_text(address->uri));
    if (span_decimal(expires, UINT32_MAX, &seconds))
        json_object_set_new(out, "expires", json_integer(seconds));
    return out;
}

static void binding_print(const struct sip_address *address, struct span expires)
{
    char uri[LISTEN_URI_MAX], seconds[16];
    printf("%s", cli_shown(address->uri, uri, sizeof uri));
    printf(expires.len ? " for %s s\n" : "%s\n", cli_shown(expires, seconds, sizeof seconds));
}

/* Prints each contact of the response, or puts it into the list. */
static size_t show_bindings(const struct sip_message *response, json_t *list)
{
    const struct sip_header *h = NULL;
    struct sip_address address;
    size_t count = 0;
    while ((h = sip_header_next(response, SIP_H_CONTACT, h))) {
        struct cursor c = cursor_over(h->value);
        while (sip_address_take(&c, &address) == RULE_OK) {
            struct span expires;
            sip_param(address.params, "expires", &expires);
            if (list)
                json_array_append_new(list, binding_json(&address, expires));
            else
                binding_print(&address, expires);
            count++;
            if (!cursor_accept(&c, ','))
                break;
        }
    }
    return count;
}

static enum exit_code report(struct registering *r)
{
    struct outcome outcome;
    const struct sip_message *response = r->exchange.response;
    if (!response)
        return exchange_fail(&r->exchange);
    outcome_keep(&r->arena, response, &outcome);
    if (r->cli->json) {
        json_t *out = json_object(), *list = json_array();
        json_object_set_new(out, "aor", json_string(r->self.uri));
        if (outcome.kind == OUTCOME_DELIVERED)
            show_bindings(response, list);
        json_object_set_new(out, "bindings", list);
        outcome_json(&outcome, out);
        cli_print_json(out);
    } else if (outcome.kind == OUTCOME_DELIVERED && show_bindings(response, NULL) == 0) {
        printf("%s is registered nowhere\n", r->self.name);
    }
    return outcome.kind == OUTCOME_DELIVERED ? EXIT_DONE : outcome_fail(&outcome, "not registered");
}

static enum exit_code run_register(struct cli *cli)
{
    struct registering r = {.cli = cli};
    enum exit_code code = read_options(&r);
    if (code == EXIT_DONE)
        code = choose_contact(&r);
    if (code == EXIT_DONE &&
        (!arena_open(&r.arena, REGISTER_ARENA) ||
         !registration_begin(&r.registration, span_text(r.self.uri), span_text(r.contact), r.expires, 0)))
        code = cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    if (code == EXIT_DONE)
        code = ask_until_answered(&r);
    if (code == EXIT_DONE)
        code = report(&r);
    exchange_close(&r.exchange);
    arena_close(&r.arena);
    return code;
}

static const struct option options[] = {
    {.name = "as", .value = "USER", .help = "who is registered"},
    {.name = "proxy", .value = "URI", .help = "the registrar (sip:127.0.0.1:5060;transport=tcp)"},
    NET_TLS_TRUST_OPTION,
    {.name = "contact", .value = "URI", .help = "where the user is reached (this machine, port 5060)"},
    {.name = "expires", .value = "SECONDS", .help = "how long the registration lasts (3600)"},
    {.name = "remove", .help = "remove the contact, or all without --contact"},
    {.name = "list", .help = "show the contacts, and change nothing"},
};
const struct command command_register = {
    .words = "register",
    .operands = "",
    .about = "tells a registrar where a user is reached, or asks it",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run_register,
};
