#include "daemon/control_ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/config.h"
#include "config/file.h"
#include "daemon/control.h"

#define SERVICE_SOCKET "/run/sipseal/sipseald.sock" /* packaging/sipseald.service */

/* --- where it is --- */

static void add(struct control_places *places, const char *path)
{
    if (places->count < CONTROL_PLACES_MAX && strlen(path) < PATH_MAX)
        snprintf(places->path[places->count++], PATH_MAX, "%s", path);
}

static void add_beside(struct control_places *places, const char *config)
{
    char whole[PATH_MAX], path[PATH_MAX + sizeof "/sipseald.sock"];
    if (!realpath(config, whole))
        return;
    *strrchr(whole, '/') = '\0';
    snprintf(path, sizeof path, "%s/sipseald.sock", whole);
    add(places, path);
}

/* A configuration with faults still says where the one that runs is, unless it says so itself. */
static bool add_configured(struct control_places *places, const char *config)
{
    char problem[FILE_PROBLEM_MAX];
    char *errors = malloc(CONFIG_ERRORS_MAX), *whole = realpath(config, NULL);
    struct config *c = NULL;
    uint8_t *bytes = NULL;
    size_t size;
    if (errors && whole && config_file_read(config, CONFIG_BYTES_MAX, &bytes, &size, problem))
        config_parse(whole, span_of(bytes, size), &c, errors, CONFIG_ERRORS_MAX);
    bool given = c && c->control_given;
    if (c && c->control_path)
        add(places, c->control_path);
    config_free(c);
    free(bytes);
    free(errors);
    free(whole);
    return given;
}

void control_find(struct control_places *places, const char *config, const char *control)
{
    places->count = 0;
    if (*control) {
        add(places, control);
        return;
    }
    if (add_configured(places, config))
        return;
    add_beside(places, config);
    add(places, SERVICE_SOCKET);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

int control_connect(const struct control_places *places)
{
    int first = ENOENT;
    for (size_t i = 0; i < places->count; i++) {
        int fd = connect_to(places->path[i]);
        if (fd >= 0)
            return fd;
        if (i == 0 || errno == EACCES)
            first = errno;
    }
    errno = first;
    return -1;
}

/* --- question and answer --- */

static bool send_question(int fd, const char *command)
{
    char line[CONTROL_REQUEST_MAX];
    int n = snprintf(line, sizeof line, "{\"command\":\"%s\"}\n", command);
    return n > 0 && (size_t)n < sizeof line && send(fd, line, (size_t)n, MSG_NOSIGNAL) == n;
}

/* Up to the end of the connection. */
static bool receive_all(int fd, char *room, size_t *len)
{
    for (*len = 0; *len < CONTROL_ANSWER_MAX;) {
        ssize_t got = recv(fd, room + *len, CONTROL_ANSWER_MAX - *len, 0);
        if (got == 0)
            return *len > 0;
        if (got < 0 && errno != EINTR)
            return false;
        *len += got > 0 ? (size_t)got : 0;
    }
    return true;
}

json_t *control_ask(int fd, const char *command, unsigned seconds, const char **problem)
{
    const struct timeval limit = {.tv_sec = (time_t)seconds};
    char *room = malloc(CONTROL_ANSWER_MAX);
    json_t *answer = NULL;
    size_t len;
    *problem = "it did not answer; see its log";
    if (room && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 && send_question(fd, command) &&
        receive_all(fd, room, &len)) {
        *problem = "what answers there is no sipseald of this version; look at server.control";
        answer = json_loadb(room, len, 0, NULL);
    }
    free(room);
    return answer;
}
