#include "cli/answering.h"

#include <stdlib.h>

#include "sipseal/random.h"
#include "sipseal/sender.h"
#include "ua/text.h"

enum { ANSWERING_ARENA = 1024 * 1024 };

static enum exit_code read_session(struct answering *a)
{
    const char *path = arguments_value(&a->cli->arguments, "sdp");
    enum file_result result = path ? file_read(path, SESSION_MAX, false, &a->given) : FILE_DONE;
    return result == FILE_DONE
               ? EXIT_DONE
               : cli_fail_file(path, file_problem(result), "give a session description of at most 16 KiB");
}

enum exit_code answering_open(struct cli *cli, struct keyring *keyring, const struct party *self,
                              struct answering *answering)
{
    *answering = (struct answering){.cli = cli, .self = self};
    enum exit_code code = read_session(answering);
    if (code == EXIT_DONE && !arena_open(&answering->arena, ANSWERING_ARENA))
        return cli_fail(EXIT_REFUSED, "%s; close something and try again", rule_sentence(RULE_NO_MEMORY));
    if (code != EXIT_DONE || !keyring)
        return code;
    answering->trust = keyring->trust;
    code = keyring_signer(keyring, self, &answering->identity, &answering->sealing);
    answering->has_identity = code == EXIT_DONE;
    return code;
}

void answering_close(struct answering *a)
{
    if (a->has_identity)
        identity_clear(&a->identity);
    certificate_release(a->sealing);
    file_clear(&a->given);
    arena_close(&a->arena);
}

bool answering_call_begin(struct answering_call *call, uint64_t id, struct span call_id, const char *address)
{
    uint32_t random;
    *call = (struct answering_call){.id = id};
    snprintf(call->call_id, sizeof call->call_id, "%.*s",
             (int)(call_id.len < ANSWERING_CALL_ID_MAX ? call_id.len : ANSWERING_CALL_ID_MAX),
             (const char *)call_id.at);
    snprintf(call->address, sizeof call->address, "%s", address);
    if (!random_bytes(&random, sizeof random))
        return false;
    call->session = (struct session_self){.address = span_text(call->address), .id = random};
    return true;
}

void answering_call_end(struct answering_call *call)
{
    answer_shape_clear(&call->shape);
    if (call->offer)
        bytes_wipe(call->offer, call->offer_len);
    free(call->offer);
    *call = (struct answering_call){0};
}

/* --- sessions --- */

/* Lines end with CRLF, as in text that is signed. */
static struct span given_session(struct answering *a)
{
    struct span given = file_span(&a->given);
    struct writer w = arena_writer(&a->arena, given.len * 2 + 1);
    text_write_crlf(&w, given);
    return w.full ? SPAN("") : writer_span(&w);
}

struct span answering_offer(struct answering *a, struct answering_call *call)
{
    if (a->given.len > 0)
        return given_session(a);
    struct writer w = arena_writer(&a->arena, SESSION_MAX);
    call->session.version++;
    session_write_offer(&w, &call->session);
    return writer_span(&w);
}

static struct span answer_of(struct answering *a, struct answering_call *call)
{
    if (a->given.len > 0 || !call->offer)
        return answering_offer(a, call);
    struct writer w = arena_writer(&a->arena, 2 * SESSION_MAX);
    call->session.version++;
    return session_write_answer(&w, &call->session, span_of(call->offer, call->offer_len)) ? writer_span(&w) : SPAN("");
}

/* --- offers --- */

enum rule answering_take(struct answering *a, struct answering_call *call, const struct incoming *offer)
{
    answer_shape_clear(&call->shape);
    if (call->offer)
        bytes_wipe(call->offer, call->offer_len);
    free(call->offer);
    call->offer = offer->has_session && offer->session.len > 0 ? malloc(offer->session.len) : NULL;
    call->offer_len = call->offer ? offer->session.len : 0;
    if (call->offer)
        memcpy(call->offer, offer->session.at, offer->session.len);
    enum rule rule = answer_shape_of(offer, a->trust, cli_now(), &call->shape);
    return rule == RULE_OK && call->shape.is_signed && !a->has_identity ? RULE_SIGNATURE_NO_CERTIFICATE : rule;
}

static bool write_answer(struct answering *a, struct calls *calls, struct answering_call *call,
                         struct sender_body *body)
{
    struct message_context context;
    const struct answer_signer signer = {a->self, &a->identity, a->sealing};
    struct span session = answer_of(a, call);
    return session.len > 0 && calls_answer_context(calls, call->id, 200, &context) &&
           answer_protect(&call->shape, &signer, &context, session, cli_now(), &a->arena, body) == RULE_OK;
}

void answering_respond(struct answering *a, struct calls *calls, struct answering_call *call)
{
    struct sender_body body;
    struct call_answer answer = {.status = 488};
    if (write_answer(a, calls, call, &body))
        answer = (struct call_answer){200, body.headers, body.body};
    if (!calls_respond(calls, cli_now_ms(), call->id, &answer))
        cli_note(a->cli, "the call could not be answered; it is ended");
    arena_reset(&a->arena);
}
