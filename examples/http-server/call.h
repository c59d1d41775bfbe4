/* SPDX-License-Identifier: MIT */
/* arena-http-server: what is kept of a request from its head to its end, behind arena_request_user. */
#ifndef CALL_H
#define CALL_H

#include <stdbool.h>
#include <stdint.h>

#include <arena/arena.h>
#include <arena/mhd.h>

#define CONTENT_JSON "application/json"
#define CONTENT_TEXT "text/plain; charset=utf-8"

struct upload;

struct call {
    int64_t started_ns;
    struct upload *upload; /* or NULL */
};

/* The arena of the request. */
struct arena_bytes *call_arena(struct arena_request *request);

/* A static text, or one in the request's arena.  NULL: 413, there was no room for what should have been said.  MHD_NO: it could
 * not be queued. */
enum MHD_Result call_answer(struct arena_request *request, unsigned status, const char *content_type, const char *text);

/* The argument of that name as a number from least to most; `fallback` where there is none.  false: it is none. */
bool call_number(struct arena_request *request, const char *name, int64_t least, int64_t most, int64_t fallback,
                 int64_t *number);

#endif
