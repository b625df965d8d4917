#include "sipseal/sip_digest.h"

static void write_quoted(struct writer *w, const char *before, struct span value)
{
    writer_text(w, before);
    writer_byte(w, '"');
    writer_put(w, value);
    writer_byte(w, '"');
}

static void write_qop(struct writer *w, enum digest_qop qop)
{
    writer_text(w, qop == DIGEST_AUTH_INT ? ", qop=auth-int" : ", qop=auth");
}

void digest_write_nc(uint32_t nc, char out[9])
{
    const uint8_t bytes[4] = {(uint8_t)(nc >> 24), (uint8_t)(nc >> 16), (uint8_t)(nc >> 8), (uint8_t)nc};
    struct writer w = writer_over(out, 8);
    writer_hex(&w, span_of(bytes, sizeof bytes));
    out[8] = 0;
}

void digest_write_challenge(struct writer *w, struct span realm, struct span nonce, enum digest_algorithm algorithm,
                            bool stale)
{
    write_quoted(w, "Digest realm=", realm);
    write_quoted(w, ", nonce=", nonce);
    writer_text(w, ", algorithm=");
    writer_text(w, digest_algorithm_name(algorithm));
    writer_text(w, ", qop=\"auth,auth-int\"");
    if (stale)
        writer_text(w, ", stale=true");
}

void digest_write_credentials(struct writer *w, const struct digest_credentials *c)
{
    write_quoted(w, "Digest username=", c->username);
    write_quoted(w, ", realm=", c->realm);
    write_quoted(w, ", nonce=", c->nonce);
    write_quoted(w, ", uri=", c->uri);
    write_quoted(w, ", response=", c->response);
    writer_text(w, ", algorithm=");
    writer_text(w, digest_algorithm_name(c->algorithm));
    write_qop(w, c->qop);
    writer_text(w, ", nc=");
    writer_put(w, c->nc_text);
    write_quoted(w, ", cnonce=", c->cnonce);
    if (c->opaque.len)
        write_quoted(w, ", opaque=", c->opaque);
}

void digest_write_info(struct writer *w, const struct digest_round *round, const struct digest_hex *rspauth)
{
    write_quoted(w, "rspauth=", span_text(rspauth->text));
    write_qop(w, round->qop);
    writer_text(w, ", nc=");
    writer_put(w, round->nc_text);
    write_quoted(w, ", cnonce=", round->cnonce);
}
