/* SPDX-License-Identifier: MIT */
/* How public structs lie in memory, for bindings that check their own declarations.  Each struct that a program lays
 * out has its size here, but for struct arena_head, which is frozen. */
#include <arena/base.h>
#include <arena/bytes.h>
#include <arena/concurrent.h>
#include <arena/pool.h>
#include <arena/single.h>
#include <arena/type.h>

#include "base/compiler.h"

#include <string.h>

size_t arena_type_size(void) { return sizeof(struct arena_type); }
size_t arena_type_align(void) { return _Alignof(struct arena_type); }
size_t arena_options_size(void) { return sizeof(struct arena_options); }
size_t arena_source_size(void) { return sizeof(struct arena_source); }
size_t arena_stats_size(void) { return sizeof(struct arena_stats); }
size_t arena_cleanup_size(void) { return sizeof(struct arena_cleanup); }
size_t arena_buffer_size(void) { return sizeof(struct arena_buffer); }
size_t arena_mark_size(void) { return sizeof(struct arena_mark); }
size_t arena_scratch_size(void) { return sizeof(struct arena_scratch); }
size_t arena_burst_size(void) { return sizeof(struct arena_burst); }
size_t arena_panic_handler_size(void) { return sizeof(struct arena_panic_handler); }
size_t arena_panic_info_size(void) { return sizeof(struct arena_panic_info); }
size_t arena_fiber_size(void) { return sizeof(struct arena_fiber); }
size_t arena_permit_size(void) { return sizeof(struct arena_permit); }
size_t arena_pool_options_size(void) { return sizeof(struct arena_pool_options); }
size_t arena_pool_scope_size(void) { return sizeof(struct arena_pool_scope); }
size_t arena_pool_stats_size(void) { return sizeof(struct arena_pool_stats); }

size_t arena_type_offset(const char *field) {
    static const struct {
        char name[12]; /* not a pointer, so that nothing is relocated */
        uint32_t offset;
    } fields[] = {
        {"name", offsetof(struct arena_type, name)},   {"size", offsetof(struct arena_type, size)},
        {"align", offsetof(struct arena_type, align)}, {"drop", offsetof(struct arena_type, drop)},
        {"flags", offsetof(struct arena_type, flags)}, {"reserved", offsetof(struct arena_type, reserved)},
    };
    for (size_t i = 0; field != NULL && i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(field, fields[i].name) == 0) return fields[i].offset;
    }
    return SIZE_MAX;
}
