#include "config/locked.h"

#include <sys/mman.h>
#include <unistd.h>

bool locked_open(struct locked_memory *m, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (len + page - 1) / page * page;
    *m = (struct locked_memory){0};
    void *at = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return false;
    if (madvise(at, whole, MADV_DONTDUMP) != 0 || madvise(at, whole, MADV_DONTFORK) != 0) {
        munmap(at, whole);
        return false;
    }
    *m = (struct locked_memory){at, whole, mlock(at, whole) == 0};
    return true;
}

void locked_close(struct locked_memory *m)
{
    if (m->at) {
        bytes_wipe(m->at, m->len);
        munmap(m->at, m->len);
    }
    *m = (struct locked_memory){0};
}
