/* The policy object of this proxy (protocol.md 5, 6; REQ-GEN-4): in 495 and 496, and in the answer to OPTIONS. It comes
 * signed, and is handed on as it is. */
#include "proxy/core.h"
#include "sipseal/mime.h"

#define POLICY_MEDIA_TYPE "application/pkcs7-mime"

/* A source of UDP that proved nothing may be somebody else's address, and a small request must not send much there. */
bool policy_goes_along(const struct proxy *p, const struct proxy_source *source, const struct answer *answer)
{
    bool wanted = answer->policy || (answer->rule != RULE_OK && (answer->status == 495 || answer->status == 496));
    return wanted && p->settings.policy_object.len > 0 && (source->transport != SIP_UDP || source->peer.len > 0);
}

void write_policy_headers(struct writer *w)
{
    writer_text(w, "MIME-Version: 1.0\r\n"
                   "Content-Type: " POLICY_MEDIA_TYPE ";smime-type=signed-data;name=\"smime.p7m\"\r\n"
                   "Content-Disposition: attachment;filename=\"smime.p7m\";handling=optional\r\n"
                   "Content-Transfer-Encoding: binary\r\n");
}

/* --- OPTIONS to sip:policy@ a name --- */

/* "application/pkcs7-mime", "application/" and a star, or two stars; with any parameters but q=0. */
static bool takes_it(struct span range)
{
    size_t end = span_find(range, ';');
    struct span type = span_trim(span_part(range, 0, end)), q;
    return mime_type_matches(SPAN(POLICY_MEDIA_TYPE), type) && !(sip_param(span_part(range, end, range.len), "q", &q) &&
                        (span_equal(q, SPAN("0")) || span_starts(q, SPAN("0.0"))));
}

/* RFC 3261 20.1. Without the header it means application/sdp, and who asks here wants what there is here. */
static bool accepts(const struct sip_message *m)
{
    bool given = false;
    for (size_t i = 0; i < m->header_count; i++) {
        if (!span_equal_nocase(m->headers[i].name, SPAN("Accept")))
            continue;
        given = true;
        for (struct span rest = m->headers[i].value; rest.len > 0;) {
            size_t end = span_find(rest, ',');
            if (takes_it(span_part(rest, 0, end)))
                return true;
            rest = span_part(rest, end + 1, rest.len);
        }
    }
    return !given;
}

void serve_policy(struct proxy *p, struct pass *pass, const struct sip_message *m)
{
    struct answer answer = {.status = 200, .headers = SPAN("Allow: OPTIONS\r\n"), .policy = true};
    if (refuse_extensions(p, pass, m, SIP_H_REQUIRE))
        return;
    if (m->method != SIP_OPTIONS)
        answer = (struct answer){.status = 405, .rule = RULE_SIP_METHOD, .headers = answer.headers};
    else if (!accepts(m))
        answer = (struct answer){.status = 406, .rule = RULE_SIP_ACCEPT, .headers = SPAN("Accept: " POLICY_MEDIA_TYPE "\r\n")};
    answer_pass(p, pass, m, &answer);
}
