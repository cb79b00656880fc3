/* SPDX-License-Identifier: MIT */
/*
 * An engine that answers from a script: an HTTP server on a unix socket, one thread a connection.
 *
 * A request takes the first rule whose `match` is in its request line and that has uses left. GET
 * /version is answered as API 1.41 if no rule matches; anything else unmatched fails the test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum fake_after {
        FAKE_KEEP,  /* the connection goes on */
        FAKE_CLOSE, /* it is closed once the answer is out */
        FAKE_HOLD,  /* nothing more comes, and it stays open */
};

struct fake_rule {
        const char *match;
        int status;       /* with body: a whole answer is made of them */
        const char *body; /* NULL: none */
        bool chunked;     /* the body is sent in chunks of `piece` bytes */
        const char *head; /* header lines to add to the answer, each with its CRLF */
        const char *raw;  /* bytes sent instead of all that */
        size_t raw_len;   /* 0: strlen */
        size_t cut;       /* only that many bytes of the answer are sent; 0: all */
        size_t withhold;  /* that many bytes at its end are not sent */
        size_t piece;     /* write(2) size; 0: all at once */
        int delay_ms;     /* before the answer */
        enum fake_after after;
        int uses;           /* 0: any number */
        bool leave_request; /* answers after the request's head, and never reads its body */
};

struct fake;

struct fake *fake_start(const struct fake_rule *rules, size_t n);
void fake_stop(struct fake *f);
const char *fake_socket(const struct fake *f);

/* Requests so far other than GET /version, and how many connections came. */
size_t fake_requests(struct fake *f);
size_t fake_connections(struct fake *f);
/* "POST /v1.41/x HTTP/1.1" and the decoded body, borrowed until fake_stop(); "" if there is none.
 */
const char *fake_line(struct fake *f, size_t i);
const char *fake_body(struct fake *f, size_t i);
/* True once a client has closed a connection that was still owed something; waits up to 2 s. */
bool fake_saw_hangup(struct fake *f);
