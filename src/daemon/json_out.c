#include "daemon/json_out.h"

#include "daemon/log_json.h"
#include "sipseal/clock.h"

static void begin_value(struct json_out *j, const char *key)
{
    if (j->more)
        writer_byte(j->w, ',');
    j->more = true;
    if (!key)
        return;
    writer_byte(j->w, '"');
    writer_text(j->w, key);
    writer_text(j->w, "\":");
}

static void begin(struct json_out *j, const char *key, uint8_t bracket)
{
    begin_value(j, key);
    writer_byte(j->w, bracket);
    j->more = false;
}

static void end(struct json_out *j, uint8_t bracket)
{
    writer_byte(j->w, bracket);
    j->more = true;
}

void json_begin_object(struct json_out *j, const char *key)
{
    begin(j, key, '{');
}

void json_end_object(struct json_out *j)
{
    end(j, '}');
}

void json_begin_array(struct json_out *j, const char *key)
{
    begin(j, key, '[');
}

void json_end_array(struct json_out *j)
{
    end(j, ']');
}

void json_text(struct json_out *j, const char *key, struct span text)
{
    begin_value(j, key);
    log_json_text_up_to(j->w, text, text.len);
}

void json_word(struct json_out *j, const char *key, const char *word)
{
    json_text(j, key, span_text(word));
}

void json_number(struct json_out *j, const char *key, int64_t number)
{
    begin_value(j, key);
    if (number < 0)
        writer_byte(j->w, '-');
    writer_decimal(j->w, number < 0 ? (uint64_t)-(number + 1) + 1 : (uint64_t)number);
}

void json_bool(struct json_out *j, const char *key, bool value)
{
    begin_value(j, key);
    writer_text(j->w, value ? "true" : "false");
}

void json_time(struct json_out *j, const char *key, int64_t seconds)
{
    begin_value(j, key);
    if (seconds == 0) {
        writer_text(j->w, "null");
        return;
    }
    writer_byte(j->w, '"');
    clock_write_rfc3339(j->w, seconds);
    writer_byte(j->w, '"');
}
