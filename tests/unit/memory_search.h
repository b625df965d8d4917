/* Looks for bytes in the memory of a process. A search that finds nothing must come with one that finds something. */
#ifndef SIPSEAL_TESTS_UNIT_MEMORY_SEARCH_H
#define SIPSEAL_TESTS_UNIT_MEMORY_SEARCH_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

enum { MEMORY_PATTERN = 32, MEMORY_CHUNK = 1 << 20 };

/* What is looked for, with every bit inverted, so that the search does not find itself. */
static inline void memory_mask(uint8_t masked[MEMORY_PATTERN], const void *pattern)
{
    for (size_t i = 0; i < MEMORY_PATTERN; i++)
        masked[i] = (uint8_t)~((const uint8_t *)pattern)[i];
}

static inline size_t memory_count_in(const uint8_t *chunk, size_t len, const uint8_t masked[MEMORY_PATTERN])
{
    size_t found = 0;
    for (size_t i = 0; i + MEMORY_PATTERN <= len; i++) {
        const uint8_t *candidate = memchr(chunk + i, masked[0] ^ 0xff, len - MEMORY_PATTERN + 1 - i);
        size_t same = 0;
        if (!candidate)
            break;
        while (same < MEMORY_PATTERN && (candidate[same] ^ masked[same]) == 0xff)
            same++;
        found += same == MEMORY_PATTERN;
        i = (size_t)(candidate - chunk);
    }
    return found;
}

/* How often the pattern stands in the writable memory of a process. */
static inline size_t memory_count(pid_t pid, const uint8_t masked[MEMORY_PATTERN])
{
    const unsigned long most = 1ul << 28; /* a sanitizer's shadow is larger, and holds no bytes of ours */
    uint8_t *chunk = malloc(MEMORY_CHUNK);
    char path[64], line[512], access[8];
    unsigned long from, to;
    size_t found = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(chunk && maps && memory >= 0);
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, access) != 3 || access[1] != 'w' || to - from > most)
            continue;
        for (unsigned long at = from; at < to; at += MEMORY_CHUNK - MEMORY_PATTERN) {
            size_t want = to - at < MEMORY_CHUNK ? to - at : MEMORY_CHUNK;
            bool own = pid == getpid() && at < (unsigned long)chunk + MEMORY_CHUNK && (unsigned long)chunk < at + want;
            ssize_t got = own ? 0 : pread(memory, chunk, want, (off_t)at);
            if (got > 0)
                found += memory_count_in(chunk, (size_t)got, masked);
        }
    }
    bytes_wipe(chunk, MEMORY_CHUNK);
    fclose(maps);
    close(memory);
    free(chunk);
    return found;
}

#endif
