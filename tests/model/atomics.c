/* SPDX-License-Identifier: MIT */
/* Atomic objects: the stores of each in modification order, the views of threads, and the operations on them. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

/* --- views -------------------------------------------------------------------------------------------------------- */

struct view *view_new(unsigned objects) {
    size_t size = sizeof(struct view) + objects * sizeof(uint32_t);
    size = (size + 15) & ~(size_t)15;
    if (engine->views_used + size > VIEW_BYTES) engine_limit("views");
    struct view *view = (struct view *)(void *)(engine->views + engine->views_used);
    engine->views_used += size;
    memset(view, 0, size);
    view->count = objects;
    return view;
}

static struct view *view_copy(const struct view *from) {
    unsigned count = from->count < engine->object_count ? from->count : engine->object_count;
    struct view *view = view_new(count);
    memcpy(view->clock, from->clock, sizeof view->clock);
    memcpy(view->stamps, from->stamps, count * sizeof view->stamps[0]);
    return view;
}

/* `into` has room for every object. */
void view_join(struct view *into, const struct view *from, bool clocks) {
    if (!from) return;
    for (unsigned i = 0; clocks && i < THREADS; i++)
        if (from->clock[i] > into->clock[i]) into->clock[i] = from->clock[i];
    for (unsigned i = 0; i < from->count; i++)
        if (from->stamps[i] > into->stamps[i]) into->stamps[i] = from->stamps[i];
}

static uint32_t thread_clock(const struct thread *thread) { return thread->view->clock[thread - engine->threads]; }

