/* A capture file (pcap or pcapng, read by libpcap) as SIP messages, each with its place in it. */
#ifndef SIPSEAL_CLI_CAPTURE_FILE_H
#define SIPSEAL_CLI_CAPTURE_FILE_H

#include <stdio.h>

#include "capture/capture.h"
#include "cli/command.h"

/* Whether a file begins like a capture file; what was read is put back, so that also a pipe can be asked. */
bool capture_file_is(FILE *in);

struct capture_file;

/* Takes over `in`, also when it fails. `name` is what errors call it; it must live as long as the file. */
enum exit_code capture_file_open(FILE *in, const char *name, struct capture_file **out);
void capture_file_close(struct capture_file *f);

/* The next message, until the next call; false at the end, with `*code` when the file cannot be read on. */
bool capture_file_next(struct capture_file *f, struct capture_message *m, enum exit_code *code);

const struct capture_counters *capture_file_counters(const struct capture_file *f);

/* "192.0.2.1:5060", "[2001:db8::1]:5060" */
enum { CAPTURE_ENDPOINT_MAX = 64 };
const char *capture_endpoint_text(const struct capture_endpoint *endpoint, char out[CAPTURE_ENDPOINT_MAX]);
/* "2026-11-23T13:00:00.000001Z" */
enum { CAPTURE_TIME_MAX = 48 };
const char *capture_time_text(const struct capture_message *m, char out[CAPTURE_TIME_MAX]);

#endif
