/* SPDX-License-Identifier: MIT */
/* What a libgcc that was made for glibc asks to unwind, for musl on x86-64: where the object at `pc` has its unwind tables.
 * Included first in every file (meson.build), so it brings no header of the system. */
#ifndef CROSS_MUSL_H
#define CROSS_MUSL_H

struct cross_segment {
    unsigned type, flags;
    unsigned long offset, address, physical, in_file, size_bytes, align;
};
struct cross_object {
    unsigned long base;
    const char *name;
    const struct cross_segment *segments;
    unsigned short count;
};
struct cross_found {
    unsigned long long flags;
    void *start, *end, *link_map, *tables;
    unsigned long long reserved[7];
};
struct cross_search {
    unsigned long pc;
    struct cross_found *found;
};

int cross_each_object(int (*look)(struct cross_object *object, unsigned long size, void *search),
                      void *search) __asm__("dl_iterate_phdr");

__attribute__((unused)) static int cross_look(struct cross_object *object, unsigned long size, void *user) {
    enum { LOADED = 1, UNWIND_TABLES = 0x6474e550 };
    struct cross_search *search = (struct cross_search *)user;
    int here = 0;
    (void)size;
    search->found->tables = (void *)0;
    for (unsigned i = 0; i < object->count; i++) {
        const struct cross_segment *segment = &object->segments[i];
        unsigned long start = object->base + segment->address;
        if (segment->type == UNWIND_TABLES) search->found->tables = (void *)start;
        if (segment->type != LOADED || search->pc - start >= segment->size_bytes) continue;
        here = 1;
        search->found->start = (void *)start;
        search->found->end = (void *)(start + segment->size_bytes);
    }
    return here && search->found->tables != (void *)0;
}

int _dl_find_object(void *pc, struct cross_found *found);
__attribute__((weak, visibility("hidden"))) int _dl_find_object(void *pc, struct cross_found *found) {
    struct cross_search search = {(unsigned long)pc, found};
    return cross_each_object(cross_look, &search) ? 0 : -1;
}

#endif
