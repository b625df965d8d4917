/* Asking a sipseald that runs, over its control socket (control.h). */
#ifndef SIPSEAL_DAEMON_CONTROL_ASK_H
#define SIPSEAL_DAEMON_CONTROL_ASK_H

#include <jansson.h>
#include <limits.h>

enum { CONTROL_PLACES_MAX = 3 };

/* Where the socket may be: `control`, unless that is empty; else what the configuration says; where it says nothing or
 * cannot be read, beside it and where a service manager makes folders. */
struct control_places {
    char path[CONTROL_PLACES_MAX][PATH_MAX];
    size_t count;
};
void control_find(struct control_places *places, const char *config, const char *control);

/* Connects to the first of them at which somebody answers. -1, with errno of the first of them. */
int control_connect(const struct control_places *places);

/* One question, one answer, within `seconds`. Null when none came, or what came is no answer: `problem` says which. The
 * caller owns it. */
json_t *control_ask(int fd, const char *command, unsigned seconds, const char **problem);

#endif
