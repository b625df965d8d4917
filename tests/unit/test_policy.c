#include "test.h"

#include <stdlib.h>

#include "sipseal/policy.h"

/* --- parts, as a verdict has them --- */

#define ALICE "sip:alice@home.example"
#define TEXT .type = {"text/plain"}, .type_count = 1
#define IMAGE .type = {"image/png"}, .type_count = 1
#define ASKED_BOTH .reader = true, .labelled = true, .asked = LABEL_VIEW | LABEL_VERIFY
#define BY_ALICE .signature = RULE_OK, .proof = PROOF_USER, .signer = ALICE
#define UNSIGNED .signature = RULE_SIGNATURE_ABSENT

typedef const struct verdict_part part;

static part plain = {.state = PART_PLAIN, UNSIGNED, TEXT};
static part plain_image = {.state = PART_PLAIN, UNSIGNED, IMAGE};
static part plain_labelled = {.state = PART_PLAIN, UNSIGNED, TEXT, .labelled = true, .asked = LABEL_VIEW,
                              .label = RULE_LABEL_UNSIGNED};

static part closed = {.state = PART_CLOSED, UNSIGNED};
static part closed_labelled = {.state = PART_CLOSED, UNSIGNED, .labelled = true, .asked = LABEL_VIEW};
static part closed_wrong_key = {.state = PART_CLOSED, UNSIGNED, ASKED_BOTH};
static part closed_no_label = {.state = PART_CLOSED, UNSIGNED, .reader = true, .label = RULE_LABEL_ABSENT};
static part closed_signed = {.state = PART_CLOSED, BY_ALICE};                              /* REQ-INT-2 */
static part closed_forged = {.state = PART_CLOSED, .signature = RULE_SIGNATURE_INVALID};

static part opened = {.state = PART_OPENED, BY_ALICE, ASKED_BOTH, TEXT};
static part opened_image = {.state = PART_OPENED, BY_ALICE, ASKED_BOTH, IMAGE};
static part opened_verify = {.state = PART_OPENED, BY_ALICE, .reader = true, .labelled = true,
                             .asked = LABEL_VERIFY, TEXT};
static part opened_verify_image = {.state = PART_OPENED, BY_ALICE, .reader = true, .labelled = true,
                                   .asked = LABEL_VERIFY, IMAGE};
static part opened_unsigned = {.state = PART_OPENED, UNSIGNED, ASKED_BOTH, TEXT, .label = RULE_LABEL_UNSIGNED};
static part opened_label_unsigned = {.state = PART_OPENED, BY_ALICE, ASKED_BOTH, TEXT, .label = RULE_LABEL_UNSIGNED};
static part opened_label_differs = {.state = PART_OPENED, BY_ALICE, ASKED_BOTH, TEXT, .label = RULE_LABEL_DIFFERS};
static part opened_forged = {.state = PART_OPENED, .signature = RULE_SIGNATURE_INVALID, ASKED_BOTH, TEXT};
static part opened_stale = {.state = PART_OPENED, .signature = RULE_DATE_STALE, ASKED_BOTH, TEXT};
static part opened_sealed_again = {.state = PART_OPENED, .signature = RULE_SEALED_FOR, ASKED_BOTH, TEXT};
static part opened_other_message = {.state = PART_OPENED, .signature = RULE_CONTEXT_MISMATCH, ASKED_BOTH, TEXT};
static part opened_broken_signature = {.state = PART_OPENED, .signature = RULE_CMS_DER, ASKED_BOTH};
static part opened_unreadable = {.state = PART_OPENED, .signature = RULE_SIGNATURE_INVALID, ASKED_BOTH};
static part opened_algorithm = {.state = PART_OPENED, .signature = RULE_CMS_ALGORITHM, ASKED_BOTH};
static part opened_no_copy = {.state = PART_OPENED, .signature = RULE_CONTEXT_ABSENT,
                              .proof = PROOF_CONTENT, ASKED_BOTH,
                              TEXT, .label = RULE_LABEL_UNSIGNED};
static part opened_copy_alone = {.state = PART_OPENED, BY_ALICE, ASKED_BOTH}; /* a sipfrag, no content */

static part signed_ok = {.state = PART_SIGNED, BY_ALICE, TEXT};
static part signed_image = {.state = PART_SIGNED, BY_ALICE, IMAGE};
static part signed_by_domain = {.state = PART_SIGNED, .proof = PROOF_DOMAIN, .signer = "Home.EXAMPLE", TEXT};
static part signed_content = {.state = PART_SIGNED, .signature = RULE_CONTEXT_ABSENT, .proof = PROOF_CONTENT, TEXT};
static part signed_odd = {.state = PART_SIGNED, .signature = RULE_OK, .proof = PROOF_CONTENT, TEXT};
static part signed_forged = {.state = PART_SIGNED, .signature = RULE_SIGNATURE_INVALID, TEXT};
static part signed_untrusted = {.state = PART_SIGNED, .signature = RULE_CERT_UNTRUSTED, TEXT};
static part signed_by_nobody = {.state = PART_SIGNED, UNSIGNED, TEXT};
static part signed_unreadable = {.state = PART_SIGNED, .signature = RULE_CMS_DER};
static part signed_forged_labelled = {.state = PART_SIGNED, .signature = RULE_SIGNATURE_INVALID, TEXT, .labelled = true,
                                      .asked = LABEL_VERIFY};
