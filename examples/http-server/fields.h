/* SPDX-License-Identifier: MIT */
/* arena-http-server: from what a client sent to the fields of an exchange. */
#ifndef FIELDS_H
#define FIELDS_H

#include "answer.h"
#include "exchange.h"
#include "form.h"

/* Decodes one text into the arena of text, with a zero byte after it.  Without room for it *decoded is NULL. */
enum form_status fields_decode(struct exchange *exchange, const char *escaped, size_t escaped_size_bytes,
                               const char **decoded, size_t *decoded_size_bytes);

/* Add the arguments of the query, and the pairs of a form-encoded body.  False: *answer says why not. */
bool fields_add_query(struct exchange *exchange, struct answer *answer);
bool fields_add_body(struct exchange *exchange, struct answer *answer);

#endif
