/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arena/base.h>

#include "number.h"
#include "service.h"

enum { THREADS_MAX = 256, ARENAS_MAX = 1000000, DRAIN_MAX_S = 3600 };

static const char *const mode_names[] = {
    [OPTIONS_MODE_POOL] = "pool",
    [OPTIONS_MODE_INTERNAL] = "internal",
    [OPTIONS_MODE_PER_CONNECTION] = "per-connection",
    [OPTIONS_MODE_EXTERNAL] = "external",
};

enum { MODES = sizeof(mode_names) / sizeof(mode_names[0]) };

const char *options_mode_name(enum options_mode mode) { return mode_names[mode]; }

static void print_help(const struct options *defaults) {
    printf("Usage: arena-http-server [OPTION]...\n"
           "Answers HTTP requests, each out of an arena of its own, until SIGINT or SIGTERM.\n"
           "\n"
           "  --address ADDRESS  listen on this numeric IPv4 or IPv6 address (%s)\n"
           "  --port PORT        listen on this port; 0: on any free one, which is printed (%u)\n"
           "  --mode MODE        who serves the connections (%s):\n"
           "                     pool            several threads share them\n"
           "                     internal        one thread\n"
           "                     per-connection  a thread for each\n"
           "                     external        the main thread\n"
           "  --threads COUNT    threads of the mode pool, 2 to %d (%u, one per processor)\n"
           "  --fields COUNT     fields that a request may have, 1 to %d (%zu); more are answered 413\n"
           "  --arenas COUNT     requests that are answered at once, 1 to %d (%zu); more are answered 503\n"
           "  --files FOLDER     where files are uploaded to and sent from (none)\n"
           "  --drain SECONDS    how long requests that are open may take at the end, 0 to %d (%u)\n"
           "  --log              write a line on standard output for each request\n"
           "  --help             show this\n"
           "  --version          show the version of libarena\n"
           "\n"
           "GET  /parse?key=value   the fields of the query as JSON\n"
           "POST /parse             the same, and those of a form-encoded body\n"
           "GET  /sum?n=10&n=20     the sum of the numbers\n"
           "GET  /count?to=N        the numbers up to N, in chunks\n"
           "GET  /large?mib=N       so many MiB, made in the arena\n"
           "GET  /wait?ms=N         an answer so much later\n"
           "PUT  /files/NAME        keeps the body as a file\n"
           "GET  /files/NAME        the file\n"
           "GET  /metrics           counters in Prometheus' text format\n"
           "GET  /healthz           ok\n",
           defaults->address, (unsigned)defaults->port, mode_names[defaults->mode], THREADS_MAX, defaults->threads,
           SERVICE_FIELDS_MAX, defaults->fields, ARENAS_MAX, defaults->arenas, DRAIN_MAX_S, defaults->drain_s);
}

static bool parse_count(const char *name, const char *text, int64_t least, int64_t most, int64_t *count) {
    if (number_read(text, count) == NUMBER && *count >= least && *count <= most) return true;
    fprintf(stderr, "arena-http-server: --%s takes a number from %lld to %lld, not '%s'\n", name, (long long)least,
            (long long)most, text);
    return false;
}

static bool parse_mode(const char *text, enum options_mode *mode) {
    for (int i = 0; i < MODES; i++) {
        if (strcmp(text, mode_names[i]) != 0) continue;
        *mode = (enum options_mode)i;
        return true;
    }
    fprintf(stderr, "arena-http-server: --mode takes pool, internal, per-connection or external, not '%s'\n", text);
    return false;
}

static unsigned processors(void) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (online < 2) return 2;
    return online > THREADS_MAX ? THREADS_MAX : (unsigned)online;
}

enum options_result options_parse(int argc, char **argv, struct options *options) {
    enum { ADDRESS = 1, PORT, MODE, THREADS, FIELDS, ARENAS, FILES, DRAIN, LOG, HELP, VERSION };
    static const struct option names[] = {
        {"address", required_argument, NULL, ADDRESS},
        {"port", required_argument, NULL, PORT},
        {"mode", required_argument, NULL, MODE},
        {"threads", required_argument, NULL, THREADS},
        {"fields", required_argument, NULL, FIELDS},
        {"arenas", required_argument, NULL, ARENAS},
        {"files", required_argument, NULL, FILES},
        {"drain", required_argument, NULL, DRAIN},
        {"log", no_argument, NULL, LOG},
        {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},
        {NULL, 0, NULL, 0},
    };
    const struct options defaults = {
        .address = "127.0.0.1",
        .port = 8080,
        .mode = OPTIONS_MODE_POOL,
        .threads = processors(),
        .fields = 64,
        .arenas = 1000,
        .drain_s = 5,
    };
    *options = defaults;
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        int64_t count = 0;
        bool fine = true;
        switch (option) {
        case ADDRESS:
            options->address = optarg;
            break;
        case PORT:
            fine = parse_count("port", optarg, 0, UINT16_MAX, &count);
            options->port = (uint16_t)count;
            break;
        case MODE:
            fine = parse_mode(optarg, &options->mode);
            break;
        case THREADS:
            fine = parse_count("threads", optarg, 2, THREADS_MAX, &count);
            options->threads = (unsigned)count;
            break;
        case FIELDS:
            fine = parse_count("fields", optarg, 1, SERVICE_FIELDS_MAX, &count);
            options->fields = (size_t)count;
            break;
        case ARENAS:
            fine = parse_count("arenas", optarg, 1, ARENAS_MAX, &count);
            options->arenas = (size_t)count;
            break;
        case FILES:
            options->folder = optarg;
            break;
        case DRAIN:
            fine = parse_count("drain", optarg, 0, DRAIN_MAX_S, &count);
            options->drain_s = (unsigned)count;
            break;
        case LOG:
            options->log = true;
            break;
        case HELP:
            print_help(&defaults);
            return OPTIONS_DONE;
        case VERSION:
            printf("arena-http-server (libarena %u.%u.%u)\n", (unsigned)(arena_version() >> 16),
                   (unsigned)(arena_version() >> 8 & 0xff), (unsigned)(arena_version() & 0xff));
            return OPTIONS_DONE;
        default:
            fine = false; /* getopt_long has said what is wrong */
        }
        if (!fine) return OPTIONS_WRONG;
    }
    if (optind == argc) return OPTIONS_RUN;
    fprintf(stderr, "arena-http-server: '%s' is not an option\n", argv[optind]);
    return OPTIONS_WRONG;
}
