/* sipseal listen */
#include <errno.h>
#include <string.h>

#include "cli/legacy.h"
#include "cli/listen_calls.h"
#include "cli/listen_sockets.h"
#include "cli/net_agent.h"
#include "cli/net_tls.h"
#include "ua/outcome.h"
#include "ua/registration.h"

enum {
    LISTEN_COUNT_MAX = 1000000000,
    FAREWELL_MS = 2000, /* how long the removal of the registration may take */
    REPORT_ARENA = 1024 * 1024,
};

struct listening {
    struct cli *cli;
    struct keyring keyring;
    struct arena arena;
    struct party self;
    struct identity identity;
    bool has_identity;
    struct recipient recipient;
    struct net_loop *loop;
    struct agent *agent;
    struct listen_sockets sockets;
    struct listen_calls calls;
    const char *folder;
    uint32_t expires, count, delivered;

    bool registers, was_registered;
    const char *registrar_uri;
    struct net_place registrar;
    char contact[LISTEN_URI_MAX];
    struct registration registration;
    uint64_t registrar_flow; /* 0: none is open */
    uint64_t register_id;    /* of the request under way; 0: none */
    bool leaving;
    bool ended;
    enum exit_code code;
};

static void stop(struct listening *l, enum exit_code code)
{
    l->ended = true;
    if (l->code == EXIT_DONE)
        l->code = code;
}

/* --- options --- */

static enum exit_code read_numbers(struct listening *l)
{
    char error[ARGUMENTS_ERROR_MAX];
    const struct arguments *a = &l->cli->arguments;
    if (!arguments_number(a, "expires", 1, REGISTRATION_EXPIRES_MAX, REGISTRATION_EXPIRES_DEFAULT, &l->expires,
                          error) ||
        !arguments_number(a, "count", 1, LISTEN_COUNT_MAX, 0, &l->count, error))
        return cli_fail(EXIT_USAGE, "%s", error);
    return EXIT_DONE;
}

static enum exit_code read_registrar(struct listening *l)
{
    const char *problem;
    l->registrar_uri = arguments_value(&l->cli->arguments, "register");
    l->registers = l->registrar_uri != NULL;
    if (!l->registers) {
        if (arguments_has(&l->cli->arguments, "expires"))
            return cli_fail(EXIT_USAGE, "--expires is for a registration; add --register URI");
        return EXIT_DONE;
    }
    if (!net_place_of_uri(span_text(l->registrar_uri), &l->registrar, &problem))
        return cli_fail(EXIT_USAGE, "%s %s; give one like sip:127.0.0.1:5060;transport=tcp", l->registrar_uri, problem);
    if (l->registrar.transport == SIP_TRANSPORT_NONE)
        l->registrar.transport = SIP_UDP;
    return EXIT_DONE;
}

static enum exit_code read_folder(struct listening *l)
{
    l->folder = arguments_value(&l->cli->arguments, "save");
    enum file_result result = l->folder ? folder_make(l->folder) : FILE_DONE;
    return result == FILE_DONE ? EXIT_DONE
                               : cli_fail_file(l->folder, file_problem(result), "choose another folder with --save");
}

static enum exit_code read_options(struct listening *l)
{
    const char *as = arguments_value(&l->cli->arguments, "as");
    if (!as)
        return cli_fail(EXIT_USAGE, "whose messages to receive is missing; add --as USER");
    if (!party_parse(span_text(as), &l->self) || !l->self.is_user)
        return cli_fail(EXIT_USAGE, "%s is no user; give one like bob@far.example", as);
    enum exit_code code = read_numbers(l);
    if (code == EXIT_DONE)
        code = legacy_read(l->cli, &l->recipient.legacy);
    if (code == EXIT_DONE)
        code = read_registrar(l);
    return code == EXIT_DONE ? read_folder(l) : code;
}

/* --- registration --- */

static enum exit_code fail_registrar(const struct listening *l, const char *problem)
{
    char text[NET_ADDRESS_TEXT_MAX];
    return cli_fail(EXIT_NETWORK, "registrar %s: %s; see whether it is running there",
                    net_place_text(&l->registrar, text), problem);
}

