/* sipseald-store: the archive, the replay memory, and who is registered. It has no key and knows no SIP (docs/architecture.md).
 *
 * It answers only what is durable. Everything that waits on its channel shares one commit. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/fence.h"
#include "daemon/process.h"
#include "daemon/store_batch.h"
#include "daemon/store_page.h"

enum {
    RETRY_MS = 1000,
    GATHER_MS = 1, /* under load, messages are let come for so long before they are taken, so that more share a commit */
    ANSWER_MAX = 64,
    EXIT_FAULT = 1,
    EXIT_USAGE = 2,
};

struct store {
    struct log log;
    struct archive_db *archive;
    struct store_db *store; /* replay memory, and who is registered */
    struct store_batch batch;
    struct store_page page;
    struct ipc_load load;   /* net asks for a page of who is registered, once the batch is done */
    bool load_asked;
    uint8_t load_after[IPC_AOR_MAX];
    int net; /* the channel to net; -1: none */
    bool archive_gone, store_gone; /* as last logged */
    uint64_t lost;                  /* as last logged */
    bool busy;                      /* the last batch held more than one message */
    uint8_t *datagram;              /* IPC_BATCH_MAX times IPC_MESSAGE_MAX bytes */
};

/* What becomes of the process after something was handled. A fault has been logged. */
enum course { GO_ON, END, FAULT };

static enum course bad_message(const struct store *s, const char *channel)
{
    LOG(&s->log, LOG_LEVEL_ERROR, "bad-message", log_word("channel", channel), log_rule(RULE_IPC));
    return FAULT;
}

/* --- setup --- */

static enum rule open_databases(struct store *s, const struct ipc_store_setup *setup)
{
    enum rule rule = RULE_NO_MEMORY;
    char *store_path = strndup((const char *)setup->store_path.at, setup->store_path.len);
    char *archive_path = setup->archive_path.len
                             ? strndup((const char *)setup->archive_path.at, setup->archive_path.len)
                             : NULL;
    if (store_path && (archive_path || !setup->archive_path.len))
        rule = store_db_open(store_path, &s->store);
    if (rule == RULE_OK && archive_path)
        rule = archive_db_open(archive_path, false, &s->archive);
    if (rule == RULE_OK)
        rule = fence_enter(FENCE_STORE, &(struct fence_paths){.database = (const char *const[]){store_path, archive_path},
                                                      .database_count = 2},
                           &s->log);
    free(store_path);
    free(archive_path);
    if (rule == RULE_OK && (!store_batch_open(&s->batch, s->archive, s->store) || !store_page_open(&s->page)))
        rule = RULE_NO_MEMORY;
    return rule;
}

static enum course set_up(struct store *s, struct cursor *fields)
{
    struct ipc_store_setup setup;
    enum rule rule = s->store ? RULE_IPC : ipc_read_store_setup(fields, &setup);
    if (rule == RULE_OK)
        rule = open_databases(s, &setup);
    if (rule == RULE_OK)
        LOG(&s->log, LOG_LEVEL_INFO, "ready", log_word("archive", s->archive ? "yes" : "no"));
    else
        LOG(&s->log, LOG_LEVEL_ERROR, "setup-failed", log_rule(rule));
    return channel_tell_parent(rule) && rule == RULE_OK ? GO_ON : FAULT;
}

/* --- messages of net --- */

/* At most IPC_BATCH_MAX of them. False when net is gone. */
static bool send_answers(int fd, const struct store_answer *first, size_t count)
{
    uint8_t bytes[IPC_BATCH_MAX][ANSWER_MAX];
    struct span datagram[IPC_BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        struct writer w = writer_over(bytes[i], sizeof bytes[i]);
        if (first[i].kind == IPC_BOUND)
            ipc_write_bound(&w, first[i].job, first[i].admitted.rule);
        else
            ipc_write_admitted(&w, first[i].job, &first[i].admitted);
        datagram[i] = writer_span(&w);
    }
    return channel_send_all(fd, datagram, count);
}

static void answer(struct store *s)
{
    const struct store_batch *b = &s->batch;
    for (size_t done = 0, count; done < b->answer_count; done += count) {
        count = b->answer_count - done < IPC_BATCH_MAX ? b->answer_count - done : IPC_BATCH_MAX;
        if (!send_answers(s->net, b->answer + done, count))
            return;
    }
}