static part signed_label_unsigned = {.state = PART_SIGNED, BY_ALICE, TEXT, .labelled = true, .asked = LABEL_VERIFY,
                                     .label = RULE_LABEL_UNSIGNED};
static part signed_copy_names_us = {.state = PART_SIGNED, BY_ALICE, TEXT, .label = RULE_LABEL_DIFFERS};
static part signed_by_visitor = {.state = PART_SIGNED, .proof = PROOF_USER, .signer = "sip:zoe@far.example", TEXT};

/* --- rules --- */

#define ON_TEXT .content = {SPAN_INIT("text/*")}, .content_count = 1
#define ON_MESSAGE .method = {SPAN_INIT("MESSAGE")}, .method_count = 1
#define BOTH .require = LABEL_VIEW | LABEL_VERIFY

typedef const struct policy_rule rule;

static rule archive = {ON_MESSAGE, ON_TEXT, BOTH, .direction = POLICY_FROM_DOMAIN, .mode = POLICY_ENFORCE};
static rule archive_monitor = {ON_MESSAGE, ON_TEXT, BOTH, .direction = POLICY_FROM_DOMAIN};
static rule archive_strict = {ON_MESSAGE, ON_TEXT, BOTH, .direction = POLICY_FROM_DOMAIN, .mode = POLICY_ENFORCE,
                              .plain = POLICY_PLAIN_REFUSE};
static rule view = {.require = LABEL_VIEW, .mode = POLICY_ENFORCE};
static rule view_text = {ON_TEXT, .require = LABEL_VIEW, .mode = POLICY_ENFORCE};
static rule view_strict = {.require = LABEL_VIEW, .mode = POLICY_ENFORCE, .plain = POLICY_PLAIN_REFUSE};
static rule view_monitor = {.require = LABEL_VIEW};
static rule verify = {.require = LABEL_VERIFY, .mode = POLICY_ENFORCE};
static rule verify_strict = {.require = LABEL_VERIFY, .mode = POLICY_ENFORCE, .plain = POLICY_PLAIN_REFUSE};
static rule verify_monitor = {.require = LABEL_VERIFY};
static rule strict_monitor = {.require = LABEL_VERIFY, .plain = POLICY_PLAIN_REFUSE};
static rule on_invite = {.method = {SPAN_INIT("INVITE")}, .method_count = 1, .require = LABEL_VIEW,
                         .mode = POLICY_ENFORCE};
static rule to_domain = {.direction = POLICY_TO_DOMAIN, .require = LABEL_VIEW, .mode = POLICY_ENFORCE};
static rule from_domain = {.direction = POLICY_FROM_DOMAIN, .require = LABEL_VIEW, .mode = POLICY_ENFORCE};

/* --- messages --- */

enum { OUT, IN, TRANSIT, INSIDE, ANONYMOUS, SOS_URI, SOS_TO, SOS_BACK, SOS_FORGED, SOS_OTHER, IN_DIALOG };

static const struct message_context messages[] = {
    [OUT] = {.request_uri = SPAN_INIT("sip:bob@far.example"), .from_uri = SPAN_INIT(ALICE),
             .to_uri = SPAN_INIT("sip:bob@far.example")},
    [IN] = {.request_uri = SPAN_INIT("sip:alice@192.0.2.1"), .from_uri = SPAN_INIT("sip:bob@far.example"),
            .to_uri = SPAN_INIT("sips:alice@HOME.example:5061")},
    [TRANSIT] = {.request_uri = SPAN_INIT("sip:y@far.example"), .from_uri = SPAN_INIT("sip:x@third.example"),
                 .to_uri = SPAN_INIT("sip:y@far.example")},
    [INSIDE] = {.request_uri = SPAN_INIT("sip:carol@home.example"), .from_uri = SPAN_INIT(ALICE),
                .to_uri = SPAN_INIT("sip:carol@home.example")},
    [ANONYMOUS] = {.request_uri = SPAN_INIT("sip:bob@far.example"),
                   .from_uri = SPAN_INIT("sip:anonymous@anonymous.invalid"),
                   .to_uri = SPAN_INIT("sip:bob@far.example")},
    [SOS_URI] = {.request_uri = SPAN_INIT("urn:service:sos.fire"), .from_uri = SPAN_INIT(ALICE),
                 .to_uri = SPAN_INIT("sip:112@home.example")},
    [SOS_TO] = {.request_uri = SPAN_INIT("sip:psap@far.example"), .from_uri = SPAN_INIT(ALICE),
                .to_uri = SPAN_INIT("URN:service:sos")},
    [SOS_BACK] = {.request_uri = SPAN_INIT("sip:alice@192.0.2.1"), .from_uri = SPAN_INIT("urn:service:sos"),
                  .from_tag = SPAN_INIT("p1"), .to_uri = SPAN_INIT(ALICE), .to_tag = SPAN_INIT("a1")},
    [SOS_FORGED] = {.request_uri = SPAN_INIT("sip:bob@far.example"), .from_uri = SPAN_INIT("urn:service:sos"),
                    .from_tag = SPAN_INIT("p1"), .to_uri = SPAN_INIT("sip:bob@far.example")},
    [IN_DIALOG] = {.request_uri = SPAN_INIT("sip:alice@192.0.2.1"), .from_uri = SPAN_INIT("sip:bob@far.example"),
                   .from_tag = SPAN_INIT("b1"), .to_uri = SPAN_INIT(ALICE), .to_tag = SPAN_INIT("a1")},
    [SOS_OTHER] = {.request_uri = SPAN_INIT("urn:service:sosx"), .from_uri = SPAN_INIT(ALICE),
                   .to_uri = SPAN_INIT("urn:service:counseling")},
};