/* The first failure ends the command, so that a mistyped address is seen at once; a later one is tried again. */
static void registration_lost(struct listening *l, const char *problem)
{
    registration_failed(&l->registration, cli_now_ms());
    l->register_id = 0;
    l->registrar_flow = 0;
    if (l->leaving)
        stop(l, EXIT_DONE);
    else if (!l->was_registered)
        stop(l, fail_registrar(l, problem));
    else
        cli_note(l->cli, "the registration could not be refreshed: %s; it is tried again", problem);
}

static bool open_registrar(struct listening *l, uint64_t now_ms, struct net_place *local)
{
    if (l->registrar_flow && net_local(l->loop, l->registrar_flow, local))
        return true;
    l->registrar_flow = 0;
    if (!net_open(l->loop, &l->registrar, now_ms, &l->registrar_flow))
        return false;
    return net_local(l->loop, l->registrar_flow, local);
}

static void send_registration(struct listening *l)
{
    uint8_t room[4096];
    char sent_by[NET_ADDRESS_TEXT_MAX];
    struct net_place local;
    uint64_t now_ms = cli_now_ms();
    struct writer w = writer_over(room, sizeof room);

    if (!open_registrar(l, now_ms, &local)) {
        registration_lost(l, strerror(errno));
        return;
    }
    const struct compose_way way = {
        .transport = l->registrar.transport,
        .sent_by = span_text(net_place_text(&local, sent_by)),
    };
    bool reliable = l->registrar.transport != SIP_UDP;
    if (!registration_write(&l->registration, &w, &way, l->leaving ? REGISTRATION_REMOVE : REGISTRATION_ADD) ||
        agent_request(l->agent, now_ms, l->registrar_flow, reliable, writer_span(&w),
                      span_text(l->registration.ids.branch), SPAN("REGISTER"), &l->register_id) != RULE_OK)
        stop(l, cli_fail(EXIT_REFUSED, "the registration cannot be written; check the addresses"));
}

static void say_refused(struct listening *l, const struct sip_message *response)
{
    struct outcome outcome = outcome_of(response);
    char reason[128], text[256];
    stop(l, cli_fail(EXIT_REFUSED, "the registrar refused: %d %s%s%s; %s", outcome.status,
                     cli_shown(outcome.reason, reason, sizeof reason), outcome.has_warning ? ": " : "",
                     cli_shown(outcome.has_warning ? outcome.warning.text : SPAN(""), text, sizeof text),
                     outcome.status == 403 ? "ask its operator to allow this address" : outcome.next));
}

static void registration_reply(struct listening *l, const struct sip_message *response)
{
    l->register_id = 0;
    if (l->leaving) {
        stop(l, EXIT_DONE);
        return;
    }
    registration_answered(&l->registration, response, cli_now_ms());
    switch (l->registration.state) {
    case REGISTRATION_HELD:
        if (!l->was_registered)
            cli_note(l->cli, "registered %s at %s for %u s", l->self.name, l->registrar_uri,
                     (unsigned)l->registration.granted);
        l->was_registered = true;
        break;
    case REGISTRATION_REFUSED:
        say_refused(l, response);
        break;
    case REGISTRATION_WANTED:
        if (l->registration.due == UINT64_MAX)
            registration_lost(l, "the registrar did not keep it");
        else if (response->status != 423)
            registration_lost(l, "the registrar cannot take it now");
        break;
    }
}

static enum exit_code begin_registration(struct listening *l)
{
    struct sip_uri uri;
    if (sip_uri_parse(span_text(l->self.uri), &uri) != RULE_OK ||
        !listen_contact(&l->sockets, &l->registrar, uri.user, l->contact))
        return cli_fail(EXIT_USAGE,
                        "the registrar cannot reach any of these sockets; listen on an address of its kind with "
                        "--listen");
    if (!registration_begin(&l->registration, span_text(l->self.uri), span_text(l->contact), l->expires, cli_now_ms()))
        return cli_fail(EXIT_REFUSED, "%s; try again", rule_sentence(RULE_NO_RANDOM));
    return EXIT_DONE;
}

/* --- the loop --- */

