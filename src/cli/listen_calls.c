#include "cli/listen_calls.h"

#include <string.h>

#include "cli/call_report.h"
#include "cli/listen_sockets.h"
#include "cli/next_hop.h"

static enum exit_code read_options(const struct cli *cli, struct listen_calls *l)
{
    char error[ARGUMENTS_ERROR_MAX];
    const char *answer = arguments_value(&cli->arguments, "answer");
    if (!answer || strcmp(answer, "auto") == 0)
        l->answer = LISTEN_ACCEPT;
    else if (strcmp(answer, "reject") == 0)
        l->answer = LISTEN_REJECT;
    else if (strcmp(answer, "busy") == 0)
        l->answer = LISTEN_BUSY;
    else
        return cli_fail(EXIT_USAGE, "%s is no way to answer calls; give auto, reject or busy", answer);
    if (!arguments_number(&cli->arguments, "ring", 0, CALL_RINGING_MAX_MS / 1000 - 1, 0, &l->ring_s, error))
        return cli_fail(EXIT_USAGE, "%s", error);
    return EXIT_DONE;
}

enum exit_code listen_calls_open(struct cli *cli, struct keyring *keyring, const struct party *self,
                                 struct listen_calls *l)
{
    enum exit_code code = read_options(cli, l);
    return code == EXIT_DONE ? answering_open(cli, keyring, self, &l->answering) : code;
}

void listen_calls_close(struct listen_calls *l)
{
    for (size_t i = 0; i < CALLS_MAX; i++)
        answering_call_end(&l->call[i].call);
    answering_close(&l->answering);
}

static struct listen_call *find(struct listen_calls *l, uint64_t id)
{
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (l->call[i].call.id == id)
            return &l->call[i];
    return NULL;
}

static struct calls *calls_of(struct listen_calls *l)
{
    return agent_calls(l->agent);
}

/* --- a call comes --- */

/* By which contact the other side reaches this one: by the registered one over TLS, where no other way leads here; else
 * at the socket that it reached already. */
static bool set_contact(struct listen_calls *l, const struct call_event *event, const struct net_event *from,
                        char address[NET_ADDRESS_TEXT_MAX])
{
    char contact[LISTEN_URI_MAX], text[NET_ADDRESS_TEXT_MAX];
    struct net_place local;
    struct sip_uri self;
    bool tls = from->peer.transport == SIP_TLS;
    if (!net_local(l->loop, from->flow, &local) || sip_uri_parse(span_text(l->answering.self->uri), &self) != RULE_OK)
        return false;
    net_host_text(&local, address);
    int len = snprintf(contact, sizeof contact, "sip:%.*s@%s%s", SPAN_ARGS(self.user), net_place_text(&local, text),
                       from->peer.transport == SIP_TCP ? ";transport=tcp" : "");
    if (len < 0 || (size_t)len >= sizeof contact)
        return false;
    calls_set_contact(calls_of(l), event->id, span_text(tls && l->registered ? l->registered : contact));
    return true;
}

static void refuse(struct listen_calls *l, uint64_t id, int status)
{
    const struct call_answer answer = {.status = status};
    calls_respond(calls_of(l), cli_now_ms(), id, &answer);
}

static void answer(struct listen_calls *l, struct listen_call *c)
{
    c->answer_ms = UINT64_MAX;
    if (l->answer == LISTEN_ACCEPT)
        answering_respond(&l->answering, calls_of(l), &c->call);
    else
        refuse(l, c->call.id, l->answer == LISTEN_BUSY ? 486 : 603);
}

static void show(const struct message_report *report, const struct call_event *event, const char *kind)
{
    struct message_report r = *report;
    r.incoming = event->incoming;
    r.kind = kind;
    if (r.incoming)
        message_report(&r);
}

/* What cannot be answered as it was offered is not answered otherwise. */
static bool take(struct listen_calls *l, struct listen_call *c, const struct call_event *event)
{
    enum rule rule = answering_take(&l->answering, &c->call, event->incoming);
    if (rule == RULE_OK)
        return true;
    cli_note(l->answering.cli, "a call cannot be answered as it was offered: %s [%s]", rule_sentence(rule),
             rule_name(rule));
    refuse(l, event->id, 488);
    return false;
}

