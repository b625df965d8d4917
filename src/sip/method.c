/* Methods and reason phrases. */
#include "sipseal/sip_message.h"

static const char *const method_names[] = {
    [SIP_METHOD_OTHER] = "",
    [SIP_INVITE] = "INVITE",
    [SIP_ACK] = "ACK",
    [SIP_BYE] = "BYE",
    [SIP_CANCEL] = "CANCEL",
    [SIP_REGISTER] = "REGISTER",
    [SIP_OPTIONS] = "OPTIONS",
    [SIP_MESSAGE] = "MESSAGE",
    [SIP_INFO] = "INFO",
    [SIP_PRACK] = "PRACK",
    [SIP_UPDATE] = "UPDATE",
    [SIP_SUBSCRIBE] = "SUBSCRIBE",
    [SIP_NOTIFY] = "NOTIFY",
    [SIP_REFER] = "REFER",
    [SIP_PUBLISH] = "PUBLISH",
};

enum { METHODS = sizeof method_names / sizeof method_names[0] };

enum sip_method sip_method_of(struct span token)
{
    for (size_t i = 1; token.len && i < METHODS; i++)
        if (method_names[i][0] == token.at[0] && span_equal(token, span_text(method_names[i])))
            return (enum sip_method)i;
    return SIP_METHOD_OTHER;
}

const char *sip_method_name(enum sip_method method)
{
    return (size_t)method < METHODS ? method_names[method] : "";
}

struct phrase {
    int status;
    const char *text;
};

static const struct phrase phrases[] = {
    {100, "Trying"},
    {180, "Ringing"},
    {181, "Call Is Being Forwarded"},
    {182, "Queued"},
    {183, "Session Progress"},
    {200, "OK"},
    {202, "Accepted"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Moved Temporarily"},
    {305, "Use Proxy"},
    {380, "Alternative Service"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Unsupported URI Scheme"},
    {420, "Bad Extension"},
    {421, "Extension Required"},
    {423, "Interval Too Brief"},
    {430, "Flow Failed"},
    {439, "First Hop Lacks Outbound Support"},
    {440, "Max-Breadth Exceeded"},
    {469, "Bad Info Package"},
    {480, "Temporarily Unavailable"},
    {481, "Call/Transaction Does Not Exist"},
    {482, "Loop Detected"},
    {483, "Too Many Hops"},
    {484, "Address Incomplete"},
    {485, "Ambiguous"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {488, "Not Acceptable Here"},
    {491, "Request Pending"},
    {493, "Undecipherable"},
    {495, "Signature Required"},
    {496, "Proxy Undecipherable"},
    {500, "Server Internal Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Server Time-out"},
    {505, "Version Not Supported"},
    {513, "Message Too Large"},
    {600, "Busy Everywhere"},
    {603, "Decline"},
    {604, "Does Not Exist Anywhere"},
    {606, "Not Acceptable"},
};

/* A code that is not known is shown as the x00 of its class (RFC 3261 8.1.3.2). */
static const char *const class_phrases[] = {"Trying",         "OK",   "Multiple Choices", "Bad Request",
                                            "Server Internal Error", "Busy Everywhere"};

const char *sip_reason_phrase(int status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].text;
    return status >= 100 && status <= 699 ? class_phrases[status / 100 - 1] : "";
}