static struct message_report report_of(struct listening *l, const struct net_event *event)
{
    return (struct message_report){
        .cli = l->cli,
        .keyring = &l->keyring,
        .self = l->identity.certificate,
        .event = event,
        .folder = l->folder,
        .now = cli_now(),
        .arena = &l->arena,
    };
}

static void look_at_output(struct listening *l)
{
    if (ferror(stdout))
        stop(l, cli_fail(EXIT_REFUSED, "standard output: %s; see where it goes", strerror(errno)));
}

static void take_message(struct listening *l, const struct net_event *event)
{
    struct message_report r = report_of(l, event);
    r.incoming = net_give_agent(l->agent, event);
    if (!r.incoming)
        return;
    message_report(&r);
    if (r.incoming->deliver && ++l->delivered == l->count)
        l->ended = true;
    look_at_output(l);
}

static void call_event(struct listening *l, const struct call_event *call, const struct net_event *event)
{
    const struct message_report r = report_of(l, event);
    uint32_t before = l->calls.ended;
    listen_calls_event(&l->calls, call, &r);
    if (l->calls.ended != before && ++l->delivered == l->count)
        l->ended = true;
    look_at_output(l);
}

/* `from` brought what happens now; where nothing did, it is empty. */
static void drain(struct listening *l, const struct net_event *from)
{
    struct agent_event event;
    while (agent_next(l->agent, &event)) {
        bool ours = event.id == l->register_id && l->register_id != 0 && !event.is_server;
        if (event.kind == AGENT_SEND) {
            uint64_t flow = event.port ? net_flow_at_port(l->loop, event.flow, event.port) : event.flow;
            if (!net_send(l->loop, flow, event.bytes, cli_now_ms()))
                agent_send_failed(l->agent, &event);
        } else if (event.kind == AGENT_FINAL && ours) {
            registration_reply(l, event.response);
        } else if (event.kind == AGENT_FAILED && ours) {
            registration_lost(l, rule_sentence(event.rule));
        } else if (event.kind == AGENT_CALL) {
            call_event(l, &event.call, from);
        }
    }
}

static bool registration_is_due(const struct listening *l, uint64_t now_ms)
{
    return l->registers && l->register_id == 0 && l->registration.due <= now_ms;
}

/* Over TLS the registrar reaches this user by this connection alone: another is opened at once. */
static void flow_closed(struct listening *l, const struct net_event *event)
{
    bool registrars = event->flow == l->registrar_flow && l->registrar_flow != 0;
    if (event->why != RULE_OK)
        cli_note(l->cli, "%s (tls): %s [%s]", l->registrar.host, rule_sentence(event->why), rule_name(event->why));
    agent_flow_failed(l->agent, event->flow);
    if (registrars && l->registrar.transport == SIP_TLS && l->register_id == 0 && !l->leaving)
        registration_lost(l, "the registrar closed the connection");
}

static void step(struct listening *l, uint64_t until_ms)
{
    struct net_event event;
    uint64_t deadline = agent_deadline(l->agent), of_calls = listen_calls_deadline(&l->calls);
    deadline = of_calls < deadline ? of_calls : deadline;
    if (l->registers && l->register_id == 0 && l->registration.due < deadline)
        deadline = l->registration.due;
    net_wait(l->loop, deadline < until_ms ? deadline : until_ms, &event);
    if (event.kind == NET_MESSAGE)
        take_message(l, &event);
    else if (event.kind == NET_CLOSED)
        flow_closed(l, &event);
    else if (event.kind == NET_SIGNAL)
        l->ended = true;
    else if (event.kind == NET_FAILED)
        stop(l, cli_fail(EXIT_NETWORK, "waiting for messages failed: %s; try again", strerror(errno)));
    listen_calls_tick(&l->calls);
    agent_tick(l->agent, cli_now_ms());
    drain(l, &event);
}

static const struct net_event nothing = {.kind = NET_TIME};

static void serve(struct listening *l)
{
    while (!l->ended) {
        if (registration_is_due(l, cli_now_ms())) {
            send_registration(l);
            drain(l, &nothing);
        }
        if (!l->ended)
            step(l, UINT64_MAX);
    }
}

