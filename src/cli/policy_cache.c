#include "cli/policy_cache.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ua/party.h"

#define SUFFIX ".p7m"

/* The XDG base directories: an unset or relative value is as good as none. */
static bool cache_folder(char out[PATH_MAX])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int len = cache && cache[0] == '/' ? snprintf(out, PATH_MAX, "%s/sipseal/policy", cache)
                                       : snprintf(out, PATH_MAX, "%s/.cache/sipseal/policy", home ? home : ".");
    return len > 0 && len < PATH_MAX;
}

bool policy_cache_path(struct span host, char out[PATH_MAX])
{
    char folder[PATH_MAX];
    struct party party;
    return party_parse(host, &party) && !party.is_user && cache_folder(folder) &&
           file_path(out, folder, span_text(party.file), SUFFIX);
}

struct span policy_cache_load(struct arena *arena, struct span host)
{
    char path[PATH_MAX];
    struct file_bytes file = {0};
    struct span der = SPAN("");
    if (policy_cache_path(host, path) && file_read(path, POLICY_OBJECT_BYTES_MAX, false, &file) == FILE_DONE)
        der = arena_copy(arena, file_span(&file), NULL);
    file_clear(&file);
    return der;
}

bool policy_cache_issued(struct arena *arena, struct span host, int64_t *issued)
{
    size_t mark = arena_mark(arena);
    struct span der = policy_cache_load(arena, host);
    struct policy_object *object = arena_take(arena, sizeof *object);
    bool known = der.len > 0 && object && policy_object_look(der, arena, object) == RULE_OK;
    if (known)
        *issued = object->issued;
    arena_rewind(arena, mark);
    return known;
}

/* --- the folder --- */

static int is_object(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name), suffix = strlen(SUFFIX);
    return len > suffix && strcmp(entry->d_name + len - suffix, SUFFIX) == 0;
}

void policy_cache_each(bool (*take)(void *context, struct span host), void *context)
{
    char folder[PATH_MAX];
    struct dirent **entries;
    int count = cache_folder(folder) ? scandir(folder, &entries, is_object, alphasort) : -1;
    bool more = true;
    for (int i = 0; i < count; i++) {
        struct span name = span_text(entries[i]->d_name);
        more = more && take(context, span_part(name, 0, name.len - strlen(SUFFIX)));
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* One of many is forgotten: what it said is learnt again when it is needed. */
static void make_room(const char *folder)
{
    struct dirent **entries;
    char path[PATH_MAX], oldest[PATH_MAX] = "";
    time_t since = 0;
    int count = scandir(folder, &entries, is_object, NULL);
    for (int i = 0; i < count; i++) {
        struct stat st;
        if (file_path(path, folder, span_text(entries[i]->d_name), "") && stat(path, &st) == 0 &&
            (!*oldest || st.st_mtime < since)) {
            snprintf(oldest, sizeof oldest, "%s", path);
            since = st.st_mtime;
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    if (count >= POLICY_CACHE_FILES_MAX && *oldest)
        unlink(oldest);
}

void policy_cache_store(const struct cli *cli, struct span host, struct span der)
{
    char folder[PATH_MAX], path[PATH_MAX];
    if (!cache_folder(folder) || !policy_cache_path(host, path))
        return;
    enum file_result result = folder_make(folder);
    if (result == FILE_DONE && !file_exists(path))
        make_room(folder);
    if (result == FILE_DONE)
        result = file_write(path, der, FILES_SECRET_MODE, true);
    if (result != FILE_DONE)
        cli_note(cli, "%s: %s; the policy is not remembered", path, file_problem(result));
}
