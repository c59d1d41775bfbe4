/* SPDX-License-Identifier: MIT */
/* Clients of arena-http-server, good ones and bad ones, for as long as asked: run.sh starts them.
 *
 *   soak-clients PORT SECONDS FIELDS SEED CROWD
 *
 * FIELDS is the service's --fields.  First CROWD clients at a time upload and download as much as is taken: then the
 * service has made the arenas that it will need, and used each as much as it will be.  After that each thread visits in a random order.  Every well-formed request must get the one
 * right answer, to the byte (of a long body: its length, its sum and its beginning); from clients that leave, or talk
 * nonsense, nothing is expected but that the others do not suffer.  Figures are printed one a line, as "clients NAME
 * NUMBER".  Exit status: 0, 1 when an answer was wrong or missing (the first ones are said), 2 for a wrong command
 * line.
 */
#include "../mhd/client.h"
#include "../support.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

enum {
    THREADS = 8,
    VALUE_MAX_BYTES = 60000, /* with its key it fits the service's limit of a body */
    PIPELINE_MAX = 16,
    CROWD_MAX = 400,
    SERVICE_TIMEOUT_S = 15
};

#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"

/* KEEP: the connection can be used again.  LEAVE: the visitor has left, or the service may have. */
enum outcome { KEEP, LEAVE, WRONG };

struct visitor {
    struct client client;
    struct reply reply;
    uint32_t random;
    uint64_t answered; /* rightly, with 2xx */
    uint64_t refused;  /* rightly, with 4xx */
    uint64_t wrong;
    char text[VALUE_MAX_BYTES * 2 + 4096];
    char value[VALUE_MAX_BYTES + 1];
};

static struct visitor visitors[THREADS];
static unsigned fields;
static uint16_t port;
static int64_t end_ms;

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint32_t below(struct visitor *visitor, uint32_t limit) {
    visitor->random ^= visitor->random << 13;
    visitor->random ^= visitor->random >> 17;
    visitor->random ^= visitor->random << 5;
    return visitor->random % limit;
}

