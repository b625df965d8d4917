/* Time, as libsipseal is told it: it never asks the system itself.
 *
 * Wall time is seconds since 1970-01-01T00:00:00Z; monotonic time, for timers, is milliseconds from any origin. */
#ifndef SIPSEAL_CLOCK_H
#define SIPSEAL_CLOCK_H

#include "sipseal/bytes.h"

#define CLOCK_DATE_LEN 29 /* "Mon, 23 Nov 2026 13:00:00 GMT" */

/* Reads a SIP-date (RFC 3261 25.1: rfc1123-date, always GMT). False when it is not one. */
bool clock_parse_date(struct span text, int64_t *seconds);

/* Writes a SIP-date. */
void clock_write_date(struct writer *w, int64_t seconds);

/* Seconds since 1970 of a proleptic Gregorian date and time in UTC; false when out of range (year 1..9999). */
bool clock_from_civil(int year, int month, int day, int hour, int minute, int second, int64_t *seconds);

/* The reverse. */
struct civil {
    int year, month, day, hour, minute, second, weekday; /* weekday: 0 is Sunday */
};
struct civil clock_to_civil(int64_t seconds);

/* "2026-11-23T13:00:00Z" (RFC 3339). */
void clock_write_rfc3339(struct writer *w, int64_t seconds);

/* Reads exactly that form: in UTC, whole seconds, "T" and "Z" in capitals. */
bool clock_parse_rfc3339(struct span text, int64_t *seconds);

#endif
