#include "daemon/restart.h"

void restart_note_ready(struct restart *r, int64_t now)
{
    r->ready = true;
    r->ready_since = now;
    r->early_deaths = 0;
}

static int64_t delay_after(unsigned deaths)
{
    if (deaths <= RESTART_AT_ONCE)
        return 0;
    int64_t delay = RESTART_FIRST_MS;
    for (unsigned i = RESTART_AT_ONCE + 1; i < deaths && delay < RESTART_LONGEST_MS; i++)
        delay *= 2;
    return delay < RESTART_LONGEST_MS ? delay : RESTART_LONGEST_MS;
}

int64_t restart_note_death(struct restart *r, int64_t now)
{
    if (r->ready && now - r->ready_since >= RESTART_STABLE_MS)
        r->deaths = 0;
    r->early_deaths = r->ready ? 0 : r->early_deaths + 1;
    r->ready = false;
    r->deaths++;
    return r->early_deaths > RESTART_EARLY_MAX ? -1 : delay_after(r->deaths);
}