enum { NO = 0, YES = 1 };

struct row {
    const char *what;
    int message;
    const char *method; /* null: MESSAGE */
    bool response;
    enum rule broken; /* of the verdict */
    rule *rules[3];
    part *parts[3];
    enum rule wanted; /* refused with it */
    int status;
    enum rule monitored;
    bool archived;
};

static const struct row rows[] = {
    /* no rule, no label: everything passes */
    {"nothing at all", .status = 0},
    {"plain, no rules", .parts = {&plain}},
    {"closed, no rules", .parts = {&closed}},
    {"signed, no rules", .parts = {&signed_ok}},
    {"signed, forged, no rules and no label", .parts = {&signed_forged}},

    /* rank 1: the message is broken */
    {"broken DER", .broken = RULE_CMS_DER, .wanted = RULE_CMS_DER, .status = 400},
    {"too deep", .broken = RULE_MIME_DEPTH, .wanted = RULE_MIME_DEPTH, .status = 413},
    {"a refused algorithm", .broken = RULE_CMS_ALGORITHM, .wanted = RULE_CMS_ALGORITHM, .status = 415},
    {"the vault died", .broken = RULE_VAULT_GONE, .wanted = RULE_VAULT_GONE, .status = 500},
    {"broken before everything else", .broken = RULE_CMS_DER, .rules = {&archive},
     .parts = {&closed_no_label, &closed, &opened_forged}, .wanted = RULE_CMS_DER, .status = 400},
    {"broken, and nothing is archived", .broken = RULE_CMS_DER, .rules = {&view_monitor}, .parts = {&plain},
     .wanted = RULE_CMS_DER, .status = 400},

    /* rank 2: a reader without a label for it */
    {"reader without label, no rules", .parts = {&closed_no_label}, .wanted = RULE_LABEL_ABSENT, .status = 495},
    {"reader without label before 496", .rules = {&archive}, .parts = {&closed, &closed_no_label},
     .wanted = RULE_LABEL_ABSENT, .status = 495},
    {"reader without label before unsigned and forged", .parts = {&opened_forged, &opened_unsigned, &closed_no_label},
     .wanted = RULE_LABEL_ABSENT, .status = 495},

    /* rank 3: closed, and a rule needs to view it */
    {"closed, archive", .rules = {&archive}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW, .status = 496},
    {"closed, view", .rules = {&view}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW, .status = 496},
    {"closed matches every pattern", .rules = {&view_text}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW,
     .status = 496},
    {"a label on a closed part asks for nothing", .parts = {&closed_labelled}},
    {"a label with a wrong key asks for nothing", .parts = {&closed_wrong_key}},
    {"a wrong key looks like no key", .rules = {&archive}, .parts = {&closed_wrong_key},
     .wanted = RULE_POLICY_VIEW, .status = 496},
    {"labelled and no reader looks the same", .rules = {&archive}, .parts = {&closed_labelled},
     .wanted = RULE_POLICY_VIEW, .status = 496},
    {"496 before unsigned", .rules = {&archive}, .parts = {&opened_unsigned, &closed},
     .wanted = RULE_POLICY_VIEW, .status = 496},
    {"496 before forged", .rules = {&archive}, .parts = {&opened_forged, &closed},
     .wanted = RULE_POLICY_VIEW, .status = 496},
    {"closed beside opened", .rules = {&archive}, .parts = {&opened, &closed}, .wanted = RULE_POLICY_VIEW,
     .status = 496},
    {"signed around, and to be viewed", .rules = {&archive}, .parts = {&closed_signed},
     .wanted = RULE_POLICY_VIEW, .status = 496},

    /* rank 4: no signature, no signed label */
    {"opened, unsigned, no rules", .parts = {&opened_unsigned}, .wanted = RULE_SIGNATURE_ABSENT, .status = 495},
    {"opened, unsigned, archive", .rules = {&archive}, .parts = {&opened_unsigned},
     .wanted = RULE_SIGNATURE_ABSENT, .status = 495},
    {"opened, unsigned, in monitor too", .rules = {&archive_monitor}, .parts = {&opened_unsigned},
     .wanted = RULE_SIGNATURE_ABSENT, .status = 495, .monitored = RULE_POLICY_VERIFY},
    {"opened, label unsigned", .parts = {&opened_label_unsigned}, .wanted = RULE_LABEL_UNSIGNED, .status = 495},
    {"opened, label differs", .parts = {&opened_label_differs}, .wanted = RULE_LABEL_DIFFERS, .status = 495},
    {"opened, signature without copy", .parts = {&opened_no_copy}, .wanted = RULE_LABEL_UNSIGNED, .status = 495},
    {"plain, labelled", .parts = {&plain_labelled}, .wanted = RULE_LABEL_UNSIGNED, .status = 495},
    {"signed, label unsigned", .parts = {&signed_label_unsigned}, .wanted = RULE_LABEL_UNSIGNED, .status = 495},
    {"signed, the copy names us and the header does not", .parts = {&signed_copy_names_us},
     .wanted = RULE_LABEL_DIFFERS, .status = 495},
    {"unsigned before forged", .parts = {&opened_forged, &opened_unsigned}, .wanted = RULE_SIGNATURE_ABSENT,
     .status = 495},
    {"unsigned label before forged", .parts = {&opened_forged, &opened_label_unsigned},
     .wanted = RULE_LABEL_UNSIGNED, .status = 495},
    {"signed-data without signer, verify", .rules = {&verify}, .parts = {&signed_by_nobody},
     .wanted = RULE_POLICY_VERIFY, .status = 495},
    {"closed, verify only", .rules = {&verify}, .parts = {&closed}, .wanted = RULE_POLICY_VERIFY, .status = 495},
    {"plain refused, verify", .rules = {&verify_strict}, .parts = {&plain}, .wanted = RULE_POLICY_PLAIN, .status = 495},
    {"plain refused, view", .rules = {&view_strict}, .parts = {&plain}, .wanted = RULE_POLICY_PLAIN, .status = 495},
    {"plain refused, archive", .rules = {&archive_strict}, .parts = {&plain}, .wanted = RULE_POLICY_PLAIN,
     .status = 495},
    {"plain refused beside an opened part", .rules = {&archive_strict}, .parts = {&opened, &plain},
     .wanted = RULE_POLICY_PLAIN, .status = 495},

    /* rank 5: a signature that proves nothing */
    {"opened, forged, no rules", .parts = {&opened_forged}, .wanted = RULE_SIGNATURE_INVALID, .status = 403},
    {"opened, stale", .parts = {&opened_stale}, .wanted = RULE_DATE_STALE, .status = 403},
    {"opened, sealed again for somebody else", .parts = {&opened_sealed_again}, .wanted = RULE_SEALED_FOR,
     .status = 403},
    {"opened, cut from another message", .parts = {&opened_other_message}, .wanted = RULE_CONTEXT_MISMATCH,
     .status = 403},
    {"opened, a signature that is no DER", .parts = {&opened_broken_signature}, .wanted = RULE_CMS_DER, .status = 400},
    {"opened, forged, in monitor too", .rules = {&archive_monitor}, .parts = {&opened_forged},
     .wanted = RULE_SIGNATURE_INVALID, .status = 403, .monitored = RULE_SIGNATURE_INVALID},
    {"signed, forged, labelled", .parts = {&signed_forged_labelled}, .wanted = RULE_SIGNATURE_INVALID, .status = 403},
    {"signed, forged, verify", .rules = {&verify}, .parts = {&signed_forged},
     .wanted = RULE_SIGNATURE_INVALID, .status = 403},
    {"signed, untrusted, verify", .rules = {&verify}, .parts = {&signed_untrusted},
     .wanted = RULE_CERT_UNTRUSTED, .status = 403},
    {"signed without copy, verify", .rules = {&verify}, .parts = {&signed_content},
     .wanted = RULE_CONTEXT_ABSENT, .status = 403},
    {"a proof of the content alone, verify", .rules = {&verify}, .parts = {&signed_odd},
     .wanted = RULE_CONTEXT_ABSENT, .status = 403},
    {"closed, forged around, verify", .rules = {&verify}, .parts = {&closed_forged},
     .wanted = RULE_SIGNATURE_INVALID, .status = 403},
    {"opened, its signature hides the content", .rules = {&archive}, .parts = {&opened_unreadable},
     .wanted = RULE_SIGNATURE_INVALID, .status = 403},
    {"opened, with a refused algorithm inside", .rules = {&archive}, .parts = {&opened_algorithm},
     .wanted = RULE_CMS_ALGORITHM, .status = 415},
    {"signed, unreadable, view", .rules = {&view}, .parts = {&signed_unreadable},
     .wanted = RULE_POLICY_VIEW, .status = 496},
    {"signed, unreadable, verify of another type", .rules = {&archive}, .parts = {&signed_unreadable},
     .wanted = RULE_POLICY_VIEW, .status = 496},

    /* what satisfies */
    {"opened and signed, no rules", .parts = {&opened}},
    {"opened and signed, archive", .rules = {&archive}, .parts = {&opened}, .archived = YES},
    {"opened and signed, plain refused elsewhere", .rules = {&archive_strict}, .parts = {&opened}, .archived = YES},
    {"signed, verify", .rules = {&verify}, .parts = {&signed_ok}},
    {"signed, archive", .rules = {&archive}, .parts = {&signed_ok}, .archived = YES},
    {"signed by the domain, verify", .rules = {&verify}, .parts = {&signed_by_domain}},
    {"signed around, verify without seeing", .rules = {&verify}, .parts = {&closed_signed}},
    {"plain, archive", .rules = {&archive}, .parts = {&plain}, .archived = YES},
    {"plain, verify", .rules = {&verify}, .parts = {&plain}},
    {"signed, forged, view", .rules = {&view}, .parts = {&signed_forged}, .archived = YES},
    {"no body, strict rules", .rules = {&archive_strict, &view_strict, &verify_strict}},

    /* methods */
    {"a rule for another method", .rules = {&on_invite}, .parts = {&closed}},
    {"INVITE", .method = "INVITE", .rules = {&on_invite}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW,
     .status = 496},
    {"ACK counts as INVITE", .method = "ACK", .rules = {&on_invite}, .parts = {&closed},
     .wanted = RULE_POLICY_VIEW, .status = 496},
    {"CANCEL matches no rule", .method = "CANCEL", .rules = {&on_invite, &view_strict}, .parts = {&plain}},
    {"methods compare exactly", .method = "invite", .rules = {&on_invite}, .parts = {&closed}},
    {"a rule without methods is for all", .method = "PUBLISH", .rules = {&view}, .parts = {&closed},
     .wanted = RULE_POLICY_VIEW, .status = 496},

    /* directions */
    {"from-domain, out", .message = OUT, .rules = {&from_domain}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW,
     .status = 496},
    {"from-domain, in", .message = IN, .rules = {&from_domain}, .parts = {&closed}},
    {"to-domain, in", .message = IN, .rules = {&to_domain}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW,
     .status = 496},
    {"to-domain, out", .message = OUT, .rules = {&to_domain}, .parts = {&closed}},
    {"to-domain, inside", .message = INSIDE, .rules = {&to_domain}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW,
     .status = 496},
    {"from-domain, transit", .message = TRANSIT, .rules = {&from_domain}, .parts = {&closed}},
    {"to-domain, transit", .message = TRANSIT, .rules = {&to_domain}, .parts = {&closed}},
    {"both, transit", .message = TRANSIT, .rules = {&view}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW,
     .status = 496},
    {"from-domain, anonymous and unproven", .message = ANONYMOUS, .rules = {&from_domain}, .parts = {&closed}},
    {"from-domain, anonymous and proven", .message = ANONYMOUS, .rules = {&from_domain}, .parts = {&opened, &closed},
     .wanted = RULE_POLICY_VIEW, .status = 496},
    {"from-domain, anonymous and proven by the domain", .message = ANONYMOUS, .rules = {&from_domain},
     .parts = {&signed_by_domain, &closed}, .wanted = RULE_POLICY_VIEW, .status = 496},
    {"from-domain, proven to be a visitor", .message = ANONYMOUS, .rules = {&from_domain},
     .parts = {&signed_by_visitor, &closed}},
    {"a response to OUT comes from the other domain", .message = OUT, .response = YES, .rules = {&from_domain},
     .parts = {&closed}},
    {"a response to IN comes from ours", .message = IN, .response = YES, .rules = {&from_domain}, .parts = {&closed},
     .monitored = RULE_POLICY_VIEW},
    {"a response to OUT goes to ours", .message = OUT, .response = YES, .rules = {&to_domain}, .parts = {&closed},
     .monitored = RULE_POLICY_VIEW},

    /* content */
    {"another type, plain refused", .rules = {&archive_strict}, .parts = {&plain_image}},
    {"another type, opened", .rules = {&view_text}, .parts = {&opened_verify_image}},
    {"another type, signed and forged beside", .rules = {&archive}, .parts = {&signed_image}},
    {"an unsigned picture beside a signed text", .rules = {&archive}, .parts = {&opened, &plain_image},
     .archived = YES},
    {"a signed copy without content", .rules = {&view}, .parts = {&opened_copy_alone}, .archived = YES},

    /* monitor */
    {"monitor, closed", .rules = {&archive_monitor}, .parts = {&closed}, .monitored = RULE_POLICY_VIEW},
    {"monitor, verify, forged", .rules = {&verify_monitor}, .parts = {&signed_forged},
     .monitored = RULE_SIGNATURE_INVALID},
    {"monitor, plain refused", .rules = {&strict_monitor}, .parts = {&plain}, .monitored = RULE_POLICY_PLAIN},
    {"monitor, satisfied", .rules = {&archive_monitor}, .parts = {&opened}, .archived = YES},
    {"monitor beside enforce", .rules = {&verify_monitor, &view}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW,
     .status = 496, .monitored = RULE_POLICY_VERIFY},
    {"monitor finds by rank too", .rules = {&verify_monitor, &view_monitor}, .parts = {&signed_forged, &closed},
     .monitored = RULE_POLICY_VIEW, .archived = YES},

    /* rules are cumulative */
    {"the second rule refuses", .rules = {&view, &verify}, .parts = {&signed_forged},
     .wanted = RULE_SIGNATURE_INVALID, .status = 403},
    {"the worst of two rules", .rules = {&verify, &view}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW,
     .status = 496},

    /* responses are never refused */
    {"response, broken", .response = YES, .broken = RULE_CMS_DER, .parts = {&closed}, .monitored = RULE_CMS_DER},
    {"response, reader without label", .response = YES, .parts = {&closed_no_label}, .monitored = RULE_LABEL_ABSENT},
    {"response, opened unsigned", .response = YES, .parts = {&opened_unsigned}, .monitored = RULE_SIGNATURE_ABSENT},
    {"response, forged, and the archive is withheld", .message = IN, .response = YES, .rules = {&archive},
     .parts = {&opened_forged}, .monitored = RULE_SIGNATURE_INVALID},
    {"response, plain refused", .message = IN, .response = YES, .rules = {&archive_strict}, .parts = {&plain},
     .monitored = RULE_POLICY_PLAIN},
    {"response, satisfied", .message = IN, .response = YES, .rules = {&archive}, .parts = {&opened}, .archived = YES},
    {"response, monitor", .message = IN, .response = YES, .rules = {&archive_monitor}, .parts = {&closed, &plain},
     .monitored = RULE_POLICY_VIEW, .archived = YES},

    /* no rule ever refuses an emergency call */
    {"sos in the Request-URI", .message = SOS_URI, .rules = {&view_strict}, .parts = {&plain},
     .monitored = RULE_POLICY_PLAIN},
    {"sos in To", .method = "INVITE", .message = SOS_TO, .rules = {&view}, .parts = {&closed},
     .monitored = RULE_POLICY_VIEW},
    {"sos in To of a MESSAGE", .message = SOS_TO, .rules = {&view}, .parts = {&closed}, .wanted = RULE_POLICY_VIEW,
     .status = 496},
    {"sos, the called side in the dialog", .method = "INFO", .message = SOS_BACK, .rules = {&view}, .parts = {&closed},
     .monitored = RULE_POLICY_VIEW},
    {"sos in From of a new call", .method = "INVITE", .message = SOS_FORGED, .rules = {&view}, .parts = {&closed},
     .wanted = RULE_POLICY_VIEW, .status = 496},
    {"another dialog", .method = "INFO", .message = IN_DIALOG, .rules = {&view}, .parts = {&closed},
     .wanted = RULE_POLICY_VIEW, .status = 496},
    {"another service", .method = "INVITE", .message = SOS_OTHER, .rules = {&view}, .parts = {&closed},
     .wanted = RULE_POLICY_VIEW,
     .status = 496},
    {"sos, labels", .message = SOS_URI, .parts = {&closed_no_label}, .monitored = RULE_LABEL_ABSENT},
    {"sos, broken", .message = SOS_URI, .broken = RULE_MIME_DEPTH, .monitored = RULE_MIME_DEPTH},
    {"sos, satisfied and archived", .message = SOS_URI, .rules = {&view}, .parts = {&plain}, .archived = YES},

    /* archive */
    {"no archive without a rule that views", .rules = {&verify}, .parts = {&opened}},
    {"no archive of what no rule is about", .rules = {&archive}, .parts = {&signed_image}},
    {"no archive in another direction", .message = IN, .rules = {&archive}, .parts = {&plain}},
    {"an honest label that asked for view serves as the type", .rules = {&archive}, .parts = {&opened_image},
     .archived = YES},
    {"one that asked for verify does not", .rules = {&archive}, .parts = {&opened_verify_image}},
    {"but a matching type does", .rules = {&archive}, .parts = {&opened_verify}, .archived = YES},
    {"no archive of what is refused", .rules = {&archive}, .parts = {&opened, &opened_forged},
     .wanted = RULE_SIGNATURE_INVALID, .status = 403},
    {"nothing to archive in a closed part", .rules = {&view_monitor}, .parts = {&closed},
     .monitored = RULE_POLICY_VIEW},
};

