/* SPDX-License-Identifier: MIT */
/* arena-http-server: files of one folder, uploaded piece by piece and sent from where they lie.
 *
 * A file appears under its name once all of it has arrived, and not before: two clients that upload the same one do not
 * mix. */
#ifndef FILES_H
#define FILES_H

#include "call.h"

/* The name behind "/files/", where the path has a sound one; else NULL. */
const char *files_name(const char *url);

/* In `begin`: the body goes to disk.  NULL: it could not be opened. */
struct upload *upload_begin(struct arena_request *request, const char *folder, const char *name);
/* In the handler: all of it has arrived. */
enum MHD_Result upload_answer(struct arena_request *request, struct upload *upload);
/* In `completed`: what has not become a file is removed.  NULL is legal. */
void upload_end(struct upload *upload);

enum MHD_Result files_answer(struct arena_request *request, const char *folder, const char *name);

#endif
