/* A folder of its own for a test that needs files; it is taken away with all that is in it. */
#ifndef SIPSEAL_TESTS_UNIT_SCRATCH_H
#define SIPSEAL_TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct scratch {
    char folder[PATH_MAX];
    char path[PATH_MAX + NAME_MAX]; /* the last that was asked for */
};

static inline void scratch_make(struct scratch *s)
{
    const char *base = getenv("TMPDIR");
    snprintf(s->folder, sizeof s->folder, "%s/sipseal-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(s->folder));
}

/* The path of a file in the folder, until the next call. */
static inline const char *scratch_path(struct scratch *s, const char *name)
{
    snprintf(s->path, sizeof s->path, "%s/%s", s->folder, name);
    return s->path;
}

static inline int scratch_remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline void scratch_remove(struct scratch *s)
{
    assert_int_equal(nftw(s->folder, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
