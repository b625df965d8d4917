/* Whole protected messages through a running sipseald: how many of them in a second of processor time of all its
 * processes, over how many the bare operations of EVP would allow for the same messages in this same process.
 *
 * A round makes a batch of messages, times the EVP operations on a sample of them, sends all of them through sipseald,
 * and times the sample again. Words on standard output, each with an answer on standard input, tell the driver when to
 * start sipseald and when to look at its memory:
 *     port N                the far side listens; answer: the port of sipseald, then name=PID of each process
 *     pause LABEL MESSAGES  sipseald rests after so many messages; answer: any line
 *     row NAME VALUE DETAIL */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evp.h"
#include "load.h"
#include "measure.h"
#include "parties.h"
#include "sipseal/cms.h"
#include "sipseal/crypto.h"

enum {
    READERS = 2, /* Bob and the proxy: what a sender writes by default */
    SAMPLE = 250,
    ROUNDS_MAX = 4096,
    PROCESSES_MAX = 40,
    SPINNERS_MAX = 256,
    MESSAGE_ROOM = 128 * 1024,
    MESSAGE_KEPT = 8192,
};

struct process {
    char name[32];
    int pid;
    double seconds; /* of processor time, in all batches */
};

struct sample {
    struct sealed_parts sealed;
    struct signed_parts signature;
    struct span opened;
};

struct bench {
    struct parties parties;
    struct evp *evp;
    struct load load;
    struct process process[PROCESSES_MAX];
    size_t process_count;
    struct arena work, kept; /* of one message; of the batch */
    struct span *message;
    struct sample sample[SAMPLE];
    size_t batch, sample_count, rounds;
    unsigned long number;
    double evp_alone[ROUNDS_MAX], evp_crowded[ROUNDS_MAX]; /* seconds a message */
    double group[ROUNDS_MAX], generator[ROUNDS_MAX], elapsed[ROUNDS_MAX];
    double ratio[ROUNDS_MAX], ratio_crowded[ROUNDS_MAX];
};

/* --- messages --- */

static void take_apart(struct bench *b, struct span body, struct sample *s)
{
    bool ok;
    struct span opened;
    NEED(cms_open(&b->work, body, &b->parties.proxy, &opened) == RULE_OK);
    body = arena_copy(&b->kept, body, &ok);
    s->opened = arena_copy(&b->kept, opened, &ok);
    NEED(ok);
    s->sealed = sealed_parts_of(body, b->parties.proxy.certificate);
    s->signature = signed_parts_of(entity_body(s->opened));
    evp_open(b->evp, &s->sealed);
    NEED(span_equal(evp_opened(b->evp), s->opened)); /* the denominator opens to the very same bytes */
}

static void make_batch(struct bench *b)
{
    const int64_t now = time(NULL);
    arena_reset(&b->kept);
    for (size_t i = 0; i < b->batch; i++) {
        const struct parties_draft draft = {
            .number = b->number++, .now = now, .sent_by = b->load.sent_by, .readers = READERS};
        bool ok;
        struct span body;
        arena_reset(&b->work);
        b->message[i] = arena_copy(&b->kept, parties_message(&b->parties, &draft, &b->work, &body), &ok);
        NEED(ok);
        if (i < b->sample_count)
            take_apart(b, body, &b->sample[i]);
    }
}

/* --- the operations that this configuration cannot do without --- */

static void do_sample(struct bench *b)
{
    for (size_t i = 0; i < b->sample_count; i++) {
        evp_open(b->evp, &b->sample[i].sealed);
        evp_verify(b->evp, &b->sample[i].signature);
        evp_archive(b->evp, b->sample[i].opened);
    }
}

static double time_sample(struct bench *b)
{
    double before = measure_clock(CLOCK_PROCESS_CPUTIME_ID);
    do_sample(b);
    return (measure_clock(CLOCK_PROCESS_CPUTIME_ID) - before) / (double)b->sample_count;
}

/* The same while every other processor does the same: processors that share a core, a cache or a budget of power are
 * then as slow as they are while all of sipseald's processes run. */
