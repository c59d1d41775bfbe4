/* SPDX-License-Identifier: MIT */
/* Version, and the texts of the statuses. */
#include <arena/base.h>

uint32_t arena_version(void) { return ARENA_VERSION; }

const char *arena_strerror(int status) {
    switch ((enum arena_status)status) { /* no default: the compiler asks for the text of a new status */
    case ARENA_OK:
        return "success";
    case ARENA_EINVAL:
        return "invalid argument";
    case ARENA_ENOMEM:
        return "out of memory";
    case ARENA_EFULL:
        return "full";
    case ARENA_ECANCELED:
        return "canceled";
    case ARENA_ETIMEDOUT:
        return "deadline exceeded";
    case ARENA_ENOARENA:
        return "no arena of that type in the context";
    case ARENA_EBUSY:
        return "busy";
    case ARENA_EPANIC:
        return "ended by a panic";
    }
    return "unknown status";
}