/* Hangs up, and waits until the others know. */
static void leave_calls(struct listening *l)
{
    uint64_t end = cli_now_ms() + FAREWELL_MS;
    listen_calls_leave(&l->calls);
    drain(l, &nothing);
    l->ended = false;
    while (calls_busy(agent_calls(l->agent)) && !l->ended && cli_now_ms() < end)
        step(l, end);
}

/* Removes the registration, so that nobody sends into the void (RFC 3261 10.2.2). */
static void leave(struct listening *l)
{
    leave_calls(l);
    uint64_t end = cli_now_ms() + FAREWELL_MS;
    if (!l->was_registered || l->code == EXIT_NETWORK)
        return;
    l->leaving = true;
    l->ended = false;
    send_registration(l);
    drain(l, &nothing);
    while (!l->ended && cli_now_ms() < end)
        step(l, end);
}

/* --- beginning and end --- */

static enum exit_code prepare(struct listening *l)
{
    enum exit_code code = keyring_open(l->cli, &l->keyring);
    if (code == EXIT_DONE)
        code = keyring_identity(&l->keyring, &l->self, &l->identity);
    if (code != EXIT_DONE)
        return code;
    l->has_identity = true;
    keyring_know_all(&l->keyring);
    l->recipient = (struct recipient){
        .identity = {&l->identity},
        .identity_count = 1,
        .trust = l->keyring.trust,
        .window = PROOF_WINDOW_DEFAULT,
        .legacy = l->recipient.legacy,
    };
    const struct agent_settings settings = {.recipient = &l->recipient, .aor = span_text(l->self.uri), .calls = true};
    code = listen_calls_open(l->cli, &l->keyring, &l->self, &l->calls);
    if (code != EXIT_DONE)
        return code;
    l->loop = net_loop_new();
    l->agent = agent_new(&settings);
    if (!l->loop || !l->agent || !arena_open(&l->arena, REPORT_ARENA))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    if (l->registers)
        code = net_tls_prepare(l->loop, l->cli, &l->keyring.arena, &l->self, &l->registrar);
    if (code != EXIT_DONE)
        return code;
    l->calls.loop = l->loop;
    l->calls.agent = l->agent;
    l->calls.registered = l->registers ? l->contact : NULL;
    l->calls.registrar = &l->registrar;
    l->calls.registrar_flow = &l->registrar_flow;
    code = listen_open(l->cli, l->loop, l->registers ? &l->registrar : NULL, &l->sockets);
    if (code == EXIT_DONE)
        listen_announce(l->cli, &l->sockets);
    return code == EXIT_DONE && l->registers ? begin_registration(l) : code;
}

static void close_all(struct listening *l)
{
    listen_calls_close(&l->calls);
    agent_free(l->agent);
    net_loop_free(l->loop);
    if (l->has_identity)
        identity_clear(&l->identity);
    if (l->keyring.trust)
        keyring_close(&l->keyring);
    arena_close(&l->arena);
}

static enum exit_code run_listen(struct cli *cli)
{
    static struct listening l; /* too large for the stack */
    l = (struct listening){.cli = cli};
    enum exit_code code = read_options(&l);
    if (code == EXIT_DONE)
        code = prepare(&l);
    if (code == EXIT_DONE) {
        serve(&l);
        leave(&l);
        code = l.code;
    }
    close_all(&l);
    return code;
}

static const struct option options[] = {
    {.name = "as", .value = "USER", .help = "whose messages are received"},
    {.name = "listen", .value = "ADDRESS:PORT", .help = "where to listen (127.0.0.1:5060)", .many = true},
    {.name = "register", .value = "URI", .help = "register there (sip:127.0.0.1:5060;transport=tcp)"},
    NET_TLS_TRUST_OPTION,
    {.name = "expires", .value = "SECONDS", .help = "how long a registration lasts (3600)"},
    {.name = "count", .value = "N", .help = "end after N messages that were delivered, and calls that were up"},
    {.name = "save", .value = "DIR", .help = "keep messages and their content there"},
    LISTEN_CALL_OPTIONS,
    LEGACY_OPTION,
};
const struct command command_listen = {
    .words = "listen",
    .operands = "",
    .about = "receives messages and calls, and says who sent them and who else can read them",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .run = run_listen,
};
