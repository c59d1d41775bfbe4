/* SPDX-License-Identifier: MIT */
/* Writing to a disk can wait, and an event loop that waits serves nobody: a service with slow disks runs with a thread
 * per connection, or hands its pieces to threads of its own. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service.h"

enum { NAME_MAX_BYTES = 100 };

const char *files_name(const char *url) {
    static const char letters[] = "-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char folder[] = "/files/";
    if (strncmp(url, folder, sizeof folder - 1) != 0) return NULL;
    const char *name = url + sizeof folder - 1;
    size_t length = strlen(name);
    bool sound = length > 0 && length <= NAME_MAX_BYTES && name[0] != '.' && name[strspn(name, letters)] == '\0';
    return sound ? name : NULL;
}

/* --- Uploads --------------------------------------------------------------------------------------------------- */

struct upload {
    int fd;
    bool done; /* it has its name */
    char part[PATH_MAX];
    char whole[PATH_MAX];
};

static int take_piece(struct arena_request *request, const void *data, size_t size_bytes, void *user) {
    const struct upload *upload = user;
    const char *next = data;
    (void)request;
    while (size_bytes > 0) {
        ssize_t written = write(upload->fd, next, size_bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return ARENA_ENOMEM; /* the disk is full, say: 500 */
        next += written;
        size_bytes -= (size_t)written;
    }
    return ARENA_OK;
}

struct upload *upload_begin(struct arena_request *request, const char *folder, const char *name) {
    struct upload *upload = calloc(1, sizeof(*upload));
    if (upload == NULL) return NULL;
    int part = snprintf(upload->part, sizeof(upload->part), "%s/.upload-XXXXXX", folder);
    int whole = snprintf(upload->whole, sizeof(upload->whole), "%s/%s", folder, name);
    upload->fd = part < (int)sizeof(upload->part) && whole < (int)sizeof(upload->whole) ? mkstemp(upload->part) : -1;
    if (upload->fd < 0) {
        free(upload);
        return NULL;
    }
    if (arena_request_set_body_limit(request, SERVICE_FILE_MAX_BYTES) != ARENA_OK ||
        arena_request_stream_body(request, take_piece, upload) != ARENA_OK) {
        upload_end(upload);
        return NULL;
    }
    return upload;
}

enum MHD_Result upload_answer(struct arena_request *request, struct upload *upload) {
    if (rename(upload->part, upload->whole) != 0)
        return call_answer(request, MHD_HTTP_INTERNAL_SERVER_ERROR, CONTENT_TEXT, "the file could not be kept\n");
    upload->done = true;
    if (arena_request_add_header(request, MHD_HTTP_HEADER_LOCATION, arena_request_url(request)) != ARENA_OK)
        return MHD_NO;
    return call_answer(request, MHD_HTTP_CREATED, CONTENT_TEXT, "");
}

void upload_end(struct upload *upload) {
    if (upload == NULL) return;
    close(upload->fd);
    if (!upload->done) unlink(upload->part);
    free(upload);
}

/* --- Downloads ------------------------------------------------------------------------------------------------- */

/* Has the client this one already? */
static bool is_known(struct arena_request *request, const char *tag) {
    const char *known = arena_request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);
    return known != NULL && strcmp(known, tag) == 0;
}

static enum MHD_Result send_file(struct arena_request *request, int fd, const struct stat *status) {
    char tag[64];
    snprintf(tag, sizeof(tag), "\"%llx-%llx\"", (unsigned long long)status->st_mtime,
             (unsigned long long)status->st_size);
    bool headers = arena_request_add_header(request, MHD_HTTP_HEADER_ETAG, tag) == ARENA_OK &&
                   arena_request_add_header(request, MHD_HTTP_HEADER_X_CONTENT_TYPE_OPTIONS, "nosniff") == ARENA_OK;
    if (headers && is_known(request, tag)) {
        close(fd);
        return arena_request_respond(request, MHD_HTTP_NOT_MODIFIED, NULL, NULL, 0) == ARENA_OK ? MHD_YES : MHD_NO;
    }
    int answered = headers ? arena_request_respond_file(request, MHD_HTTP_OK, "application/octet-stream", fd, 0,
                                                        (uint64_t)status->st_size)
                           : ARENA_ENOMEM;
    if (answered == ARENA_OK) return MHD_YES; /* the descriptor is the library's now */
    close(fd);
    return MHD_NO;
}

enum MHD_Result files_answer(struct arena_request *request, const char *folder, const char *name) {
    char path[PATH_MAX];
    struct stat status;
    bool fits = snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path);
    int fd = fits ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) return send_file(request, fd, &status);
    if (fd >= 0) close(fd);
    return call_answer(request, MHD_HTTP_NOT_FOUND, CONTENT_TEXT, "no such file\n");
}
