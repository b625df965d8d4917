/* Reload: another configuration takes the place of the running one, whole or not at all.
 *
 * It is read and checked with its keys, its sockets are bound, its vaults are started beside the old ones; then net is
 * told the whole and goes on with it at once; then the old vaults end, when they have answered what they have. Until
 * net has said that it goes on, everything that fails leaves the running configuration as it is. */
#ifndef SIPSEAL_DAEMON_RELOAD_H
#define SIPSEAL_DAEMON_RELOAD_H

#include "daemon/child_setup.h"
#include "daemon/generation.h"

enum {
    RELOAD_ANSWER_LIMIT_MS = 10000, /* from the last word to net to its answer */
    RELOAD_FAULTS_MAX = 4096,       /* bytes of what is remembered of one that failed */
    RELOAD_RETIRE_LIMIT_MS = 5000,  /* for a vault's last answers, beyond limits.examine_seconds: net waits so long */
};

struct supervisor;

struct reload {
    const char *path; /* of the configuration */
    struct log *log;  /* of this process and of those that it starts: its level is the configuration's, */
    bool verbose;     /* but for this: everything is logged, whatever the configuration says */
    bool wanted;      /* a signal came that has not been heeded yet */
    enum reload_state {
        RELOAD_IDLE,
        RELOAD_STARTING, /* its vaults */
        RELOAD_TELLING,  /* net */
    } state;
    struct generation *next;
    struct setup setup; /* from `next` */
    bool other_vaults;  /* its vaults are not those that there are */
    int64_t deadline;   /* RELOAD_TELLING */
    /* What became of those that there were. */
    uint64_t begun, ended, failed;
    bool took_place;    /* the last one that has ended */
    char changes[GENERATION_CHANGES_MAX]; /* what it changed, if it did */
    int64_t loaded_at;  /* when the configuration in force was read; seconds since 1970, as is the next */
    int64_t failed_at;  /* the last one that did not take place; 0: none */
    struct faults {
        size_t len;
        char text[RELOAD_FAULTS_MAX]; /* a line each, without the last line feed; as much as fits */
    } faults, hearing; /* of that one; of the one under way */
    struct log_listener listener;   /* to the log, while one is under way */
};

/* To be called once in each turn of the supervisor: begins what is wanted when it can be, and notes the end. */
void reload_look(struct supervisor *s);
/* A child is ready: perhaps all are. */
void reload_go_on(struct supervisor *s);
/* Net has another setup (RULE_OK), or could not take it. False when it was not asked. */
bool reload_note_answer(struct supervisor *s, enum rule rule);
void reload_note_death(struct supervisor *s, const struct child *c);
/* Ends a reload that has not taken place yet, with a line event=not-reloaded; nothing happens when there is none. */
void reload_give_up(struct supervisor *s, const char *reason);
/* When reload_look is to be called at the latest, in milliseconds of the monotonic clock; INT64_MAX: never. */
int64_t reload_deadline(const struct supervisor *s);
void reload_close(struct reload *r);

#endif