/* What the thread has done so far, for another to join; what it does from now on is not in it. */
struct view *thread_publish(struct thread *thread) {
    struct view *message = view_copy(thread->view);
    thread->view->clock[thread - engine->threads]++;
    if (thread_clock(thread) > UINT16_MAX) engine_limit("releases");
    return message;
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static struct store *store_new(struct object *object, unsigned place) {
    if (engine->store_count == STORES) engine_limit("stores");
    struct store *store = &engine->stores[engine->store_count++];
    memset(store, 0, sizeof *store);
    if (object->count == object->capacity) {
        uint32_t capacity = object->capacity ? object->capacity * 2 : 8;
        struct store **stores = (struct store **)(void *)view_new(capacity * 2); /* of pointers, or smaller ones */
        if (object->count) memcpy(stores, object->stores, object->count * sizeof stores[0]);
        object->stores = stores;
        object->capacity = capacity;
    }
    memmove(object->stores + place + 1, object->stores + place, (object->count - place) * sizeof object->stores[0]);
    object->stores[place] = store;
    object->count++;
    return store;
}

static uint64_t memory_load(uintptr_t address, unsigned size) {
    if (size == 4) return *(uint32_t *)address;
    return *(uint64_t *)address;
}

static void memory_store(uintptr_t address, unsigned size, uint64_t value) {
    if (size == 4)
        *(uint32_t *)address = (uint32_t)value;
    else
        *(uint64_t *)address = value;
}

unsigned object_at(const volatile void *pointer, unsigned size, enum object_kind kind) {
    uintptr_t address = (uintptr_t)pointer;
    memory_check(address, size, ATOMIC_READ, NULL);
    struct granule *granule = granule_find(address, true);
    uint16_t *slot = &granule->object[(address & 7) / 4];
    if (*slot) return *slot - 1u;
    if (engine->object_count == OBJECTS) engine_limit("atomic objects");
    struct object *object = &engine->objects[engine->object_count];
    memset(object, 0, sizeof *object);
    object->address = address;
    object->kind = kind;
    object->size = size;
    object->owner = -1;
    *slot = (uint16_t)++engine->object_count;
    if (kind == OBJECT_ATOMIC) store_new(object, 0)->value = memory_load(address, size);
    return *slot - 1u;
}

/* --- atomics ------------------------------------------------------------------------------------------------------ */

void atomics_watch(struct thread *self, unsigned object, uint32_t stamp) {
    for (unsigned i = 0; i < self->watch_count; i++)
        if (self->watches[i].object == object) {
            self->watches[i].stamp = stamp;
            return;
        }
    if (self->watch_count == WATCHES)
        self->watch_any = true;
    else
        self->watches[self->watch_count++] = (struct watch){(uint16_t)object, stamp};
}

/* The stores the pending load may read, newest first.  For a read-modify-write that changes the object (expected NULL,
 * or what it reads is *expected): none that another has taken. */
static unsigned readable(const struct thread *self, unsigned index, int order, bool modifies, const uint64_t *expected,
                         unsigned places[]) {
    const struct object *object = &engine->objects[index];
    uint32_t oldest = self->view->stamps[index];
    if (order == MODEL_ORDER_seq_cst && object->total_stamp > oldest) oldest = object->total_stamp;
    unsigned count = 0;
    for (unsigned i = object->count; i-- > 0 && object->stores[i]->stamp >= oldest;) {
        const struct store *store = object->stores[i];
        if (self->restricted && store->sequence <= self->floor) continue;
        if (modifies && store->followed && (!expected || store->value == *expected)) continue;
        places[count++] = i;
        if (count == 64) engine_limit("stores to read");
    }
    return count;
}

static unsigned read_place(const struct thread *self, unsigned index, int order, bool modifies,
                           const uint64_t *expected) {
    unsigned places[64];
    unsigned count = readable(self, index, order, modifies, expected, places);
    if (count == 0) engine_end(END_REDUNDANT);
    return places[engine_choose(count)];
}

static void read_from(struct thread *self, unsigned index, const struct store *store, int order) {
    if (order & MODEL_ORDER_acquire) view_join(self->view, store->message, true);
    if (store->stamp > self->view->stamps[index]) self->view->stamps[index] = store->stamp;
    atomics_watch(self, index, store->stamp);
}

static void order_total(struct thread *self, unsigned index, int order) {
    if (order != MODEL_ORDER_seq_cst) return;
    struct object *object = &engine->objects[index];
    if (self->view->stamps[index] > object->total_stamp) object->total_stamp = self->view->stamps[index];
    schedule_wake(WAKE_TOTAL, index);
}

/* Puts a store of the thread at `place` in the modification order. */
static struct store *write_at(struct thread *self, unsigned index, unsigned place, uint64_t value, int order,
                              const struct view *carried) {
    struct object *object = &engine->objects[index];
    uint32_t before = object->stores[place - 1]->stamp;
    uint32_t stamp = before + TICK;
    if (place < object->count) {
        stamp = before + (object->stores[place]->stamp - before) / 2;
        if (stamp == before) engine_limit("stores between two others");
    } else if (before > UINT32_MAX - TICK) {
        engine_limit("stores to one object");
    }
    struct store *store = store_new(object, place);
    store->value = value;
    store->stamp = stamp;
    store->sequence = ++engine->sequence;
    store->thread = (uint16_t)(self - engine->threads);
    self->view->stamps[index] = stamp;
    if (order & MODEL_ORDER_release) {
        store->message = thread_publish(self);
    } else if (carried) {
        store->message = view_new(engine->object_count);
    }
    if (carried) view_join(store->message, carried, true);
    if (store->message && store->message->count > index) store->message->stamps[index] = stamp;
    if (place + 1 == object->count) memory_store(object->address, object->size, value);
    engine->writes++;
    self->own_writes++;
    order_total(self, index, order);
    schedule_wake_readers(index, store, order);
    return store;
}

uint64_t model_atomic_load(const volatile void *address, unsigned size, int order, const char *site) {
    order = engine_order(site, order);
    engine->running = false;
    unsigned index = object_at(address, size, OBJECT_ATOMIC);
    struct thread *self =
        schedule_step(&(struct pending){.kind = OP_LOAD, .order = order, .object = (uint16_t)index, .site = site});
    memory_access((uintptr_t)address, size, ATOMIC_READ, site);
    index = object_at(address, size, OBJECT_ATOMIC);
    const struct store *store = engine->objects[index].stores[read_place(self, index, order, false, NULL)];
    read_from(self, index, store, order);
    order_total(self, index, order);
    engine_trace("%s (as %s) -> %#" PRIx64 "%s", site, order_names[order], store->value,
                 store == engine->objects[index].stores[engine->objects[index].count - 1] ? "" : "   [an old value]");
    schedule_done(self);
    return store->value;
}

void model_atomic_store(volatile void *address, unsigned size, uint64_t value, int order, const char *site) {
    order = engine_order(site, order);
    engine->running = false;
    unsigned index = object_at(address, size, OBJECT_ATOMIC);
    struct thread *self = schedule_step(
        &(struct pending){.kind = OP_STORE, .order = order, .object = (uint16_t)index, .writes = true, .site = site});
    memory_access((uintptr_t)address, size, ATOMIC_WRITE, site);
    index = object_at(address, size, OBJECT_ATOMIC);
    const struct object *object = &engine->objects[index];
    uint32_t oldest = self->view->stamps[index];
    if (order == MODEL_ORDER_seq_cst && object->total_stamp > oldest) oldest = object->total_stamp;
    unsigned places[64], count = 0;
    for (unsigned i = object->count; i-- > 0 && object->stores[i]->stamp >= oldest;)
        if (!object->stores[i]->followed) {
            places[count++] = i + 1;
            if (count == 64) engine_limit("places for a store");
        }
    unsigned place = places[engine_choose(count)];
    bool last = place == object->count;
    write_at(self, index, place, value, order, NULL);
    engine_trace("%s (as %s) <- %#" PRIx64 "%s", site, order_names[order], value,
                 last ? "" : "   [before a later store]");
    schedule_done(self);
}

bool model_atomic_cas(volatile void *address, unsigned size, uint64_t *expected, uint64_t desired, int order,
                      const char *site) {
    order = engine_order(site, order);
    engine->running = false;
    unsigned index = object_at(address, size, OBJECT_ATOMIC);
    struct thread *self = schedule_step(
        &(struct pending){.kind = OP_RMW, .order = order, .object = (uint16_t)index, .writes = true, .site = site});
    memory_access((uintptr_t)address, size, ATOMIC_READ, site);
    index = object_at(address, size, OBJECT_ATOMIC);
    unsigned place = read_place(self, index, order, true, expected);
    struct store *read = engine->objects[index].stores[place];
    bool done = read->value == *expected;
    engine_trace("%s (as %s): expects %#" PRIx64 ", reads %#" PRIx64 ", %s %#" PRIx64, site,
                 order_names[done ? order : MODEL_ORDER_relaxed], *expected, read->value,
                 done ? "stores" : "does not store", desired);
    if (done) {
        memory_access((uintptr_t)address, size, ATOMIC_WRITE, site);
        read_from(self, index, read, order);
        read->followed = true;
        write_at(self, index, place + 1, desired, order, read->message);
        atomics_watch(self, index, self->view->stamps[index]);
    } else {
        read_from(self, index, read, MODEL_ORDER_relaxed);
        *expected = read->value;
    }
    schedule_done(self);
    return done;
}

uint64_t model_atomic_rmw(volatile void *address, unsigned size, int operation, uint64_t operand, int order,
                          const char *site) {
    order = engine_order(site, order);
    engine->running = false;
    unsigned index = object_at(address, size, OBJECT_ATOMIC);
    struct thread *self = schedule_step(
        &(struct pending){.kind = OP_RMW, .order = order, .object = (uint16_t)index, .writes = true, .site = site});
    memory_access((uintptr_t)address, size, ATOMIC_WRITE, site);
    index = object_at(address, size, OBJECT_ATOMIC);
    unsigned place = read_place(self, index, order, true, NULL);
    struct store *read = engine->objects[index].stores[place];
    uint64_t before = read->value, after = operand;
    switch (operation) {
    case MODEL_RMW_add:
        after = before + operand;
        break;
    case MODEL_RMW_sub:
        after = before - operand;
        break;
    case MODEL_RMW_or:
        after = before | operand;
        break;
    case MODEL_RMW_and:
        after = before & operand;
        break;
    default:
        break;
    }
    if (size == 4) after = (uint32_t)after;
    engine_trace("%s (as %s): reads %#" PRIx64 ", stores %#" PRIx64, site, order_names[order], before, after);
    read_from(self, index, read, order);
    read->followed = true;
    write_at(self, index, place + 1, after, order, read->message);
    atomics_watch(self, index, self->view->stamps[index]);
    schedule_done(self);
    return before;
}

/* Not atomic: a plain write, after which the object has this one store. */
void model_atomic_init(volatile void *address, unsigned size, uint64_t value) {
    engine->running = false;
    memory_access((uintptr_t)address, size, PLAIN_WRITE, "initialisation of an atomic object");
    memory_store((uintptr_t)address, size, value);
    engine->running = true;
}
