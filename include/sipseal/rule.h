/* Why something was refused.
 *
 * Every function of libsipseal that can fail returns the rule that was broken; RULE_OK is 0. A rule has a name that an
 * operator can look up (docs/rules.md), a sentence that a user understands, and the SIP response that it leads to where
 * a request is answered. It carries nothing of the message, so that no plaintext or key can reach a log through it. */
#ifndef SIPSEAL_RULE_H
#define SIPSEAL_RULE_H

/*  X(constant, name, SIP status or 0, sentence) */
#define RULES(X)                                                                                                       \
    X(RULE_OK, "ok", 0, "nothing is wrong")                                                                            \
    /* resources */                                                                                                    \
    X(RULE_NO_MEMORY, "resource.memory", 500, "there is not enough memory for this message")                           \
    X(RULE_NO_RANDOM, "resource.random", 500, "the system gave no random bytes")                                       \
    X(RULE_CRYPTO_LIBRARY, "resource.crypto", 500, "the cryptographic library failed")                                 \
    X(RULE_VAULT_GONE, "resource.vault", 500, "the process that examines protected bodies failed on this message")     \
    X(RULE_STORE_GONE, "resource.store", 500, "the archive could not take this message, so it was not delivered")      \
    X(RULE_BINDING_STORE, "resource.bindings", 503, "registrations cannot be kept at the moment; try again later")      \
    X(RULE_OVERLOAD, "resource.overload", 503, "the server has too much to do; try again later")                       \
    X(RULE_CERT_BUDGET, "resource.certificates", 503,                                                                  \
      "the server has too many certificates to check that it has never seen; try again later")                         \
    X(RULE_INTERNAL, "resource.internal", 500, "an internal check failed")                                             \
    /* SIP */                                                                                                          \
    X(RULE_SIP_SYNTAX, "sip.syntax", 400, "the message is not well-formed SIP")                                        \
    X(RULE_SIP_VERSION, "sip.version", 505, "the SIP version is not supported")                                        \
    X(RULE_SIP_SIZE, "sip.size", 513, "the message is larger than the limit")                                          \
    X(RULE_SIP_HEADERS, "sip.headers", 513, "the message has more header lines, or longer ones, than the limit")       \
    X(RULE_SIP_HEADER_MISSING, "sip.header-missing", 400, "a header that every message must have is missing")          \
    X(RULE_SIP_HEADER_TWICE, "sip.header-twice", 400, "a header that may stand once stands twice")                     \
    X(RULE_SIP_CONTENT_LENGTH, "sip.content-length", 400, "Content-Length does not fit the message")                   \
    X(RULE_SIP_URI, "sip.uri", 400, "a SIP URI is not well-formed")                                                    \
    X(RULE_SIP_SCHEME, "sip.scheme", 416, "the Request-URI has a scheme that is not supported")                        \
    X(RULE_SIP_CSEQ, "sip.cseq", 400, "CSeq is not well-formed or its method is not that of the request")              \
    X(RULE_SIP_MAX_FORWARDS, "sip.max-forwards", 483, "the request has passed too many proxies")                       \
    X(RULE_SIP_LOOP, "sip.loop", 482, "the request has come back unchanged")                                           \
    X(RULE_SIP_MERGED, "sip.merged", 482, "the same request arrived by another path")                                  \
    X(RULE_SIP_PROXY_REQUIRE, "sip.proxy-require", 420, "the request asks for an extension that is not supported")     \
    X(RULE_SIP_ACCEPT, "sip.accept", 406, "the request accepts no media type that there is an answer in")              \
    X(RULE_SIP_METHOD, "sip.method", 501, "the method is not supported here")                                          \
    X(RULE_SIP_ROUTE, "sip.route", 404, "there is no route to the domain of the Request-URI")                          \
    X(RULE_SIP_NOT_REGISTERED, "sip.not-registered", 480, "the user is not registered")                                \
    X(RULE_SIP_REGISTER_DENIED, "sip.register-denied", 403, "this source may not register users of this domain")       \
    X(RULE_SIP_CONTACT, "sip.contact", 400,                                                                            \
      "a Contact to register must be a SIP URI with a numeric host, or one for TLS that came over TLS")                \
    X(RULE_SIP_REGISTER_ORDER, "sip.register-order", 500, "a later registration by this client was taken already")   \
    X(RULE_SIP_REGISTER_LIMIT, "sip.register-limit", 403, "the user has more contacts than the limit")                 \
    X(RULE_SIP_REGISTER_BRIEF, "sip.register-brief", 423, "the registration is for less time than the server takes")  \
    X(RULE_SIP_REGISTER_FLOW, "sip.register-flow", 400, "a registration with reg-id may add one Contact only")         \
    X(RULE_SIP_NO_OUTBOUND, "sip.no-outbound", 439,                                                                    \
      "reg-id needs a first hop that knows of it, and this registration came through one that does not")               \
    X(RULE_SIP_PATH, "sip.path", 400,                                                                                  \
      "the Path of a registration must be at most 8 loose routes, the first one to a known domain or a numeric host")  \
    X(RULE_SIP_PATH_UNKNOWN, "sip.path-unknown", 420, "a proxy added a Path, and the client does not say it knows it") \
    X(RULE_SIP_FLOW_GONE, "sip.flow-gone", 480, "the connection by which the user registered is closed")               \
    X(RULE_SIP_CANCELLED, "sip.cancelled", 487, "the request was cancelled by its sender")                             \
    X(RULE_SIP_NO_TRANSACTION, "sip.no-transaction", 481, "the request belongs to no transaction that is known here")  \
    X(RULE_SIP_NO_DIALOG, "sip.no-dialog", 481, "the request belongs to no call that is known here")                   \
    X(RULE_SIP_ORDER, "sip.order", 500, "a later request of this call was taken already")                              \
    X(RULE_SIP_PENDING, "sip.pending", 491, "another change of this call is under way")                                \
    X(RULE_SIP_SESSION, "sip.session", 415, "the body is no session description")                                      \
    X(RULE_SIP_STRAY, "sip.stray", 0, "the response belongs to no request that is open here")                          \
    X(RULE_SIP_UNREACHABLE, "sip.unreachable", 500, "the next hop cannot be reached")                                  \
    X(RULE_SIP_TIMEOUT, "sip.timeout", 408, "the next hop did not answer in time")                                     \
    X(RULE_SIP_CONGESTION, "sip.congestion", 513,                                                                      \
      "the message is over 1300 bytes and the path is not known to be congestion-safe")                                \
    /* Digest */                                                                                                       \
    X(RULE_DIGEST_SYNTAX, "digest.syntax", 400, "the credentials are not well-formed")                                 \
    X(RULE_DIGEST_UNSUPPORTED, "digest.unsupported", 400, "the credentials use a scheme or algorithm that is refused") \
    /* MIME */                                                                                                         \
    X(RULE_MIME_SYNTAX, "mime.syntax", 400, "the body is not well-formed MIME")                                        \
    X(RULE_MIME_DEPTH, "mime.depth", 413, "the body is nested deeper than the limit")                                  \
    X(RULE_MIME_PARTS, "mime.parts", 413, "the body has more parts than the limit")                                    \
    X(RULE_MIME_HEADERS, "mime.headers", 413, "a body part has more header lines, or longer ones, than the limit")     \
    X(RULE_MIME_SIZE, "mime.size", 413, "the body is larger than the limit")                                           \
    X(RULE_MIME_CONTENT_ID_TWICE, "mime.content-id-twice", 400, "two parts have the same Content-ID")                  \
    X(RULE_MIME_TRANSFER_ENCODING, "mime.transfer-encoding", 415, "the Content-Transfer-Encoding is not supported")    \
    X(RULE_MIME_CONTENT_ENCODING, "mime.content-encoding", 415, "a protected body must not have a Content-Encoding")   \
    /* CMS */                                                                                                          \
    X(RULE_CMS_DER, "cms.der", 400, "the CMS object is not strict DER")                                                \
    X(RULE_CMS_STRUCTURE, "cms.structure", 400, "the CMS object does not have the structure that it must have")        \
    X(RULE_CMS_LIMIT, "cms.limit", 413, "the CMS object has more entries than the limit")                              \
    X(RULE_CMS_TYPE, "cms.type", 415, "the CMS content type is refused")                                               \
    X(RULE_CMS_ALGORITHM, "cms.algorithm", 415, "the CMS object uses an algorithm that is refused")                    \
    X(RULE_CMS_NOT_READER, "cms.not-reader", 496, "the part is not sealed to this reader")                             \
    X(RULE_CMS_OPEN, "cms.open", 496, "the part cannot be opened")                                                     \
    /* certificates and signatures (protocol.md 2.1, 2.2) */                                                           \
    X(RULE_CERT_SYNTAX, "certificate.syntax", 400, "a certificate is not well-formed")                                 \
    X(RULE_CERT_UNTRUSTED, "certificate.untrusted", 403, "the certificate does not chain to a trusted authority")      \
    X(RULE_CERT_EXPIRED, "certificate.expired", 403, "the certificate is not valid at this time")                      \
    X(RULE_CERT_REVOKED, "certificate.revoked", 403, "the certificate is revoked")                                     \
    X(RULE_CERT_REVOCATION_UNKNOWN, "certificate.revocation-unknown", 403,                                             \
      "the revocation list of the certificate's authority is out of date or not signed by it")                         \
    X(RULE_CERT_USAGE, "certificate.usage", 403, "the certificate may not be used for this")                           \
    X(RULE_CERT_KEY, "certificate.key", 403, "the certificate's key is of a kind or size that is refused")             \
    X(RULE_SIGNATURE_ABSENT, "signature.absent", 495, "there is no signature")                                         \
    X(RULE_SIGNATURE_INVALID, "signature.invalid", 403, "the signature does not verify")                               \
    X(RULE_SIGNATURE_SIGNERS, "signature.signers", 403, "there must be exactly one signer")                            \
    X(RULE_SIGNATURE_NO_CERTIFICATE, "signature.no-certificate", 403, "the signer's certificate is not known")         \
    X(RULE_IDENTITY_MISMATCH, "signature.identity", 403, "the signer's certificate does not name the sender")          \
    X(RULE_CONTEXT_ABSENT, "signature.context-absent", 403, "the signature does not say for which message it was made")\
    X(RULE_CONTEXT_SYNTAX, "signature.context-syntax", 403, "the signed copy of the headers is not well-formed")       \
    X(RULE_CONTEXT_MISMATCH, "signature.context", 403, "the signature was made for another message")                   \
    X(RULE_DATE_STALE, "signature.date", 403, "the signed Date is not within the window of the present time")          \
    X(RULE_REPLAY, "signature.replay", 403, "this signed message has been delivered before")                           \
    X(RULE_SEALED_FOR, "signature.sealed-for", 403, "the content was not sealed by its signer for these readers")      \
    X(RULE_SIGNER_RETARGETED, "signature.retargeted", 403, "the responder is not whom the request was sent to")        \
    /* labels */                                                                                                       \
    X(RULE_LABEL_SYNTAX, "label.syntax", 400, "a Proxy-Inspect-Body header is not well-formed")                        \
    X(RULE_LABEL_LIMIT, "label.limit", 413, "there are more Proxy-Inspect-Body headers, or longer ones, than the limit")\
    X(RULE_LABEL_UNSIGNED, "label.unsigned", 495, "the request to inspect a part is not signed by the sender")         \
    X(RULE_LABEL_ABSENT, "label.absent", 495, "a part is sealed to this proxy, and no label asks it to open it")       \
    X(RULE_LABEL_DIFFERS, "label.differs", 495, "the labels of the message and their signed copy differ")              \
    /* policy */                                                                                                       \
    X(RULE_POLICY_VIEW, "policy.view", 496, "the policy of this proxy needs to view content that it cannot read")      \
    X(RULE_POLICY_VERIFY, "policy.verify", 495, "the policy of this proxy needs a signature by the sender")            \
    X(RULE_POLICY_PLAIN, "policy.plain", 495, "the policy of this proxy refuses content that is not protected")        \
    X(RULE_POLICY_PRESENT, "policy.present", 403, "content that the policy of this proxy needs is absent")             \
    X(RULE_UNDECIPHERABLE, "recipient.undecipherable", 493, "a part that must be read cannot be opened")               \
    X(RULE_ANSWER_UNSEALED, "recipient.answer-unsealed", 0, "the answer to a sealed offer is not sealed")             \
    /* policy objects, as a user agent sees them (protocol.md 6) */                                                    \
    X(RULE_POLICY_OBJECT_SYNTAX, "policy-object.syntax", 0, "the policy object is not well-formed")                    \
    X(RULE_POLICY_OBJECT_LIMIT, "policy-object.limit", 0, "the policy object holds more than the limits allow")        \
    X(RULE_POLICY_OBJECT_UNUSABLE, "policy-object.unusable", 0,                                                        \
      "the policy object is of a version, or asks for something, that this program does not know")                     \
    X(RULE_POLICY_OBJECT_SIGNER, "policy-object.signer", 0,                                                            \
      "the policy object is signed neither by its domain nor by the one proxy that it is about")                       \
    X(RULE_POLICY_OBJECT_HOST, "policy-object.host", 0, "the policy object is not about the proxy that was asked")     \
    X(RULE_POLICY_OBJECT_SEAL_TO, "policy-object.seal-to", 0,                                                          \
      "a certificate in the policy object does not name the proxy that it is said to be of")                           \
    X(RULE_POLICY_OBJECT_FUTURE, "policy-object.future", 0, "the policy object was issued in the future")              \
    X(RULE_POLICY_OBJECT_EXPIRED, "policy-object.expired", 0, "the policy object counts no longer, or for too long")   \
    X(RULE_POLICY_OBJECT_OLDER, "policy-object.older", 0, "the policy object is older than one that was accepted")     \
    X(RULE_POLICY_OBJECT_ABSENT, "policy-object.absent", 0, "the proxy gave no policy object")                         \
    X(RULE_POLICY_OBJECT_NOT_GRANTED, "policy-object.not-granted", 0,                                                  \
      "the proxy asks for what its user has not granted it, and nothing was disclosed")                                \
    X(RULE_POLICY_OBJECT_ROUNDS, "policy-object.rounds", 0,                                                            \
      "proxies ask for ever more, or again for what they were given")                                                  \
    /* TLS */                                                                                                          \
    X(RULE_TLS_HANDSHAKE, "tls.handshake", 0,                                                                          \
      "the other end broke off the TLS handshake, or speaks no TLS 1.2 or 1.3 that is accepted")                       \
    X(RULE_TLS_TIMEOUT, "tls.timeout", 0, "the TLS handshake did not end in time")                                     \
    X(RULE_TLS_NAME, "tls.name", 0, "the server's certificate does not name the host that was to be reached")          \
    X(RULE_TLS_NO_CERTIFICATE, "tls.no-certificate", 0, "the client has no certificate and one is required")           \
    /* files and processes */                                                                                          \
    X(RULE_FILE, "file.access", 0, "a file cannot be read or written")                                                 \
    X(RULE_FILE_FORMAT, "file.format", 0, "a file does not hold what it should")                                       \
    X(RULE_ARCHIVE_NO_RECORD, "archive.no-record", 0, "the archive has no record with this number")                    \
    X(RULE_IPC, "process.message", 0, "a message between two processes is not well-formed")                            \
    X(RULE_FENCE, "process.fence", 0, "a process could not close itself in")                                           \
    X(RULE_CONFIG, "config.invalid", 0, "the configuration is not valid")

enum rule {
#define RULE_CONSTANT(constant, name, status, sentence) constant,
    RULES(RULE_CONSTANT)
#undef RULE_CONSTANT
        RULE_COUNT
};

/* "cms.algorithm"; "unknown" for a value that is no rule. */
const char *rule_name(enum rule rule);

/* One plain sentence without a full stop, fit for a Warning header (no quotes, ASCII). */
const char *rule_sentence(enum rule rule);

/* The status code of the response to a request that breaks the rule; 0 where no request is answered. */
int rule_status(enum rule rule);

#endif
