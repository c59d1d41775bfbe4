/* SPDX-License-Identifier: MIT */
/* See client.h. */
#include "client.h"

#include "../support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { PATIENCE_S = 30 };

bool client_try_connect(struct client *client, uint16_t port) {
    client->filled = 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0) return false;
    const struct timeval patience = {PATIENCE_S, 0};
    const int on = 1;
    const int receive_bytes = 64 * 1024; /* so that a long response does not fit into the sockets */
    union {
        struct sockaddr any;
        struct sockaddr_in in;
    } address = {.in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}}};
    if (setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes) != 0 ||
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        connect(client->fd, &address.any, sizeof address.in) != 0) {
        client_close(client);
        return false;
    }
    return true;
}

void client_connect(struct client *client, uint16_t port) { assert_true(client_try_connect(client, port)); }

bool client_try_send(struct client *client, const void *bytes, size_t size) {
    const char *next = bytes;
    while (size > 0) {
        ssize_t sent = send(client->fd, next, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        next += sent;
        size -= (size_t)sent;
    }
    return true;
}

void client_send(struct client *client, const char *text) { assert_true(client_try_send(client, text, strlen(text))); }

/* Appends to the buffer.  false: the end, a reset, or half a minute of silence. */
static bool fill(struct client *client) {
    if (client->filled == sizeof client->buffer) return false;
    for (;;) {
        ssize_t got = recv(client->fd, client->buffer + client->filled, sizeof client->buffer - client->filled, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        client->filled += (size_t)got;
        return true;
    }
}

static void consume(struct client *client, size_t size) {
    client->filled -= size;
    memmove(client->buffer, client->buffer + size, client->filled);
}

/* The length of the head with its empty line; 0 while it is not whole. */
static size_t head_length(const struct client *client) {
    for (size_t i = 0; i + 4 <= client->filled; i++) {
        if (memcmp(client->buffer + i, "\r\n\r\n", 4) == 0) return i + 4;
    }
    return 0;
}

/* The value of a header of the reply, where it begins; NULL: not there. */
static const char *header_value(const struct reply *reply, const char *name) {
    size_t length = strlen(name);
    for (const char *line = reply->head; (line = strstr(line, "\r\n")) != NULL;) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            while (*line == ' ') line++;
            return line;
        }
    }
    return NULL;
}

bool client_try_receive_head(struct client *client, struct reply *reply) {
    memset(reply, 0, sizeof *reply);
    size_t length;
    while ((length = head_length(client)) == 0) {
        if (!fill(client)) return false;
    }
    if (length >= sizeof reply->head) return false;
    memcpy(reply->head, client->buffer, length);
    consume(client, length);
    if (strncmp(reply->head, "HTTP/1.", 7) != 0) return false;
    reply->status = (unsigned)strtoul(reply->head + 9, NULL, 10);
    const char *connection = header_value(reply, "Connection");
    reply->close = connection != NULL && strncasecmp(connection, "close", 5) == 0;
    return true;
}

bool client_try_receive(struct client *client, struct reply *reply) {
    if (!client_try_receive_head(client, reply)) return false;
    const char *content_length = header_value(reply, "Content-Length");
    size_t left = content_length == NULL ? 0 : (size_t)strtoull(content_length, NULL, 10);
    while (left > 0) {
        if (client->filled == 0 && !fill(client)) return false;
        size_t piece = left < client->filled ? left : client->filled;
        for (size_t i = 0; i < piece; i++) {
            if (reply->body_bytes < sizeof reply->body - 1) reply->body[reply->body_bytes] = client->buffer[i];
            reply->body_bytes++;
            reply->body_sum += (unsigned char)client->buffer[i];
        }
        consume(client, piece);
        left -= piece;
    }
    return true;
}

void client_receive(struct client *client, struct reply *reply) { assert_true(client_try_receive(client, reply)); }

bool client_try_skip(struct client *client) {
    client->filled = 0;
    bool some = fill(client);
    client->filled = 0;
    return some;
}

bool client_sees_end(struct client *client) {
    if (client->filled > 0) return false;
    char byte;
    ssize_t got;
    do {
        got = recv(client->fd, &byte, 1, 0);
    } while (got < 0 && errno == EINTR);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

void client_exchange(struct client *client, const char *text, unsigned status, struct reply *reply) {
    client_send(client, text);
    client_receive(client, reply);
    assert_int_equal(reply->status, status);
}

void client_close(struct client *client) {
    if (client->fd >= 0) close(client->fd);
    client->fd = -1;
}

void client_abort(struct client *client) {
    const struct linger reset = {1, 0};
    (void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    client_close(client);
}
