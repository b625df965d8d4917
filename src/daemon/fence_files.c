/* Landlock. Its numbers are written out here, since the headers of Debian 12 know version 2 alone, and the kernel may
 * know more; each name is that of linux/landlock.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
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
    RIGHTS_TO_READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,

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
    if (kind == FENCE_PARENT)
        all.files &= ~(uint64_t)RIGHTS_TO_READ; /* it reads what a new configuration names, wherever that is */
    if (version >= 4) {
        all.net = kind == FENCE_PARENT ? 0 : NET_BIND_TCP; /* it binds what the configuration says */
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

/* A ruleset takes no rule with a right that it does not handle. */
static bool allow_path(int ruleset, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = rights,
        .parent_fd = open(path, O_PATH | O_CLOEXEC),
    };
    if (rule.parent_fd < 0)
        return false;
    bool allowed = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return allowed;
}

/* What SQLite does in the folder of a database: the files themselves, their logs beside them, and syncing the folder. */
static uint64_t rights_to_folder(enum fence_kind kind, int version)
{
    uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                      LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                      (version >= 3 ? RIGHT_TRUNCATE : 0);
    return kind == FENCE_PARENT ? rights & ~(uint64_t)RIGHTS_TO_READ : rights;
}

/* Cuts the name of the file off. */
static void cut_name(char *path)
{
    char *name = strrchr(path, '/');
    if (name == path)
        name++;
    if (name)
        *name = '\0';
    else
        memcpy(path, ".", 2);
}

/* The folder in which a file lies, behind all links; that of the name when there is no such file yet. */
static bool allow_folder_of(int ruleset, const char *file, uint64_t rights)
{
    char path[PATH_MAX];
    if (!realpath(file, path)) {
        if (errno != ENOENT || strlen(file) >= sizeof path)
            return false;
        memcpy(path, file, strlen(file) + 1);
    }
    cut_name(path);
    return allow_path(ruleset, path, rights);
}

/* --- programs --- */

/* What the system runs to load the programs: the one that has loaded this one. Null where there is none. */
static const char *loader(void)
{
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR), *self = NULL, *name = NULL;
    for (size_t i = 0; headers && i < getauxval(AT_PHNUM); i++) {
        if (headers[i].p_type == PT_PHDR)
            self = &headers[i];
        if (headers[i].p_type == PT_INTERP)
            name = &headers[i];
    }
    return self && name ? (const char *)headers - self->p_vaddr + name->p_vaddr : NULL;
}

/* By their folders, since an upgrade puts other files in place of these. */
static bool allow_programs(int ruleset, const struct fence_paths *paths)
{
    const char *load = loader();
    return allow_path(ruleset, paths->libexec, LANDLOCK_ACCESS_FS_EXECUTE) &&
           (!load || allow_folder_of(ruleset, load, LANDLOCK_ACCESS_FS_EXECUTE));
}

bool fence_files(enum fence_kind kind, const struct fence_paths *paths, int version)
{
    if (version < 1)
        return true;
    int ruleset = make_ruleset(kind, version);
    if (ruleset < 0)
        return false;
    bool done = !paths->libexec || allow_programs(ruleset, paths);
    for (size_t i = 0; i < paths->database_count && done; i++)
        done = !paths->database[i] || allow_folder_of(ruleset, paths->database[i], rights_to_folder(kind, version));
    done = done && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    int error = errno;
    close(ruleset);
    errno = error;
    return done;
}