static void log_side(struct store *s, const char *name, const struct store_side *side, bool *gone)
{
    bool now_gone = side->broken != RULE_OK;
    if (now_gone && !*gone)
        LOG(&s->log, LOG_LEVEL_ERROR, "store-gone", log_word("file", name), log_rule(side->broken));
    else if (!now_gone && side->begun && *gone)
        LOG(&s->log, LOG_LEVEL_WARNING, "store-back", log_word("file", name));
    if (side->begun || now_gone)
        *gone = now_gone;
}

static void commit(struct store *s)
{
    struct store_batch *b = &s->batch;
    store_batch_commit(b);
    log_side(s, "archive", &b->archive_side, &s->archive_gone);
    log_side(s, "replay", &b->store_side, &s->store_gone);
    uint64_t lost = b->counters.lost;
    if (lost != s->lost)
        LOG(&s->log, LOG_LEVEL_ERROR, "responses-lost", log_number("count", (int64_t)(lost - s->lost)));
    s->lost = lost;
    answer(s);
}

/* What is asked for is read when what came before it is kept. */
static void note_load(struct store *s, const struct ipc_load *load)
{
    struct writer w = writer_over(s->load_after, sizeof s->load_after);
    writer_put(&w, load->after);
    s->load = (struct ipc_load){load->now, writer_span(&w)};
    s->load_asked = true;
}

static void answer_load(struct store *s)
{
    if (!s->load_asked || s->net < 0)
        return;
    s->load_asked = false;
    store_page_read(&s->page, s->store, &s->load);
    struct writer w = writer_over(s->datagram, IPC_MESSAGE_MAX);
    ipc_write_bindings(&w, &s->page.bindings);
    const struct span datagram = writer_span(&w);
    channel_send_all(s->net, &datagram, 1); /* a net that is gone is found out when it is read from */
}

static bool take_message(struct store *s, struct span datagram)
{
    struct ipc_header header;
    struct cursor fields;
    struct ipc_admit admit;
    struct ipc_complete complete;
    struct ipc_bind bind;
    struct ipc_load load;
    if (ipc_read_header(datagram, &header, &fields) != RULE_OK)
        return false;
    if (header.kind == IPC_ADMIT && ipc_read_admit(&fields, &admit) == RULE_OK)
        store_batch_admit(&s->batch, header.job, &admit);
    else if (header.kind == IPC_COMPLETE && ipc_read_complete(&fields, &complete) == RULE_OK)
        store_batch_complete(&s->batch, &complete);
    else if (header.kind == IPC_BIND && ipc_read_bind(&fields, &bind) == RULE_OK)
        store_batch_bind(&s->batch, header.job, &bind);
    else if (header.kind == IPC_LOAD && ipc_read_load(&fields, &load) == RULE_OK)
        note_load(s, &load);
    else
        return false;
    return true;
}

static void close_net(struct store *s)
{
    close(s->net);
    s->net = -1;
}

/* Takes what waits on the channel, but no more than makes a batch; `*count` is how many that are. */
static enum channel_result take_messages(struct store *s, size_t *count, bool *sound)
{
    enum channel_result result = CHANNEL_DONE;
    struct span datagram[IPC_BATCH_MAX];
    *count = 0;
    *sound = true;
    while (*sound && *count < STORE_BATCH_MAX && result == CHANNEL_DONE) {
        size_t got, taken = 0, room = STORE_BATCH_MAX - *count;
        result = channel_receive_many(s->net, s->datagram, datagram, room, &got);
        while (*sound && taken < got)
            *sound = take_message(s, datagram[taken++]);
        *count += taken;
    }
    return result;
}

/* One batch of what waits on the channel. `*more` when it was full and more may wait. */
static enum course run_batch(struct store *s, bool *more)
{
    size_t count = 0;
    bool sound = true;
    store_batch_begin(&s->batch);
    enum channel_result result = s->net >= 0 ? take_messages(s, &count, &sound) : CHANNEL_AGAIN;
    commit(s); /* what came before a fault is kept and answered */
    answer_load(s);
    s->busy = count > 1;
    *more = result == CHANNEL_DONE && sound && count == STORE_BATCH_MAX;
    if (!sound)
        return bad_message(s, "net");
    if (result == CHANNEL_CLOSED)
        close_net(s);
    return GO_ON;
}