/* --- putting a row to the policy --- */

static struct policy policy_of(rule *const rules[3])
{
    struct policy p = {.domain = {SPAN_INIT("other.example"), SPAN_INIT("home.example")}, .domain_count = 2};
    while (p.rule_count < 3 && rules[p.rule_count]) {
        p.rule[p.rule_count] = *rules[p.rule_count];
        p.rule_count++;
    }
    return p;
}

static void set_context(struct message_outline *outline, int message, const char *method, bool response)
{
    struct message_context *c = &outline->source.context;
    *c = messages[message];
    c->method = span_text(method ? method : "MESSAGE");
    c->is_response = response;
    if (response) {
        c->request_uri = (struct span){0};
        c->status = 200;
    }
}

static struct decision decide(const struct row *row)
{
    static struct verdict verdict;
    static struct message_outline outline;
    struct policy policy = policy_of(row->rules);
    memset(&verdict, 0, sizeof verdict);
    memset(&outline, 0, sizeof outline);
    set_context(&outline, row->message, row->method, row->response);
    verdict.broken = row->broken;
    while (verdict.part_count < 3 && row->parts[verdict.part_count]) {
        verdict.part[verdict.part_count] = *row->parts[verdict.part_count];
        verdict.part_count++;
    }
    return policy_decide(&policy, &outline, &verdict);
}

