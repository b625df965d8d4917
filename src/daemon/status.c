#include "daemon/status.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "daemon/supervisor.h"

enum { DAY_SECONDS = 86400 };

static int64_t now_seconds(void)
{
    return (int64_t)time(NULL);
}

static void begin_answer(struct json_out *j, bool ok)
{
    json_begin_object(j, NULL);
    json_bool(j, "ok", ok);
}

static void write_lines(struct json_out *j, const char *key, struct span lines)
{
    json_begin_array(j, key);
    while (lines.len) {
        size_t end = span_find(lines, '\n');
        json_text(j, NULL, span_part(lines, 0, end));
        lines = span_part(lines, end + 1, lines.len);
    }
    json_end_array(j);
}

/* --- processes --- */

static const char *state_of(const struct child *c)
{
    static const char *const words[] = {
        [CHILD_ABSENT] = "absent", [CHILD_DOWN] = "down",      [CHILD_STARTING] = "starting",
        [CHILD_READY] = "ready",   [CHILD_ENDING] = "ending"};
    return words[c->state];
}

static void write_child(struct json_out *j, const struct child *c)
{
    json_begin_object(j, NULL);
    json_word(j, "name", c->name);
    json_number(j, "pid", c->pid);
    json_word(j, "state", state_of(c));
    json_time(j, "started", c->pid ? c->started_at : 0);
    json_number(j, "uptime_seconds", c->pid ? now_seconds() - c->started_at : 0);
    json_number(j, "restarts", c->restarts);
    json_number(j, "memory_peak_bytes", (int64_t)child_counter(c, "process", "memory_peak_bytes"));
    json_number(j, "cpu_milliseconds", (int64_t)child_counter(c, "process", "cpu_milliseconds"));
    json_end_object(j);
}

static void write_processes(struct json_out *j, const struct supervisor *s)
{
    json_begin_array(j, "processes");
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        if (s->child[i].state != CHILD_ABSENT)
            write_child(j, &s->child[i]);
    json_end_array(j);
}

/* --- configuration, addresses, certificates --- */

static void write_configuration(struct json_out *j, const struct supervisor *s)
{
    const struct reload *r = &s->reload;
    json_begin_object(j, "configuration");
    json_text(j, "path", s->now->config->path);
    json_time(j, "loaded", r->loaded_at);
    json_bool(j, "reloading", r->state != RELOAD_IDLE);
    json_time(j, "last_failure", r->failed_at);
    write_lines(j, "last_failure_errors", span_of(r->faults.text, r->faults.len));
    json_end_object(j);
}

static void write_listeners(struct json_out *j, const struct supervisor *s)
{
    json_begin_array(j, "listen");
    for (size_t i = 0; i < s->now->config->listen_count; i++) {
        char uri[LISTENER_URI_MAX];
        listener_write_uri(uri, &s->now->listener[i].hop);
        json_word(j, NULL, uri);
    }
    json_end_array(j);
}

static void write_certificate(struct json_out *j, const char *use, struct span der)
{
    struct certificate *c;
    if (der.len == 0 || certificate_parse(der, &c) != RULE_OK)
        return;
    json_begin_object(j, NULL);
    json_word(j, "use", use);
    json_text(j, "name", certificate_shown_name(c));
    json_time(j, "not_after", c->not_after);
    int64_t left = c->not_after - now_seconds();
    json_number(j, "days_left", left < 0 ? -((DAY_SECONDS - 1 - left) / DAY_SECONDS) : left / DAY_SECONDS);
    json_end_object(j);
    certificate_release(c);
}

static void write_certificates(struct json_out *j, const struct keys *k)
{
    json_begin_array(j, "certificates");
    write_certificate(j, "keys.certificate", k->certificate);
    for (size_t i = 0; i < k->former_count; i++)
        write_certificate(j, "keys.former", k->former[i].certificate);
    for (size_t i = 0; i < k->tls_certificate_count; i++)
        write_certificate(j, "tls.certificate", k->tls_certificate[i]);
    for (size_t i = 0; i < k->reader_count; i++)
        write_certificate(j, "archive.readers", k->reader[i]);
    json_end_array(j);
}

/* --- the answers --- */

static void write_numbers(struct json_out *j, const struct supervisor *s)
{
    const struct child *net = &s->child[SUPERVISOR_CHILDREN - 1], *store = &s->child[0];
    json_number(j, "transactions", (int64_t)child_counter(net, "sip", "open"));
    json_number(j, "connections", (int64_t)child_counter(net, "transport", "connections"));
    json_number(j, "bindings", (int64_t)child_counter(net, "sip", "bindings"));
    json_number(j, "archive_records", (int64_t)child_counter(store, "store", "records"));
}

void status_write(struct json_out *j, const struct supervisor *s)
{
    begin_answer(j, true);
    json_begin_object(j, "status");
    json_word(j, "version", SIPSEAL_VERSION);
    json_number(j, "pid", getpid());
    json_word(j, "state", s->state != SUPERVISOR_RUNS ? "ending" : s->was_ready ? "working" : "starting");
    json_time(j, "started", s->since);
    json_number(j, "uptime_seconds", now_seconds() - s->since);
    write_configuration(j, s);
    write_listeners(j, s);
    write_processes(j, s);
    write_numbers(j, s);
    write_certificates(j, &s->now->keys);
    json_end_object(j);
    json_end_object(j);
}

static void write_child_counters(struct json_out *j, const struct child *c)
{
    struct cursor counters = cursor_over(child_counters(c));
    struct ipc_counter counter;
    struct span group = {0};
    char key[IPC_COUNTER_NAME_MAX + 1];
    json_begin_object(j, c->name);
    while (ipc_next_counter(&counters, &counter)) {
        if (!span_equal(counter.group, group)) {
            if (group.len)
                json_end_object(j);
            group = counter.group;
            snprintf(key, sizeof key, "%.*s", SPAN_ARGS(group));
            json_begin_object(j, key);
        }
        snprintf(key, sizeof key, "%.*s", SPAN_ARGS(counter.name));
        json_number(j, key, (int64_t)counter.value);
    }
    if (group.len)
        json_end_object(j);
    json_end_object(j);
}

void status_write_counters(struct json_out *j, const struct supervisor *s)
{
    begin_answer(j, true);
    json_begin_object(j, "counters");
    for (size_t i = 0; i < SUPERVISOR_CHILDREN; i++)
        if (child_counters(&s->child[i]).len)
            write_child_counters(j, &s->child[i]);
    json_end_object(j);
    json_end_object(j);
}

void status_write_reload(struct json_out *j, const struct supervisor *s, uint64_t number)
{
    const struct reload *r = &s->reload;
    if (r->ended < number) {
        status_write_fault(j, "the reload has not ended yet; sipseald status tells how it goes on");
        return;
    }
    begin_answer(j, r->took_place);
    if (r->took_place)
        json_word(j, "changed", r->changes);
    else
        write_lines(j, "errors", span_of(r->faults.text, r->faults.len));
    json_end_object(j);
}

void status_write_fault(struct json_out *j, const char *problem)
{
    begin_answer(j, false);
    write_lines(j, "errors", span_text(problem));
    json_end_object(j);
}
