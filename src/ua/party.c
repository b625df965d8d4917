#include "ua/party.h"

#include "sipseal/sip_uri.h"

static bool is_word(uint8_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9');
}

static bool host_byte(uint8_t b)
{
    return is_word(b) || b == '-' || b == '.';
}

/* A host name (RFC 1035 2.3.1, and digits at the front as RFC 1123 2.1 allows): no empty labels. */
static bool is_host(struct span s)
{
    if (s.len == 0 || s.len > 253 || s.at[0] == '.' || s.at[0] == '-')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!host_byte(s.at[i]) || (s.at[i] == '.' && i + 1 < s.len && s.at[i + 1] == '.'))
            return false;
    return true;
}

static bool put_text(char *out, size_t cap, struct span s)
{
    if (s.len >= cap)
        return false;
    if (s.len)
        memcpy(out, s.at, s.len);
    out[s.len] = 0;
    return true;
}

static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

static bool safe_in_file_name(uint8_t b, bool first)
{
    return is_word(b) || b == '@' || b == '-' || b == '_' || b == '+' || (b == '.' && !first);
}

static void write_file_name(struct party *party)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = party->file;
    for (const char *at = party->name; *at; at++) {
        uint8_t b = (uint8_t)*at;
        if (safe_in_file_name(b, at == party->name)) {
            *out++ = (char)b;
            continue;
        }
        *out++ = '%';
        *out++ = digits[b >> 4];
        *out++ = digits[b & 15];
    }
    *out = 0;
}

static bool parse_user(struct span text, struct party *party)
{
    uint8_t room[PARTY_NAME_MAX + 8];
    struct sip_uri uri;
    bool whole = span_starts_nocase(text, SPAN("sip:")) || span_starts_nocase(text, SPAN("sips:"));
    struct writer w = writer_over(room, sizeof room);
    if (!whole)
        writer_text(&w, "sip:");
    writer_put(&w, text);
    if (w.full || sip_uri_parse(writer_span(&w), &uri) != RULE_OK || uri.user.len == 0 || uri.host.len == 0)
        return false;
    struct writer aor = writer_over(party->uri, sizeof party->uri - 1);
    if (!sip_write_aor(&aor, writer_span(&w)) || aor.full || aor.len < 5)
        return false;
    party->uri[aor.len] = 0;
    party->is_user = true;
    return put_text(party->name, sizeof party->name, span_of(party->uri + 4, aor.len - 4)) &&
           put_text(party->host, sizeof party->host, uri.host);
}

static bool parse_host(struct span text, struct party *party)
{
    if (text.len && text.at[text.len - 1] == '.')
        text.len--;
    if (!is_host(text) || !put_text(party->name, sizeof party->name, text))
        return false;
    lower(party->name);
    return put_text(party->host, sizeof party->host, span_text(party->name));
}

bool party_parse(struct span text, struct party *party)
{
    *party = (struct party){0};
    bool user = span_find(text, '@') < text.len;
    if (!(user ? parse_user(text, party) : parse_host(text, party)))
        return false;
    lower(party->host);
    write_file_name(party);
    return true;
}

void party_content_id(const struct party *party, const uint8_t random[PARTY_CID_RANDOM], char out[PARTY_CID_MAX])
{
    struct writer w = writer_over(out, PARTY_CID_MAX - 1);
    writer_hex(&w, span_of(random, PARTY_CID_RANDOM));
    writer_byte(&w, '@');
    /* An address in brackets is no dot-atom; the name on the right only has to be there. */
    writer_text(&w, is_host(span_text(party->host)) ? party->host : "sipseal.invalid");
    out[w.len] = 0;
}