static void every_row_of_the_decision_table_holds(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct decision d = decide(row);
        if (d.broken == row->wanted && d.status == row->status && d.monitored == row->monitored &&
            d.archive == row->archived)
            continue;
        wrong++;
        print_error("%s: %s, status %d, monitored %s, archive %d\n", row->what, rule_name(d.broken), d.status,
                    rule_name(d.monitored), d.archive);
    }
    assert_int_equal(wrong, 0);
}

/* Whatever the rules and parts are: what is refused is answered with a status and not archived, and responses and
 * emergency calls pass. */
static void no_combination_of_two_parts_and_a_rule_breaks_the_frame(void **state)
{
    (void)state;
    static part *const parts[] = {
        &plain, &plain_labelled, &closed, &closed_no_label, &closed_signed, &closed_forged, &opened, &opened_unsigned,
        &opened_label_differs, &opened_forged, &opened_no_copy, &opened_copy_alone, &signed_ok, &signed_forged,
        &signed_by_nobody, &signed_unreadable, &signed_forged_labelled, &signed_content,
    };
    static rule *const rules[] = {NULL, &archive, &archive_monitor, &archive_strict, &view, &view_monitor, &verify,
                                  &verify_monitor, &strict_monitor, &to_domain};
    enum { PARTS = sizeof parts / sizeof parts[0], RULES_TRIED = sizeof rules / sizeof rules[0] };
    for (size_t i = 0; i < PARTS * PARTS * RULES_TRIED; i++) {
        struct row row = {.parts = {parts[i % PARTS], parts[i / PARTS % PARTS]}, .rules = {rules[i / PARTS / PARTS]}};
        struct decision d = decide(&row);
        assert_int_equal(d.broken != RULE_OK, d.status != 0);
        assert_false(d.broken != RULE_OK && d.archive);
        assert_false(d.archive && !row.rules[0]);
        row.response = true;
        assert_rule(decide(&row).broken, RULE_OK);
        row.response = false;
        row.message = SOS_TO;
        row.method = "INVITE";
        assert_rule(decide(&row).broken, RULE_OK);
    }
}

