/* SPDX-License-Identifier: MIT */
/* A callback of one binding may run inside a callback of another: one that stops that daemon, say.  So each keeps what
 * it found. */
#include "mhd/callback.h"

#include <arena/base.h>
#include <stddef.h>

struct frame {
    const struct arena_mhd *mhd;
    const struct frame *outer;
};

static _Thread_local const struct frame *innermost;

bool callback_run(const struct arena_mhd *mhd, void (*action)(void *user), void *user) {
    const struct frame frame = {mhd, innermost};
    innermost = &frame;
    int status = arena_protect(action, user);
    innermost = frame.outer;
    return status == ARENA_OK;
}

bool callback_inside(const struct arena_mhd *mhd) {
    const struct frame *frame = innermost;
    while (frame != NULL && frame->mhd != mhd) frame = frame->outer;
    return frame != NULL;
}