/* Everything that waits on the channel. What net has told before it ended, or before it was told to, is kept. */
static enum course drain_net(struct store *s)
{
    bool more = s->net >= 0;
    enum course course = GO_ON;
    while (more && course == GO_ON)
        course = run_batch(s, &more);
    return course;
}

/* --- messages of the parent --- */

static enum course replace_net(struct store *s, int fd)
{
    enum course course = drain_net(s);
    if (s->net >= 0)
        close_net(s);
    s->net = fd;
    s->load_asked = false;
    return course;
}

static enum course take_channel(struct store *s, struct cursor *fields, int *fd)
{
    uint32_t number;
    if (!s->store || *fd < 0 || ipc_read_channel(fields, &number) != RULE_OK || fcntl(*fd, F_SETFL, O_NONBLOCK) != 0)
        return bad_message(s, "control");
    int taken = *fd;
    *fd = -1;
    return replace_net(s, taken);
}

static enum course take_control(struct store *s, struct span datagram, int *fd)
{
    struct ipc_header header;
    struct cursor fields;
    if (ipc_read_header(datagram, &header, &fields) != RULE_OK)
        return bad_message(s, "control");
    switch (header.kind) {
    case IPC_SETUP_STORE:
        return set_up(s, &fields);
    case IPC_CHANNEL_STORE:
        return take_channel(s, &fields, fd);
    case IPC_COUNTERS:
    case IPC_REPORT:
        return s->store && counters_answer(header.kind, &fields, &s->log, store_batch_count, &s->batch)
                   ? GO_ON
                   : bad_message(s, "control");
    case IPC_STOP:
        return ipc_read_bare(&fields) == RULE_OK ? END : bad_message(s, "control");
    default:
        return bad_message(s, "control");
    }
}

static enum course handle_control(struct store *s)
{
    struct span datagram;
    int fd = -1;
    size_t fd_count = 0;
    if (channel_receive(IPC_CONTROL_FD, s->datagram, IPC_MESSAGE_MAX, &datagram, &fd, 1, &fd_count) != CHANNEL_DONE)
        return END; /* the parent is gone */
    if (fd_count == 0)
        fd = -1;
    enum course course = take_control(s, datagram, &fd);
    if (fd >= 0)
        close(fd);
    return course;
}

/* --- the loop --- */

/* A store that has much to do does not wait for the next message but for more than one. */
static enum course wait_and_handle(struct store *s)
{
    struct pollfd wait[2] = {{.fd = IPC_CONTROL_FD, .events = POLLIN}, {.fd = s->net, .events = POLLIN}};
    bool pending = s->batch.pending_count > 0;
    int ready = s->busy ? poll(wait, 1, GATHER_MS) : poll(wait, 2, pending ? RETRY_MS : -1);
    enum course course = GO_ON;
    bool more;
    if (ready < 0 && errno != EINTR) {
        LOG(&s->log, LOG_LEVEL_ERROR, "cannot-wait", log_number("errno", errno));
        return FAULT;
    }
    if (s->busy || wait[1].revents || (ready == 0 && pending))
        course = run_batch(s, &more);
    if (course == GO_ON && wait[0].revents)
        course = handle_control(s);
    return course;
}

static int run(struct store *s)
{
    enum course course = GO_ON;
    while (course == GO_ON)
        course = wait_and_handle(s);
    if (course == END)
        course = drain_net(s) == GO_ON ? END : FAULT;
    return course == END ? EXIT_SUCCESS : EXIT_FAULT;
}

int main(int argc, char **argv)
{
    struct store s = {.net = -1};
    if (!process_begin(argc, argv, &s.log))
        return EXIT_USAGE;
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk, not the end */
    s.datagram = malloc((size_t)IPC_BATCH_MAX * IPC_MESSAGE_MAX);
    int status = s.datagram ? run(&s) : EXIT_FAULT;
    if (s.store)
        store_batch_count(&s.batch, &(struct counters_to){.log = &s.log});
    if (s.net >= 0)
        close_net(&s);
    store_batch_close(&s.batch);
    archive_db_close(s.archive);
    store_db_close(s.store);
    store_page_close(&s.page);
    free(s.datagram);
    return status;
}