static void a_message_is_decided_the_same_in_whatever_order_its_parts_stand(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct row swapped = rows[i];
        if (!swapped.parts[1] || swapped.parts[2])
            continue;
        swapped.parts[0] = rows[i].parts[1];
        swapped.parts[1] = rows[i].parts[0];
        struct decision a = decide(&rows[i]), b = decide(&swapped);
        assert_rule(a.broken, b.broken);
        assert_int_equal(a.status, b.status);
        assert_int_equal(a.archive, b.archive);
    }
}

/* --- without a vault --- */

static struct decision decide_unexamined(rule *r, enum mime_kind kind, const char *type)
{
    static struct verdict verdict;
    static struct message_outline outline;
    struct policy policy = policy_of((rule *const[3]){r});
    memset(&outline, 0, sizeof outline);
    set_context(&outline, OUT, NULL, false);
    outline.part_count = 1;
    outline.part[0] = (struct mime_entity){.kind = kind, .type = span_text(type), .body = SPAN("x")};
    return policy_decide(&policy, &outline, &verdict);
}

static void what_nobody_examined_is_closed_and_unsigned(void **state)
{
    (void)state;
    assert_rule(decide_unexamined(NULL, MIME_SEALED, "application/pkcs7-mime").broken, RULE_OK);
    assert_rule(decide_unexamined(&archive, MIME_SEALED, "application/pkcs7-mime").broken, RULE_POLICY_VIEW);
    assert_rule(decide_unexamined(&verify, MIME_SEALED, "application/pkcs7-mime").broken, RULE_POLICY_VERIFY);
    assert_rule(decide_unexamined(&verify, MIME_SIGNED, "application/pkcs7-mime").broken, RULE_POLICY_VERIFY);
    assert_rule(decide_unexamined(&view_text, MIME_CLEAR_SIGNED, "multipart/signed").broken, RULE_POLICY_VIEW);
    assert_rule(decide_unexamined(&view_text, MIME_MULTIPART, "multipart/mixed").broken, RULE_POLICY_VIEW);
    assert_rule(decide_unexamined(&archive_strict, MIME_PLAIN, "Text/Plain").broken, RULE_POLICY_PLAIN);
    assert_rule(decide_unexamined(&archive_strict, MIME_PLAIN, "").broken, RULE_POLICY_PLAIN);
    assert_rule(decide_unexamined(&archive_strict, MIME_PLAIN, "image/png").broken, RULE_OK);
    assert_rule(decide_unexamined(&archive_monitor, MIME_SEALED, "x/y").monitored, RULE_POLICY_VIEW);
    assert_true(decide_unexamined(&archive, MIME_PLAIN, "text/plain").archive);
}