static void pause_ms(uint32_t milliseconds) {
    const struct timespec pause = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

/* --- requests and their answers ----------------------------------------------------------------------------------- */

static bool say(struct visitor *visitor, const char *text) {
    return client_try_send(&visitor->client, text, strlen(text));
}

/* The next answer is this one. */
static bool hear(struct visitor *visitor, unsigned status, const char *body) {
    if (!client_try_receive(&visitor->client, &visitor->reply)) return false;
    if (visitor->reply.status != status || strcmp(visitor->reply.body, body) != 0) return false;
    if (status < 400) {
        visitor->answered++;
    } else {
        visitor->refused++;
    }
    return true;
}

static enum outcome heard(struct visitor *visitor, bool right) {
    if (!right) return WRONG;
    return visitor->reply.close ? LEAVE : KEEP;
}

static void expect_document(char *out, size_t size, const char *path, const char *method, unsigned used,
                            const char *rest) {
    snprintf(out, size, "{\"path\":\"%s\",\"method\":\"%s\",\"used\":%u,\"remaining\":%u,%s}\n", path, method, used,
             fields - used, rest);
}

/* One of the short requests: its text, and what is answered. */
static unsigned short_request(struct visitor *visitor, char *text, size_t text_size, char *body, size_t body_size) {
    char rest[256];
    unsigned a = below(visitor, 1000000), b = below(visitor, 1000000);
    switch (below(visitor, 8)) {
    case 0:
        snprintf(text, text_size, "GET /sum?n=%u&n=-%u&m=x HTTP/1.1\r\nHost: soak\r\n\r\n", a, b);
        snprintf(rest, sizeof rest, "\"sum\":%d", (int)a - (int)b);
        expect_document(body, body_size, "/sum", "GET", 3, rest);
        return 200;
    case 1:
        snprintf(text, text_size, "GET /parse?k%u=%%41%u+&%u HTTP/1.1\r\nHost: soak\r\n\r\n", a, b, b);
        snprintf(rest, sizeof rest, "\"fields\":[{\"key\":\"k%u\",\"value\":\"A%u \"},{\"key\":\"%u\",\"value\":\"\"}]",
                 a, b, b);
        expect_document(body, body_size, "/parse", "GET", 2, rest);
        return 200;
    case 2:
        snprintf(rest, sizeof rest, "a=%u&b=%u", a, b);
        snprintf(text, text_size,
                 "POST /parse?q=%u HTTP/1.1\r\nHost: soak\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 a, strlen(rest), rest);
        snprintf(rest, sizeof rest,
                 "\"fields\":[{\"key\":\"q\",\"value\":\"%u\"},{\"key\":\"a\",\"value\":\"%u\"},"
                 "{\"key\":\"b\",\"value\":\"%u\"}]",
                 a, a, b);
        expect_document(body, body_size, "/parse", "POST", 3, rest);
        return 200;
    case 3:
        /* The service does not upgrade, and says so by an ordinary answer. */
        snprintf(text, text_size,
                 "GET /healthz HTTP/1.1\r\nHost: soak\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        snprintf(body, body_size, "ok");
        return 200;
    case 4:
        snprintf(text, text_size, "GET /sum?n=%u&n=%ux HTTP/1.1\r\nHost: soak\r\n\r\n", a, b);
        snprintf(body, body_size, "n number 2 is not a whole number\n");
        return 400;
    case 5:
        snprintf(text, text_size, "GET /large?mib=%u HTTP/1.1\r\nHost: soak\r\n\r\n", a + 17);
        snprintf(body, body_size, "mib is a number from 1 to 16\n");
        return 400;
    case 6:
        snprintf(text, text_size, "GET /no%u HTTP/1.1\r\nHost: soak\r\n\r\n", a);
        snprintf(body, body_size, "no such path; there are /parse, /sum and /healthz\n");
        return 404;
    default:
        snprintf(text, text_size, "PUT /sum?n=%u HTTP/1.1\r\nHost: soak\r\nContent-Length: 0\r\n\r\n", a);
        snprintf(body, body_size, "this path has no such method\n");
        return 405;
    }
}

/* A value of one byte many times, and the answer to POST /parse with long=VALUE: `shown` is the byte as JSON has it. */
static size_t long_value(struct visitor *visitor, const char **shown) {
    size_t size = 1 + below(visitor, VALUE_MAX_BYTES);
    bool control = below(visitor, 4) == 0; /* answered with six times as many bytes: more than the sockets hold */
    char letter = (char)('a' + below(visitor, 26));
    static const char letters[26][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
                                        "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z"};
    *shown = control ? "\\u0001" : letters[letter - 'a'];
    memset(visitor->value, control ? 1 : letter, size);
    visitor->value[size] = '\0';
    return size;
}

static bool hear_long(struct visitor *visitor, size_t size, const char *shown) {
    char head[256];
    expect_document(head, sizeof head, "/parse", "POST", 1, "\"fields\":[{\"key\":\"long\",\"value\":\"\"}]");
    const size_t before = strlen(head) - strlen("\"}]}\n");
    if (!client_try_receive(&visitor->client, &visitor->reply) || visitor->reply.status != 200) return false;
    uint32_t sum = 0, shown_sum = 0;
    for (const char *byte = head; *byte != '\0'; byte++) sum += (unsigned char)*byte;
    for (const char *byte = shown; *byte != '\0'; byte++) shown_sum += (unsigned char)*byte;
    if (visitor->reply.body_bytes != strlen(head) + size * strlen(shown)) return false;
    if (visitor->reply.body_sum != sum + (uint32_t)size * shown_sum) return false;
    if (strncmp(visitor->reply.body, head, before) != 0) return false;
    for (size_t i = before; i < before + size * strlen(shown) && i < sizeof visitor->reply.body - 1; i++) {
        if (visitor->reply.body[i] != shown[(i - before) % strlen(shown)]) return false;
    }
    visitor->answered++;
    return true;
}

/* The head of such a request, with this line in it. */
static bool say_long_head(struct visitor *visitor, size_t size, const char *line) {
    snprintf(visitor->text, sizeof visitor->text,
             "POST /parse HTTP/1.1\r\nHost: soak\r\n" FORM "%sContent-Length: %zu\r\n\r\n", line,
             strlen("long=") + size);
    return say(visitor, visitor->text);
}

/* --- visits: well-formed ------------------------------------------------------------------------------------------ */

static enum outcome visit_short(struct visitor *visitor) {
    char body[512];
    unsigned status = short_request(visitor, visitor->text, 1024, body, sizeof body);
    return heard(visitor, say(visitor, visitor->text) && hear(visitor, status, body));
}

static enum outcome visit_pipelined(struct visitor *visitor) {
    static _Thread_local char bodies[PIPELINE_MAX][512];
    unsigned statuses[PIPELINE_MAX];
    unsigned count = 2 + below(visitor, PIPELINE_MAX - 1);
    size_t length = 0;
    for (unsigned i = 0; i < count; i++) {
        statuses[i] = short_request(visitor, visitor->text + length, 1024, bodies[i], sizeof bodies[i]);
        length += strlen(visitor->text + length);
    }
    if (!say(visitor, visitor->text)) return WRONG;
    for (unsigned i = 0; i < count; i++) {
        if (!hear(visitor, statuses[i], bodies[i])) return WRONG;
        if (visitor->reply.close) return i + 1 == count ? LEAVE : WRONG;
    }
    return KEEP;
}

static enum outcome visit_long(struct visitor *visitor) {
    const char *shown;
    size_t size = long_value(visitor, &shown);
    return heard(visitor, say_long_head(visitor, size, "") && say(visitor, "long=") && say(visitor, visitor->value) &&
                              hear_long(visitor, size, shown));
}

static enum outcome visit_continued(struct visitor *visitor) {
    const char *shown;
    size_t size = long_value(visitor, &shown);
    if (!say_long_head(visitor, size, "Expect: 100-continue\r\n")) return WRONG;
    if (!client_try_receive(&visitor->client, &visitor->reply) || visitor->reply.status != 100) return WRONG;
    return heard(visitor, say(visitor, "long=") && say(visitor, visitor->value) && hear_long(visitor, size, shown));
}

static enum outcome visit_chunked(struct visitor *visitor) {
    const char *shown;
    size_t size = long_value(visitor, &shown);
    if (!say(visitor, "POST /parse HTTP/1.1\r\nHost: soak\r\n" FORM "Transfer-Encoding: chunked\r\n\r\n5\r\nlong=\r\n"))
        return WRONG;
    for (size_t sent = 0; sent < size;) {
        size_t piece = 1 + below(visitor, 8000);
        if (piece > size - sent) piece = size - sent;
        snprintf(visitor->text, sizeof visitor->text, "%zx\r\n%.*s\r\n", piece, (int)piece, visitor->value + sent);
        if (!say(visitor, visitor->text)) return WRONG;
        sent += piece;
    }
    return heard(visitor, say(visitor, "0\r\n\r\n") && hear_long(visitor, size, shown));
}

/* Slow, but whole. */
static enum outcome visit_stalling(struct visitor *visitor) {
    char body[512];
    unsigned status = short_request(visitor, visitor->text, 1024, body, sizeof body);
    size_t length = strlen(visitor->text);
    for (size_t sent = 0; sent < length;) {
        size_t piece = 1 + below(visitor, (uint32_t)length / 2);
        if (piece > length - sent) piece = length - sent;
        if (!client_try_send(&visitor->client, visitor->text + sent, piece)) return WRONG;
        sent += piece;
        pause_ms(below(visitor, 100));
    }
    return heard(visitor, hear(visitor, status, body));
}

/* Slow to read. */
static enum outcome visit_slow_reader(struct visitor *visitor) {
    const char *shown;
    size_t size = long_value(visitor, &shown);
    if (!say_long_head(visitor, size, "") || !say(visitor, "long=") || !say(visitor, visitor->value)) return WRONG;
    pause_ms(50 + below(visitor, 300));
    return heard(visitor, hear_long(visitor, size, shown));
}

/* --- visits: of clients that leave -------------------------------------------------------------------------------- */

static enum outcome leave_in_line(struct visitor *visitor) {
    static const char *const lines[] = {"G", "GET", "GET /par", "GET /parse?a=1 HT", "GET /parse?a=1 HTTP/1.1\r"};
    (void)say(visitor, lines[below(visitor, sizeof lines / sizeof lines[0])]);
    return LEAVE;
}

static enum outcome leave_in_head(struct visitor *visitor) {
    (void)say(visitor, "GET /parse?a=1 HTTP/1.1\r\nHost: soak\r\nAcc");
    return LEAVE;
}

static enum outcome leave_in_upload(struct visitor *visitor) {
    const char *shown;
    size_t size = long_value(visitor, &shown);
    if (!say_long_head(visitor, size + 1, below(visitor, 2) == 0 ? "" : "Expect: 100-continue\r\n")) return LEAVE;
    if (strstr(visitor->text, "Expect") != NULL) (void)client_try_skip(&visitor->client); /* then it has begun */
    (void)(say(visitor, "long=") && say(visitor, visitor->value));
    if (below(visitor, 4) == 0) pause_ms(below(visitor, 100));
    return LEAVE;
}

static enum outcome leave_in_chunk(struct visitor *visitor) {
    (void)say(visitor, "POST /parse HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nlong=");
    return LEAVE;
}

static enum outcome leave_before_answer(struct visitor *visitor) {
    char body[512];
    (void)short_request(visitor, visitor->text, 1024, body, sizeof body);
    (void)say(visitor, visitor->text);
    return LEAVE;
}

static enum outcome leave_in_download(struct visitor *visitor) {
    memset(visitor->value, 1, VALUE_MAX_BYTES);
    visitor->value[VALUE_MAX_BYTES] = '\0';
    (void)(say_long_head(visitor, VALUE_MAX_BYTES, "") && say(visitor, "long=") && say(visitor, visitor->value) &&
           client_try_skip(&visitor->client));
    return LEAVE;
}

/* --- visits: nonsense --------------------------------------------------------------------------------------------- */

/* Reads what comes for at most a second, so that the service does not have to wait for a visitor that waits for it. */
static enum outcome listen_and_leave(struct visitor *visitor) {
    const struct timeval second = {1, 0};
    (void)setsockopt(visitor->client.fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    if (below(visitor, 2) == 0) (void)shutdown(visitor->client.fd, SHUT_WR);
    for (int i = 0; i < 100 && client_try_skip(&visitor->client); i++) continue;
    return LEAVE;
}

static enum outcome talk_noise(struct visitor *visitor) {
    size_t size = 1 + below(visitor, 4000);
    for (size_t i = 0; i < size; i++) visitor->text[i] = (char)below(visitor, 256);
    (void)client_try_send(&visitor->client, visitor->text, size);
    return listen_and_leave(visitor);
}

static enum outcome talk_nonsense(struct visitor *visitor) {
    static const char *const heads[] = {
        "GET\r\n\r\n",
        "\r\n\r\n\r\n\r\n",
        "/parse?a=1\r\nHost: soak\r\n\r\n",
        "GET /parse HTTP/9.9\r\nHost: soak\r\n\r\n",
        "GET /parse?a=1\r\n\r\n",
        "GET  /parse?a=1  HTTP/1.1\r\nHost: soak\r\n\r\n",
        "GET /parse HTTP/1.1\r\n\r\n",
        "GET /parse HTTP/1.1\r\nHost: soak\r\nno colon here\r\n\r\n",
        "GET /parse HTTP/1.1\r\n: no name\r\nHost: soak\r\n\r\n",
        "POST /parse HTTP/1.1\r\nHost: soak\r\nContent-Length: -1\r\n\r\n",
        "POST /parse HTTP/1.1\r\nHost: soak\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST /parse HTTP/1.1\r\nHost: soak\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nlong=",
        "POST /parse HTTP/1.1\r\nHost: soak\r\nContent-Length: 70000\r\n\r\nmore than is taken",
        "POST /parse HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nlong=\r\n0\r\n\r\n",
        "POST /parse HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nlong=",
        "POST /parse HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: nonsense\r\n\r\nlong=",
        "\x16\x03\x01\x02\x01\x01\xfc\x03\x03", /* TLS */
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };
    (void)say(visitor, heads[below(visitor, sizeof heads / sizeof heads[0])]);
    return listen_and_leave(visitor);
}

/* A head that does not fit the service's memory of a connection. */
static enum outcome talk_endlessly(struct visitor *visitor) {
    memset(visitor->text, 'h', sizeof visitor->text - 1);
    visitor->text[sizeof visitor->text - 1] = '\0';
    (void)(say(visitor, "GET /parse?a=1 HTTP/1.1\r\nHost: soak\r\nLong: ") && say(visitor, visitor->text));
    return listen_and_leave(visitor);
}

/* --- the visits --------------------------------------------------------------------------------------------------- */

static const struct kind {
    const char *name;
    enum outcome (*visit)(struct visitor *visitor);
    unsigned weight;
} kinds[] = {
    {"short", visit_short, 20},
    {"pipelined", visit_pipelined, 10},
    {"long", visit_long, 6},
    {"continued", visit_continued, 3},
    {"chunked", visit_chunked, 3},
    {"stalling", visit_stalling, 1},
    {"slow_reader", visit_slow_reader, 1},
    {"left_in_line", leave_in_line, 4},
    {"left_in_head", leave_in_head, 4},
    {"left_in_upload", leave_in_upload, 6},
    {"left_in_chunk", leave_in_chunk, 4},
    {"left_before_answer", leave_before_answer, 6},
    {"left_in_download", leave_in_download, 3},
    {"noise", talk_noise, 3},
    {"nonsense", talk_nonsense, 5},
    {"endless_head", talk_endlessly, 1},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static uint64_t visits[THREADS][KINDS];

static void went_wrong(struct visitor *visitor, const char *kind) {
    if (++visitor->wrong > 3) return;
    fprintf(stderr, "soak-clients: %s: wrong or missing answer; the last one: status %u, %zu bytes: %.200s\n", kind,
            visitor->reply.status, visitor->reply.body_bytes, visitor->reply.body);
}

static void visit_once(struct visitor *visitor, unsigned index) {
    unsigned sum = 0;
    for (unsigned i = 0; i < KINDS; i++) sum += kinds[i].weight;
    unsigned chosen = 0;
    for (unsigned left = below(visitor, sum); left >= kinds[chosen].weight; chosen++) left -= kinds[chosen].weight;
    visits[index][chosen]++;
    memset(&visitor->reply, 0, sizeof visitor->reply);
    enum outcome outcome = kinds[chosen].visit(visitor);
    if (outcome == WRONG) went_wrong(visitor, kinds[chosen].name);
    if (outcome == KEEP) return;
    if (below(visitor, 2) == 0) {
        client_abort(&visitor->client);
    } else {
        client_close(&visitor->client);
    }
}

/* Half a request, and then nothing: the service has to end it. */
static uint64_t sleepers, sleepers_kept;

static void sleep_until_ended(struct visitor *visitor) {
    (void)say(visitor, below(visitor, 2) == 0 ? "POST /parse HTTP/1.1\r\nHost: soak\r\nContent-Length: 10\r\n\r\nlong="
                                              : "GET /parse HTTP/1.1\r\nHo");
    sleepers++;
    if (!client_sees_end(&visitor->client)) sleepers_kept++;
    client_close(&visitor->client);
}

static void visit_often(struct worker *self) {
    struct visitor *visitor = &visitors[self->index];
    visitor->client.fd = -1;
    while (now_ms() < end_ms) {
        if (visitor->client.fd < 0 && !client_try_connect(&visitor->client, port)) {
            went_wrong(visitor, "connect");
            pause_ms(100);
            continue;
        }
        bool time_to_sleep = self->index == 0 && end_ms - now_ms() > (SERVICE_TIMEOUT_S + 5) * 1000;
        if (time_to_sleep && below(visitor, 500) == 0) {
            client_close(&visitor->client);
            if (client_try_connect(&visitor->client, port)) sleep_until_ended(visitor);
            continue;
        }
        visit_once(visitor, self->index);
    }
    client_close(&visitor->client);
}

/* All send before the first one reads, and the answers are more than the sockets hold: the service has them all in hand. */
static void crowd(struct visitor *visitor, unsigned count) {
    static int sockets[CROWD_MAX];
    memset(visitor->value, 1, VALUE_MAX_BYTES);
    visitor->value[VALUE_MAX_BYTES] = '\0';
    for (unsigned i = 0; i < count; i++) {
        if (!client_try_connect(&visitor->client, port) || !say_long_head(visitor, VALUE_MAX_BYTES, "") ||
            !say(visitor, "long=") || !say(visitor, visitor->value))
            went_wrong(visitor, "crowd, sending");
        sockets[i] = visitor->client.fd;
    }
    for (unsigned i = 0; i < count; i++) {
        visitor->client.fd = sockets[i];
        visitor->client.filled = 0;
        if (sockets[i] >= 0 && !hear_long(visitor, VALUE_MAX_BYTES, "\\u0001")) went_wrong(visitor, "crowd");
        client_close(&visitor->client);
    }
}

static unsigned number(const char *text, unsigned long least, unsigned long most) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno == 0 && *text != '\0' && *end == '\0' && value >= least && value <= most) return (unsigned)value;
    fprintf(stderr, "usage: soak-clients PORT SECONDS FIELDS SEED CROWD\n");
    exit(2);
}

int main(int argc, char **argv) {
    if (argc != 6) (void)number("", 0, 0);
    port = (uint16_t)number(argv[1], 1, UINT16_MAX);
    end_ms = now_ms() + (int64_t)number(argv[2], 1, 1000000) * 1000;
    fields = number(argv[3], 3, 1000000);
    unsigned seed = number(argv[4], 0, 1000000);
    crowd(&visitors[0], number(argv[5], 0, CROWD_MAX));
    static struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        visitors[i].random = (seed * THREADS + i + 1) * 2654435761u;
        worker_start(&workers[i], visit_often, NULL, i);
    }
    workers_join(workers, THREADS);
    uint64_t answered = 0, refused = 0, wrong = sleepers_kept;
    for (unsigned i = 0; i < THREADS; i++) {
        answered += visitors[i].answered;
        refused += visitors[i].refused;
        wrong += visitors[i].wrong;
    }
    printf("clients answered %" PRIu64 "\nclients refused %" PRIu64 "\nclients wrong %" PRIu64 "\n", answered, refused,
           wrong);
    printf("clients timed_out %" PRIu64 "\n", sleepers);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        uint64_t count = 0;
        for (unsigned i = 0; i < THREADS; i++) count += visits[i][kind];
        printf("clients %s %" PRIu64 "\n", kinds[kind].name, count);
    }
    return wrong == 0 ? 0 : 1;
}