static void offered(struct listen_calls *l, const struct call_event *event, const struct message_report *report)
{
    struct listen_call *c = find(l, 0);
    char address[NET_ADDRESS_TEXT_MAX];
    const struct call_answer ringing = {.status = 180};
    show(report, event, "call");
    if (!c || !set_contact(l, event, report->event, address) ||
        !answering_call_begin(&c->call, event->id, event->incoming->outline.source.context.call_id, address)) {
        refuse(l, event->id, 500);
        return;
    }
    c->flow = report->event->flow;
    c->answer_ms = UINT64_MAX;
    if (!take(l, c, event))
        return;
    if (l->answer != LISTEN_ACCEPT) {
        answer(l, c);
        return;
    }
    calls_respond(calls_of(l), cli_now_ms(), event->id, &ringing);
    c->answer_ms = cli_now_ms() + (uint64_t)l->ring_s * 1000; /* also when that is now: the 180 goes first */
}

static void reoffered(struct listen_calls *l, const struct call_event *event, const struct message_report *report)
{
    struct listen_call *c = find(l, event->id);
    show(report, event, "offer");
    if (c && take(l, c, event))
        answering_respond(&l->answering, calls_of(l), &c->call);
}

/* --- and goes on --- */

static void way(struct listen_calls *l, const struct call_event *event)
{
    struct call_way way;
    bool found = next_hop_way(l->loop, event->uri, l->registered ? l->registrar : NULL, *l->registrar_flow, &way);
    calls_way(calls_of(l), cli_now_ms(), event->id, event->fork, found ? &way : NULL);
}

static uint64_t seconds_up(const struct listen_call *c)
{
    return c && c->call.up_ms ? (cli_now_ms() - c->call.up_ms) / 1000 : 0;
}

/* An ACK may have brought the answer to this side's offer. */
static void confirmed(struct listen_calls *l, struct listen_call *c, const struct call_event *event,
                      const struct message_report *report)
{
    c->call.up_ms = cli_now_ms();
    show(report, event, "answer");
    call_report(l->answering.cli, c->call.call_id, event, 0);
    if (!event->incoming || event->incoming->broken == RULE_OK)
        return;
    cli_note(l->answering.cli, "the answer does not hold: %s [%s]; the call is ended",
             rule_sentence(event->incoming->broken), rule_name(event->incoming->broken));
    calls_end(calls_of(l), cli_now_ms(), event->id);
}

void listen_calls_event(struct listen_calls *l, const struct call_event *event, const struct message_report *report)
{
    struct listen_call *c = find(l, event->id);
    switch (event->kind) {
    case CALL_WAY:
        way(l, event);
        break;
    case CALL_OFFERED:
        offered(l, event, report);
        break;
    case CALL_REOFFERED:
        reoffered(l, event, report);
        break;
    case CALL_CONFIRMED:
        if (c)
            confirmed(l, c, event, report);
        break;
    case CALL_ENDED:
        if (!c)
            break;
        call_report(l->answering.cli, c->call.call_id, event, seconds_up(c));
        l->ended += c->call.up_ms != 0;
        answering_call_end(&c->call);
        break;
    default: /* this side calls nobody */
        break;
    }
}

/* --- time --- */

uint64_t listen_calls_deadline(const struct listen_calls *l)
{
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (l->call[i].call.id && l->call[i].answer_ms < deadline)
            deadline = l->call[i].answer_ms;
    return deadline;
}

void listen_calls_tick(struct listen_calls *l)
{
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (l->call[i].call.id && l->call[i].answer_ms <= cli_now_ms())
            answer(l, &l->call[i]);
}

void listen_calls_leave(struct listen_calls *l)
{
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (l->call[i].call.id)
            calls_end(calls_of(l), cli_now_ms(), l->call[i].call.id);
}