/* --- before any cryptography --- */

struct need_row {
    const char *what;
    int message;
    rule *r;
    enum mime_kind kind;
    const char *type; /* null: no body */
    bool labelled, examine, archived;
};

static const struct need_row need_rows[] = {
    {"no body", .r = &view_strict, .labelled = true},
    {"plain, no rule", .type = "text/plain"},
    {"plain, a label", .type = "text/plain", .labelled = true, .examine = YES},
    {"sealed, no rule", .kind = MIME_SEALED, .type = "x/y", .examine = YES},
    {"signed, no rule", .kind = MIME_SIGNED, .type = "x/y", .examine = YES},
    {"plain, archive", .r = &archive, .type = "text/plain", .examine = YES, .archived = YES},
    {"plain without type, archive", .r = &archive, .type = "", .examine = YES, .archived = YES},
    {"another type, archive", .r = &archive, .type = "image/png"},
    {"sealed, archive", .r = &archive, .kind = MIME_SEALED, .type = "x/y", .examine = YES, .archived = YES},
    {"a signed copy in the clear, archive", .r = &archive, .kind = MIME_SIPFRAG, .type = "message/sipfrag"},
    {"certificates, archive", .r = &archive, .kind = MIME_CERTS_ONLY, .type = "application/pkcs7-mime"},
    {"nested, archive", .r = &archive, .kind = MIME_MULTIPART, .type = "multipart/mixed", .examine = YES,
     .archived = YES},
    {"plain, verify", .r = &verify, .type = "text/plain", .examine = YES},
    {"plain, in, from-domain", .message = IN, .r = &archive, .type = "text/plain"},
    {"sealed, in, from-domain: another may be proven", .message = IN, .r = &archive, .kind = MIME_SEALED, .type = "x/y",
     .examine = YES, .archived = YES},
    {"sealed, out, to-domain", .r = &to_domain, .kind = MIME_SEALED, .type = "x/y", .examine = YES},
    {"another method", .r = &on_invite, .type = "text/plain"},
};

