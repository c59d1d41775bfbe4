/* SPDX-License-Identifier: MIT */
/* A raw HTTP client on a loopback socket: what it sends is what the test says, byte for byte.  For the main thread,
 * whose tests it fails, but for the try_ functions, which any thread may call. */
#ifndef TESTS_MHD_CLIENT_H
#define TESTS_MHD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLIENT_BUFFER_BYTES = 64 * 1024 };

struct client {
    int fd;
    size_t filled; /* bytes of the buffer that were received and not consumed */
    char buffer[CLIENT_BUFFER_BYTES];
};

/* One response.  The first bytes of the body are kept, as a string; all are counted and summed up. */
struct reply {
    unsigned status;
    bool close; /* "Connection: close" */
    size_t body_bytes;
    uint32_t body_sum; /* of all bytes */
    char head[8192];
    char body[8192];
};

bool client_try_connect(struct client *client, uint16_t port);
void client_connect(struct client *client, uint16_t port);

bool client_try_send(struct client *client, const void *bytes, size_t size);
void client_send(struct client *client, const char *text);

/* Receives one response whole.  false: the connection ended before, or nothing came for half a minute. */
bool client_try_receive(struct client *client, struct reply *reply);
/* No further than the empty line: of a response to HEAD there is no more. */
bool client_try_receive_head(struct client *client, struct reply *reply);
void client_receive(struct client *client, struct reply *reply);

/* Receives some bytes and throws them away.  false: there were none. */
bool client_try_skip(struct client *client);

/* Does the server end the connection with nothing more to read? */
bool client_sees_end(struct client *client);

/* Sends and receives, and checks the status. */
void client_exchange(struct client *client, const char *text, unsigned status, struct reply *reply);

void client_close(struct client *client);
/* With a reset instead of an orderly end: what the client has not read is thrown away. */
void client_abort(struct client *client);

#endif
