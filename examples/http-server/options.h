/* SPDX-License-Identifier: MIT */
/* arena-http-server: the command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The thread modes of libmicrohttpd. */
enum options_mode {
    OPTIONS_MODE_POOL,           /* `threads` threads share the connections */
    OPTIONS_MODE_INTERNAL,       /* one thread of libmicrohttpd's serves all connections */
    OPTIONS_MODE_PER_CONNECTION, /* a thread for each connection */
    OPTIONS_MODE_EXTERNAL        /* the main thread serves all connections */
};

struct options {
    const char *address; /* numeric, of either family */
    uint16_t port;       /* 0: any free one */
    enum options_mode mode;
    unsigned threads; /* of OPTIONS_MODE_POOL, at least 2 */
    size_t fields;
    size_t arenas;
    const char *folder; /* or NULL */
    unsigned drain_s;
    bool log;
};

enum options_result {
    OPTIONS_RUN,  /* go on */
    OPTIONS_DONE, /* --help or --version was answered */
    OPTIONS_WRONG /* said so on standard error */
};

enum options_result options_parse(int argc, char **argv, struct options *options);

const char *options_mode_name(enum options_mode mode);

#endif