static void what_has_to_happen_is_told_before_any_cryptography(void **state)
{
    (void)state;
    static struct message_outline outline;
    for (size_t i = 0; i < sizeof need_rows / sizeof need_rows[0]; i++) {
        const struct need_row *row = &need_rows[i];
        struct policy policy = policy_of((rule *const[3]){row->r});
        memset(&outline, 0, sizeof outline);
        set_context(&outline, row->message, NULL, false);
        outline.labels.count = row->labelled;
        outline.part_count = row->type != NULL;
        outline.part[0] = (struct mime_entity){.kind = row->kind, .type = span_text(row->type)};
        struct policy_need need = policy_need_of(&policy, &outline);
        if (need.examine != row->examine || need.archive != row->archived)
            fail_msg("%s: examine %d, archive %d", row->what, need.examine, need.archive);
    }
}

static bool concerns(rule *r, int message, const char *method, bool response)
{
    static struct message_outline outline;
    struct policy policy = policy_of((rule *const[3]){r});
    set_context(&outline, message, method, response);
    return policy_concerns(&policy, &outline.source.context);
}

/* REQ-GEN-3 */
static void a_proxy_has_business_only_with_messages_that_a_rule_may_be_about(void **state)
{
    (void)state;
    assert_false(concerns(NULL, OUT, NULL, false));
    assert_true(concerns(&view, TRANSIT, NULL, false));
    assert_false(concerns(&on_invite, OUT, NULL, false));
    assert_true(concerns(&on_invite, OUT, "ACK", false));
    assert_false(concerns(&view, OUT, "CANCEL", false));
    assert_true(concerns(&to_domain, IN, NULL, false));
    assert_false(concerns(&to_domain, OUT, NULL, false));
    assert_true(concerns(&to_domain, OUT, NULL, true));
    assert_true(concerns(&from_domain, TRANSIT, NULL, false)); /* the body may yet prove a sender of this domain */
}

/* RFC 3261 20.43; protocol.md 5 */
static void a_warning_says_who_refuses_and_why(void **state)
{
    (void)state;
    uint8_t text[256];
    struct writer w = writer_over(text, sizeof text);
    policy_write_warning(&w, SPAN("proxy1.home.example"), RULE_POLICY_VIEW);
    assert_span_text(writer_span(&w), "399 proxy1.home.example "
                                      "\"the policy of this proxy needs to view content that it cannot read\"");
    for (int i = 0; i < RULE_COUNT; i++) {
        w = writer_over(text, sizeof text);
        policy_write_warning(&w, SPAN("proxy1.home.example"), (enum rule)i);
        assert_false(w.full);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_decision_table_holds),
        cmocka_unit_test(no_combination_of_two_parts_and_a_rule_breaks_the_frame),
        cmocka_unit_test(a_message_is_decided_the_same_in_whatever_order_its_parts_stand),
        cmocka_unit_test(what_nobody_examined_is_closed_and_unsigned),
        cmocka_unit_test(what_has_to_happen_is_told_before_any_cryptography),
        cmocka_unit_test(a_proxy_has_business_only_with_messages_that_a_rule_may_be_about),
        cmocka_unit_test(a_warning_says_who_refuses_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
