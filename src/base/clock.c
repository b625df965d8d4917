#include "sipseal/clock.h"

static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* Days since 1970-01-01, counting years from March so that a leap day ends its year. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool clock_from_civil(int year, int month, int day, int hour, int minute, int second, int64_t *seconds)
{
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;
    *seconds = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}

struct civil clock_to_civil(int64_t seconds)
{
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t mp = (5 * day_of_year + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    int64_t weekday = (days % 7 + 11) % 7; /* 1970-01-01 was a Thursday */
    return (struct civil){
        .year = (int)(year_of_era + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(day_of_year - (153 * mp + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
        .weekday = (int)weekday,
    };
}

static bool take_number(struct cursor *c, size_t digits, int *value)
{
    struct span s;
    uint32_t n;
    if (!cursor_take(c, digits, &s) || !span_decimal(s, 9999, &n))
        return false;
    *value = (int)n;
    return true;
}

static bool take_name(struct cursor *c, const char *const names[], int count, int *index)
{
    struct span s;
    if (!cursor_take(c, 3, &s))
        return false;
    for (int i = 0; i < count; i++)
        if (span_equal_nocase(s, span_text(names[i]))) {
            *index = i;
            return true;
        }
    return false;
}

bool clock_parse_date(struct span text, int64_t *seconds)
{
    struct cursor c = cursor_over(span_trim(text));
    int weekday, day, month, year, hour, minute, second;
    return take_name(&c, weekdays, 7, &weekday) && cursor_accept_span(&c, SPAN(", ")) &&
           take_number(&c, 2, &day) && cursor_accept(&c, ' ') && take_name(&c, months, 12, &month) &&
           cursor_accept(&c, ' ') && take_number(&c, 4, &year) && cursor_accept(&c, ' ') &&
           take_number(&c, 2, &hour) && cursor_accept(&c, ':') && take_number(&c, 2, &minute) &&
           cursor_accept(&c, ':') && take_number(&c, 2, &second) && cursor_accept_span(&c, SPAN(" GMT")) &&
           cursor_done(&c) && clock_from_civil(year, month + 1, day, hour, minute, second, seconds) &&
           clock_to_civil(*seconds).weekday == weekday;
}

static void write_padded(struct writer *w, int value, int digits)
{
    for (int i = digits, scale = 1; i > 1; i--) {
        scale *= 10;
        if (value < scale)
            writer_byte(w, '0');
    }
    writer_decimal(w, (uint64_t)value);
}

static void write_time(struct writer *w, struct civil t)
{
    write_padded(w, t.hour, 2);
    writer_byte(w, ':');
    write_padded(w, t.minute, 2);
    writer_byte(w, ':');
    write_padded(w, t.second, 2);
}

void clock_write_date(struct writer *w, int64_t seconds)
{
    struct civil t = clock_to_civil(seconds);
    writer_text(w, weekdays[t.weekday]);
    writer_text(w, ", ");
    write_padded(w, t.day, 2);
    writer_byte(w, ' ');
    writer_text(w, months[t.month - 1]);
    writer_byte(w, ' ');
    write_padded(w, t.year, 4);
    writer_byte(w, ' ');
    write_time(w, t);
    writer_text(w, " GMT");
}

void clock_write_rfc3339(struct writer *w, int64_t seconds)
{
    struct civil t = clock_to_civil(seconds);
    write_padded(w, t.year, 4);
    writer_byte(w, '-');
    write_padded(w, t.month, 2);
    writer_byte(w, '-');
    write_padded(w, t.day, 2);
    writer_byte(w, 'T');
    write_time(w, t);
    writer_byte(w, 'Z');
}

bool clock_parse_rfc3339(struct span text, int64_t *seconds)
{
    struct cursor c = cursor_over(text);
    int year, month, day, hour, minute, second;
    return take_number(&c, 4, &year) && cursor_accept(&c, '-') && take_number(&c, 2, &month) &&
           cursor_accept(&c, '-') && take_number(&c, 2, &day) && cursor_accept(&c, 'T') && take_number(&c, 2, &hour) &&
           cursor_accept(&c, ':') && take_number(&c, 2, &minute) && cursor_accept(&c, ':') &&
           take_number(&c, 2, &second) && cursor_accept(&c, 'Z') && cursor_done(&c) &&
           clock_from_civil(year, month, day, hour, minute, second, seconds);
}
