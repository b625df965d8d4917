#include "cli/call_report.h"

static const char *event_word(const struct call_event *event)
{
    switch (event->kind) {
    case CALL_PROGRESS:
        return event->status == 183 ? "progress" : "ringing";
    case CALL_CONFIRMED:
        return "confirmed";
    case CALL_REANSWERED:
        return "reanswered";
    default:
        return "ended";
    }
}

static const char *end_word(enum call_end end)
{
    static const char *const words[] = {[CALL_END_SELF] = "self",
                                        [CALL_END_OTHER] = "other",
                                        [CALL_END_REFUSED] = "refused",
                                        [CALL_END_FAILED] = "failed"};
    return words[end];
}

static void report_json(const char *call_id, const struct call_event *event, uint64_t seconds)
{
    json_t *out = json_object();
    json_object_set_new(out, "event", json_string(event_word(event)));
    json_object_set_new(out, "call_id", cli_json_text(span_text(call_id)));
    if (event->status)
        json_object_set_new(out, "status", json_integer(event->status));
    if (event->kind == CALL_ENDED) {
        json_object_set_new(out, "by", json_string(end_word(event->end)));
        json_object_set_new(out, "rule", json_string(rule_name(event->rule)));
        json_object_set_new(out, "seconds", json_integer((json_int_t)seconds));
    }
    cli_print_json(out);
}

static void print_end(const struct call_event *event, uint64_t seconds)
{
    switch (event->end) {
    case CALL_END_SELF:
        if (event->status)
            printf("cancelled (%d)\n", event->status);
        else
            printf("ended after %llu s\n", (unsigned long long)seconds);
        break;
    case CALL_END_OTHER:
        printf("%s by the other side after %llu s\n", event->status == 487 ? "cancelled" : "ended",
               (unsigned long long)seconds);
        break;
    case CALL_END_REFUSED:
        printf("refused (%d)\n", event->status);
        break;
    case CALL_END_FAILED:
        printf("ended: %s [%s]\n", rule_sentence(event->rule), rule_name(event->rule));
        break;
    }
}

void call_report(const struct cli *cli, const char *call_id, const struct call_event *event, uint64_t seconds)
{
    if (cli->json) {
        report_json(call_id, event, seconds);
        return;
    }
    if (event->kind == CALL_ENDED)
        print_end(event, seconds);
    else if (event->kind == CALL_CONFIRMED)
        printf("the call is up\n");
    else
        printf("%s (%d)\n", event_word(event), event->status);
    fflush(stdout);
}
