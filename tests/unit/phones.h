/* Two user agents that take calls, Alice's and Bob's, the wire between them, and a clock that the test owns. Either can
 * also be spoken to by the letter: the test then is the other side. */
#ifndef SIPSEAL_TESTS_UNIT_PHONES_H
#define SIPSEAL_TESTS_UNIT_PHONES_H

#include "test.h"

#include "scene.h"
#include "ua/agent.h"
#include "ua/answer.h"

enum { PHONES_LOG_MAX = 4096, PHONES_SENT_MAX = 64, WIRE_FLOW = 5 };

struct phone {
    struct agent *agent;
    struct answer_signer signer;
    struct party self;
    struct answer_shape shape; /* how it answers: as it was offered, unless the test changes it */
    enum rule shape_broken;    /* why that is not possible */
    enum rule judged;          /* what it thinks of the last answer */
    char answered_by[128];     /* who proved to have given it */
    struct recipient recipient;
    const char *contact;
    char log[PHONES_LOG_MAX]; /* what happened to its calls, a word each: "180 answered:200 ended:other " */
    uint64_t call;            /* its last call */
    bool reliable;
    char way[256]; /* the URI for which a way was asked last */
    bool no_way;   /* there is none */
    bool lost;     /* what it sends is lost */
    char session[512]; /* what the last offer or answer said */
    enum rule broken;  /* what was wrong with it */
    uint32_t retry_ms;
    char sent[PHONES_SENT_MAX][16 * 1024]; /* all that it sent, each with a NUL; a ring */
    size_t sent_len[PHONES_SENT_MAX];
    size_t sent_count;
    size_t taken; /* of those, by the other side */
};

struct phones {
    struct scene scene;
    struct phone alice, bob;
    uint64_t now_ms;
    bool is_signed, sealed; /* how Alice protects what she offers, and what she asks of the answer */
};

#define SDP                                                                                                            \
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n"
#define SDP_HEADERS "Content-Type: application/sdp\r\n"

int phones_open(void **state);
int phones_close(void **state);

/* Alice calls Bob, with a session that is protected as `is_signed` and `sealed` say. */
void phones_call(struct phones *p);
/* Has both sides act on what waits, and carries what they send until nothing moves. */
void phones_run(struct phones *p);
/* Lets time pass, firing every timer on the way. */
void phones_pass(struct phones *p, uint64_t ms);
/* One side acts on what waits: what it sends is kept, what happened is logged. */
void phone_drain(struct phones *p, struct phone *phone);

void phone_answer(struct phones *p, struct phone *phone, int status);
void phone_reoffer(struct phones *p, struct phone *phone);
void phone_end(struct phones *p, struct phone *phone);

/* Gives bytes to a phone, as they came over the wire, and drains it. */
void phone_receive(struct phones *p, struct phone *phone, const char *text);
void phone_receive_bytes(struct phones *p, struct phone *phone, struct span bytes);
/* What it sent last; by how many messages before that. */
const char *phone_sent(const struct phone *phone, size_t back);
/* How many of those that it sent begin so. */
size_t phone_count(const struct phone *phone, const char *beginning);
/* The status of the last response that it sent, for a request by the letter. */
int phone_status(const struct phone *phone);

/* A request in the dialog of Bob's last call, by the letter, as Alice's: `first` of the headers after CSeq. */
void phone_request(struct phones *p, const char *method, uint32_t cseq, const char *headers, const char *body);
/* A response to the last request that the phone sent; its To tag is added where it has none. */
void phone_respond(struct phones *p, struct phone *phone, const char *status, const char *to_tag, const char *headers,
                   const char *body);

#define assert_log(phone, words) assert_string_equal((phone)->log, words)

#endif
