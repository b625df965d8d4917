/* What relaying costs a proxy: loads it with plain requests, and says what processor time its processes took. A word on
 * standard output and lines on standard input:
 *     port N                            the callee listens there; the proxy is to forward everything to it
 *     < connect PORT PID...             the proxy and its processes
 *     < messages|calls|open COUNT WINDOW [RATE]
 *     done COUNT CPU ELAPSED GENERATOR RESENT   seconds of processor time of the proxy's processes, of the clock, of
 *                                       this program's own processor time; requests that had to be sent again */
#include <stdio.h>
#include <stdlib.h>

#include "load_relay.h"
#include "measure.h"

enum { PROCESSES_MAX = 64, ORDER_MAX = 1024 };

struct group {
    int pid[PROCESSES_MAX];
    size_t count;
};

static double cpu_of(const struct group *g)
{
    double all = 0;
    for (size_t i = 0; i < g->count; i++)
        all += measure_cpu_of(g->pid[i]);
    return all;
}

static void meet_proxy(struct relay *r, struct group *g, char *words)
{
    char *word = strtok_r(words, " \n", &words);
    NEED(word);
    relay_connect(r, atoi(word));
    while ((word = strtok_r(words, " \n", &words))) {
        NEED(g->count < PROCESSES_MAX);
        g->pid[g->count++] = atoi(word);
    }
    NEED(g->count > 0);
}

static void run(struct relay *r, const struct group *g, const struct relay_order *order)
{
    double cpu = cpu_of(g), own = measure_clock(CLOCK_PROCESS_CPUTIME_ID), began = measure_clock(CLOCK_MONOTONIC);
    relay_run(r, order);
    double elapsed = measure_clock(CLOCK_MONOTONIC) - began;
    own = measure_clock(CLOCK_PROCESS_CPUTIME_ID) - own;
    printf("done\t%zu\t%.9f\t%.9f\t%.9f\t%zu\n", order->count, cpu_of(g) - cpu, elapsed, own, r->resent);
    fflush(stdout);
}

static enum relay_kind kind_of(const char *word)
{
    static const char *const words[] = {"messages", "calls", "open"};
    for (int i = RELAY_MESSAGES; i <= RELAY_OPEN; i++)
        if (strcmp(word, words[i]) == 0)
            return (enum relay_kind)i;
    DIE("there is no order %s", word);
}

int main(int argc, char **argv)
{
    static struct relay r;
    static struct group g;
    char line[ORDER_MAX], word[16];
    (void)argc;
    relay_listen(&r, link_kind_of(measure_text(argv + 1, "transport")), measure_text(argv + 1, "certificate"),
                 measure_text(argv + 1, "key"));
    printf("port\t%d\n", r.port);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        struct relay_order order = {0};
        int at = 0;
        NEED(sscanf(line, "%15s %n", word, &at) == 1);
        if (strcmp(word, "connect") == 0) {
            meet_proxy(&r, &g, line + at);
            continue;
        }
        order.kind = kind_of(word);
        NEED(sscanf(line + at, "%zu %zu %lf", &order.count, &order.window, &order.rate) >= 2);
        run(&r, &g, &order);
    }
    relay_close(&r);
    return 0;
}
