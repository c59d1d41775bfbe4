/* SPDX-License-Identifier: MIT */
/* What the answer of a request needs of its connection, beside the functions of arena/mhd.h. */
#ifndef MHD_ANSWER_H
#define MHD_ANSWER_H

#include "mhd/exchange.h"

/* From now on the client has so long to take an answer: until then the connection may be silent. */
void answer_limit(struct exchange *exchange, struct MHD_Connection *connection);

#endif