static double time_sample_crowded(struct bench *b)
{
    pid_t spinner[SPINNERS_MAX];
    long others = sysconf(_SC_NPROCESSORS_ONLN) - 1;
    int started[2];
    char byte = 0;
    NEED(pipe(started) == 0 && others <= SPINNERS_MAX);
    for (long i = 0; i < others; i++) {
        NEED((spinner[i] = fork()) >= 0);
        if (spinner[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            NEED(write(started[1], &byte, 1) == 1);
            for (;;)
                do_sample(b);
        }
    }
    for (long i = 0; i < others; i++)
        NEED(read(started[0], &byte, 1) == 1);
    double seconds = time_sample(b);
    for (long i = 0; i < others; i++) {
        kill(spinner[i], SIGKILL);
        waitpid(spinner[i], NULL, 0);
    }
    close(started[0]);
    close(started[1]);
    return seconds;
}

/* --- rounds --- */

static double group_cpu(struct bench *b, double sign)
{
    double all = 0;
    for (size_t i = 0; i < b->process_count; i++) {
        double seconds = measure_cpu_of(b->process[i].pid);
        b->process[i].seconds += sign * seconds;
        all += seconds;
    }
    return all;
}

static void one_round(struct bench *b, size_t window)
{
    size_t r = b->rounds++;
    NEED(r < ROUNDS_MAX);
    make_batch(b);
    double evp = time_sample(b), crowded = time_sample_crowded(b);
    double group = group_cpu(b, -1), own = measure_clock(CLOCK_PROCESS_CPUTIME_ID);
    double began = measure_clock(CLOCK_MONOTONIC);
    load_run(&b->load, b->message, b->batch, window);
    b->elapsed[r] = measure_clock(CLOCK_MONOTONIC) - began;
    b->generator[r] = measure_clock(CLOCK_PROCESS_CPUTIME_ID) - own;
    b->evp_alone[r] = (evp + time_sample(b)) / 2;
    b->evp_crowded[r] = (crowded + time_sample_crowded(b)) / 2;
    b->group[r] = (group_cpu(b, 1) - group) / (double)b->batch; /* with what it did after its last response */
    b->ratio[r] = b->evp_alone[r] / b->group[r];
    b->ratio_crowded[r] = b->evp_crowded[r] / b->group[r];
}

static void pause_here(const char *label, size_t messages)
{
    char line[64];
    printf("pause\t%s\t%zu\n", label, messages);
    fflush(stdout);
    NEED(fgets(line, sizeof line, stdin));
}

static void report(struct bench *b, size_t messages)
{
    size_t n = b->rounds;
    double total = 0, elapsed = 0, generator = 0;
    for (size_t i = 0; i < b->process_count; i++)
        total += b->process[i].seconds;
    for (size_t i = 0; i < n; i++) {
        elapsed += b->elapsed[i];
        generator += b->generator[i];
    }
    double rate = 1 / measure_median(b->group, n), allowed = 1 / measure_median(b->evp_alone, n);
    double crowded = 1 / measure_median(b->evp_crowded, n);
    double low = measure_percentile(b->ratio, n, 25), high = measure_percentile(b->ratio, n, 75);
    measure_row("message through sipseald / EVP", measure_median(b->ratio, n),
                "%.0f / %.0f messages a CPU second; half of the rounds within %.3f to %.3f", rate, allowed, low, high);
    measure_row("message through sipseald / EVP on all processors at once", measure_median(b->ratio_crowded, n),
                "%.0f / %.0f messages a CPU second", rate, crowded);
    for (size_t i = 0; i < b->process_count; i++) {
        char name[96];
        snprintf(name, sizeof name, "CPU share of %s", b->process[i].name);
        measure_row(name, b->process[i].seconds / total, "%.1f us a message",
                    1e6 * b->process[i].seconds / (double)messages);
    }
    measure_row("processors used by sipseald", total / elapsed, "%.0f messages a second of the clock",
                (double)messages / elapsed);
    measure_row("processors used by the load generator", generator / elapsed, "%.1f us a message",
                1e6 * generator / (double)messages);
}

/* --- the driver --- */

static void meet_driver(struct bench *b)
{
    char line[4096], *word, *rest = line;
    printf("port\t%d\n", b->load.port);
    fflush(stdout);
    NEED(fgets(line, sizeof line, stdin) && (word = strtok_r(rest, " \n", &rest)));
    load_connect(&b->load, atoi(word));
    while ((word = strtok_r(rest, " \n", &rest))) {
        struct process *p = &b->process[b->process_count++];
        NEED(b->process_count <= PROCESSES_MAX && sscanf(word, "%31[^=]=%d", p->name, &p->pid) == 2);
    }
    NEED(b->process_count > 0);
}

int main(int argc, char **argv)
{
    static struct bench b;
    size_t messages = measure_number(argv + 1, "messages", 100000), warm = measure_number(argv + 1, "warm", 5000);
    size_t window = measure_number(argv + 1, "window", 32), done = 0;
    (void)argc;
    b.batch = measure_number(argv + 1, "batch", 1000);
    b.sample_count = b.batch < SAMPLE ? b.batch : SAMPLE;
    b.message = calloc(b.batch, sizeof *b.message);
    NEED(b.message && messages % b.batch == 0 && warm % b.batch == 0 && warm <= messages);
    NEED(crypto_prepare() == RULE_OK);
    parties_load(&b.parties, measure_text(argv + 1, "alice"), measure_text(argv + 1, "bob"),
                 measure_text(argv + 1, "proxy"));
    b.evp = evp_new(&b.parties.proxy, &b.parties.alice);
    NEED(arena_open(&b.work, MESSAGE_ROOM) &&
         arena_open(&b.kept, b.batch * MESSAGE_KEPT + b.sample_count * 2 * MESSAGE_KEPT));
    load_listen(&b.load);
    meet_driver(&b);
    pause_here("started", done);
    for (; done < messages; done += b.batch) {
        if (done == warm)
            pause_here("warm", done);
        one_round(&b, window);
    }
    pause_here("end", done);
    report(&b, messages);
    load_close(&b.load);
    evp_free(b.evp);
    parties_clear(&b.parties);
    arena_close(&b.kept);
    arena_close(&b.work);
    free(b.message);
    return 0;
}
