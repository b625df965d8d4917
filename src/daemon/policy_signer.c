#include "daemon/policy_signer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sipseal/cms.h"

/* --- what it says --- */

static void describe_rule(const struct config *config, const struct policy_rule *rule, struct policy_object_rule *out)
{
    *out = (struct policy_object_rule){.rule = *rule};
    if (config->archive_path && rule->require & LABEL_VIEW)
        out->purpose = SPAN("message archive");
}

void policy_signer_describe(const struct config *config, const struct keys *keys, int64_t now,
                            struct policy_object *out)
{
    *out = (struct policy_object){
        .domain = config->policy_object.domain,
        .issued = now,
        .expires_in = (uint32_t)config->policy_object.expires_in,
        .proxy = {{.host = config->name[0], .seal_to = {keys->certificate}, .seal_to_count = 1}},
        .proxy_count = 1,
        .bytes = config->limits.message_bytes,
        .parts = MIME_PARTS_MAX,
        .depth = MIME_DEPTH_MAX,
    };
    for (size_t i = 0; i < config->policy.rule_count; i++)
        if (config->policy.rule[i].mode == POLICY_ENFORCE) /* what is only watched is asked of nobody */
            describe_rule(config, &config->policy.rule[i], &out->rule[out->rule_count++]);
}

/* --- bytes through pipes --- */

static bool read_all(int fd, uint8_t *room, size_t cap, size_t *len)
{
    for (*len = 0; *len < cap;) {
        ssize_t n = read(fd, room + *len, cap - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        *len += (size_t)n;
    }
    return true;
}

static bool write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.at, bytes.len);
        if (n <= 0)
            return false;
        bytes = span_part(bytes, (size_t)n, bytes.len);
    }
    return true;
}

/* --- the process that signs --- */

/* The parent's locked memory is not there in a process that it forked: the one key that is needed comes by a pipe. */
static enum rule load_signer(const struct keys *keys, int key_fd, struct identity *signer)
{
    bool own = keys->policy_object_certificate.len > 0;
    struct locked_memory secret;
    size_t len;
    if (!locked_open(&secret, CONFIG_KEY_MAX))
        return RULE_NO_MEMORY;
    enum rule rule = RULE_CRYPTO_LIBRARY;
    if (read_all(key_fd, secret.at, CONFIG_KEY_MAX, &len))
        rule = identity_load(own ? keys->policy_object_certificate : keys->certificate, span_of(secret.at, len),
                             signer);
    locked_close(&secret);
    return rule;
}

static enum rule sign(const struct config *config, const struct keys *keys, int64_t now, int key_fd,
                      struct arena *arena, struct span *der)
{
    struct policy_object *object = arena_take(arena, sizeof *object);
    struct identity signer;
    if (!object)
        return RULE_NO_MEMORY;
    policy_signer_describe(config, keys, now, object);
    enum rule rule = load_signer(keys, key_fd, &signer);
    return rule == RULE_OK ? policy_object_sign(object, &signer, arena, der) : rule;
}

/* The rule in one byte, then the object. */
_Noreturn static void sign_and_tell(const struct config *config, const struct keys *keys, int64_t now, int key_fd,
                                    int fd)
{
    struct arena arena;
    struct span der = {0};
    bool room = arena_open(&arena, POLICY_OBJECT_ARENA + CMS_OVERHEAD_MAX);
    uint8_t rule = (uint8_t)(room ? sign(config, keys, now, key_fd, &arena, &der) : RULE_NO_MEMORY);
    _Static_assert(RULE_COUNT <= UINT8_MAX, "a rule is one byte");
    bool told = write_all(fd, span_of(&rule, 1)) && (rule != RULE_OK || write_all(fd, der));
    _exit(told ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* --- the process that waits for it --- */

static bool ended_well(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static enum rule hear(int fd, pid_t pid, uint8_t *room, struct span *der)
{
    uint8_t rule = RULE_CRYPTO_LIBRARY;
    size_t said, len = 0;
    bool heard = read_all(fd, &rule, 1, &said) && said == 1 && read_all(fd, room, POLICY_OBJECT_BYTES_MAX, &len);
    close(fd);
    if (!ended_well(pid) || !heard || rule >= RULE_COUNT || (rule == RULE_OK && len == 0))
        return RULE_CRYPTO_LIBRARY;
    *der = span_of(room, len);
    return (enum rule)rule;
}

/* A pipe that holds the key, which is smaller than what a pipe takes; -1 when there is none. */
static int give_key(const struct keys *keys)
{
    bool own = keys->policy_object_certificate.len > 0;
    int fd[2];
    _Static_assert(CONFIG_KEY_MAX <= 65536, "a pipe takes it whole");
    if (pipe2(fd, O_CLOEXEC) != 0)
        return -1;
    bool given = write_all(fd[1], own ? keys->policy_object_private_key : keys->private_key);
    close(fd[1]);
    if (given)
        return fd[0];
    close(fd[0]);
    return -1;
}

enum rule policy_signer_run(const struct config *config, const struct keys *keys, int64_t now, uint8_t *room,
                            struct span *der)
{
    int fd[2], key_fd = give_key(keys);
    if (key_fd < 0)
        return RULE_NO_MEMORY;
    if (pipe2(fd, O_CLOEXEC) != 0) {
        close(key_fd);
        return RULE_NO_MEMORY;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        sign_and_tell(config, keys, now, key_fd, fd[1]);
    }
    close(fd[1]);
    close(key_fd);
    if (pid > 0)
        return hear(fd[0], pid, room, der);
    close(fd[0]);
    return RULE_NO_MEMORY;
}
