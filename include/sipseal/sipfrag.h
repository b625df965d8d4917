/* The signed copy of a message's headers: message/sipfrag with Content-Disposition aib (RFC 3420, RFC 3893;
 * protocol.md 2.1, 2.4), and Sealed-For in it. */
#ifndef SIPSEAL_SIPFRAG_H
#define SIPSEAL_SIPFRAG_H

#include "sipseal/cms.h"
#include "sipseal/label.h"
#include "sipseal/outline.h"

/* Sealed-For: the part that the signature stands in, and for which certificates it was sealed. */
struct sealed_for {
    struct span cid; /* without quotes */
    uint8_t reader[CMS_READERS_MAX][CERTIFICATE_HASH_LEN];
    size_t reader_count;
};

struct sipfrag {
    struct message_context context; /* request_uri stays empty; date as it stands */
    bool has_from, has_to, has_call_id, has_cseq, has_date, has_contact;
    int64_t date; /* seconds */
    struct labels labels;
    bool has_sealed_for;
    struct sealed_for sealed_for;
};

/* Reads the body of a message/sipfrag, with a status line in front when it is one of a response. RULE_CONTEXT_SYNTAX,
 * also for a header that stands twice, for one of ours that is not well-formed, for a body, and for a To in the copy of
 * a response (RFC 3893 6); RULE_SEALED_FOR as sealed_for_parse. Spans point into `text`. */
enum rule sipfrag_parse(struct span text, struct sipfrag *frag);

/* Writes it: CRLF, unfolded, long names, in the order of protocol.md 2.4, no empty line at its end. `context` is what
 * the copy says: in a response From is the responder's own address-of-record with the tag of To, and To is not
 * written. Headers whose value is empty are left out; `labels` and `sealed_for` may be null. */
void sipfrag_write(struct writer *w, const struct message_context *context, const struct labels *labels,
                   const struct sealed_for *sealed_for);

/* Reads a Sealed-For value. RULE_CONTEXT_SYNTAX; entries must be distinct, else RULE_SEALED_FOR. */
enum rule sealed_for_parse(struct span value, struct sealed_for *sealed_for);

/* Whether the part and its readers are those that the signer sealed for: the cid, one's own certificate among them
 * (null when the verifier is no reader), and as many as there are encrypted keys. RULE_SEALED_FOR. */
enum rule sealed_for_check(const struct sealed_for *sealed_for, struct span cid, const struct certificate *self,
                           size_t encrypted_keys);

/* Whether the signed copy belongs to the message (protocol.md 2.1, rule 4). Request: Call-ID, CSeq, To and From with
 * their tags; response: Call-ID, CSeq, status, and the tag of its From, which is that of the message's To. URIs are the
 * same when their bytes are or when they are the same address-of-record. RULE_CONTEXT_MISMATCH; RULE_CONTEXT_ABSENT
 * when a header that must be in the copy is missing: From, To (request), Call-ID, CSeq, Date, the status line
 * (response), and Contact where a request has one, which need not be equal. An anonymous outer From (RFC 3323:
 * sip:anonymous@anonymous.invalid) is allowed. */
enum rule sipfrag_check(const struct sipfrag *frag, const struct message_context *context);

#endif
