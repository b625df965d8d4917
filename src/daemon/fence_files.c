/* Landlock. Its numbers are written out here, since the headers of Debian 12 know version 2 alone, and the kernel may
 * know more; each name is that of linux/landlock.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/fence.h"

enum {
    /* The rights over files that version 1 has, and what versions 2 (REFER), 3 (TRUNCATE) and 5 (IOCTL_DEV) added. */
    RIGHTS_1 = (1 << 13) - 1,
    RIGHTS_2 = (1 << 14) - 1,
    RIGHTS_3 = (1 << 15) - 1,
    RIGHTS_5 = (1 << 16) - 1,
    RIGHT_TRUNCATE = 1 << 14,

    NET_BIND_TCP = 1 << 0, /* version 4 */
    RULE_NET_PORT = 2,

    /* Version 6: neither abstract UNIX sockets nor signals reach out of the process. */
    SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0,
    SCOPE_SIGNAL = 1 << 1,
};

/* struct landlock_ruleset_attr of version 6. A kernel is given as much of it as it knows. */
struct ruleset {
    uint64_t files, net, scoped;
};

/* struct landlock_net_port_attr */
struct port_rule {
    uint64_t access, port;
};

int fence_landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

static uint64_t rights_of(int version)
{
    return version >= 5 ? RIGHTS_5 : version >= 3 ? RIGHTS_3 : version == 2 ? RIGHTS_2 : RIGHTS_1;
}

/* All that the kernel can forbid; net alone is left what it needs of the network. */
static int make_ruleset(enum fence_kind kind, int version)
{
    struct ruleset all = {.files = rights_of(version)};
    size_t size = sizeof all.files;
    if (version >= 4) {
        all.net = NET_BIND_TCP;
        size += sizeof all.net;
    }
    if (version >= 6) {
        all.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
        size += sizeof all.scoped;
    }
    int fd = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
    /* Connections leave from an address of a listener, and a port that the system chooses. */
    const struct port_rule any_free_port = {.access = NET_BIND_TCP, .port = 0};
    if (fd >= 0 && kind == FENCE_NET && version >= 4 &&
        syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &any_free_port, 0) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool allow_folder(int ruleset, const char *folder, int version)
{
    /* What SQLite does there: the files themselves, their logs beside them, and syncing the folder. */
    struct landlock_path_beneath_attr rule = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                          LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                          (version >= 3 ? RIGHT_TRUNCATE : 0),
        .parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
    };
    if (rule.parent_fd < 0)
        return false;
    bool allowed = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return allowed;
}

/* SQLite follows a link to a database, and keeps its logs beside the file itself. */
static bool allow_folder_of(int ruleset, const char *database, int version)
{
    char path[PATH_MAX];
    if (!realpath(database, path))
        return false;
    char *name = strrchr(path, '/');
    if (name == path)
        name++;
    *name = '\0';
    return allow_folder(ruleset, path, version);
}

bool fence_files(enum fence_kind kind, const char *const database[], size_t count, int version)
{
    if (version < 1)
        return true;
    int ruleset = make_ruleset(kind, version);
    if (ruleset < 0)
        return false;
    bool done = true;
    for (size_t i = 0; i < count && done; i++)
        done = !database[i] || allow_folder_of(ruleset, database[i], version);
    done = done && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    int error = errno;
    close(ruleset);
    errno = error;
    return done;
}
