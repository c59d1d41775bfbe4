# SPDX-License-Identifier: MIT
"""Plants one known kind of bug at a time in a copy of the tree, and sees that the test named for it fails.

usage: planted.py [--only PATTERN] [--check [--build DIRECTORY]] [ROOT]

--check plants nothing: it only sees that each text is there exactly once, and that no two plants have one name; with
--build also that the tests of that build directory include each that is named.

packages: those of the tests, clang-19, libclang-rt-19-dev, frama-c-base, z3, cvc4, why3

A plant is a name, a file, the text that is there, the text that takes its place, and the test.  Where the text is not
there exactly once, the plant has to be brought up to date: that is a failure too.
"""

import argparse
import json
import os
import re
import sys

from tree import Failed, Skipped, Tree

PROOF = "proof of the arithmetic"
PLANTS = [
    ("off by one: a slab may be one slot too long", "src/base/arith.h",
     "return count <= room / stride;", "return count <= room / stride + 1;", [PROOF, "corpus of arena, guarded"]),
    ("off by one: rounding up takes a whole step", "src/base/arith.h",
     "return rest == 0 ? 0 : align - rest;", "return align - rest;", [PROOF]),
    ("overflow: a sum is not checked", "src/base/arith.h",
     "if (a > SIZE_MAX - b) return false;", "", [PROOF, "unit arith"]),
    ("overflow: a product is not checked", "src/base/arith.h",
     "if (b != 0 && a > SIZE_MAX / b) return false;", "", [PROOF, "corpus of arena, guarded"]),
    ("overflow: size times count of a slab", "src/core/take.h",
     "    if (UNLIKELY(count > arena->capacity)) return false; /* so the product cannot overflow */\n",
     "", ["arena"]),
    ("saturation: a deadline wraps", "src/base/arith.h",
     "if (duration_ns > 0 && time_ns > INT64_MAX - duration_ns) return INT64_MAX;", "", [PROOF, "unit arith", "context"]),
    ("missing acquire: a permit is taken relaxed", "src/sync/gate.h",
     "atomic_u32_cas(&gate->word, &word, word - GATE_PERMIT, acquire)",
     "atomic_u32_cas(&gate->word, &word, word - GATE_PERMIT, relaxed)", ["model gate"]),
    ("missing release: a permit is put back relaxed", "src/sync/gate.h",
     "atomic_u32_cas(&gate->word, &word, word + GATE_PERMIT, release)",
     "atomic_u32_cas(&gate->word, &word, word + GATE_PERMIT, relaxed)", ["model gate"]),
    ("missing release: a slot is committed before it is written", "src/api/share.h",
     "atomic_ptr_store(&share->commit, past, release);", "atomic_ptr_store(&share->commit, past, relaxed);", ["model share"]),
    ("missing release: a slab is committed before it is cleared", "src/api/share.h",
     "    if (UNLIKELY(share->clears_slabs)) {\n        char *at", "    share_commit(share, past);\n"
     "    if (UNLIKELY(share->clears_slabs)) {\n        char *at", ["model share"]),
    ("missing barrier: the revoker does not make itself seen", "src/api/share.c",
     "    if (!barrier_heavy()) panic_fatal", "    if (false) panic_fatal", ["model share"]),
    ("missing barrier: the owner's is none to the compiler", "src/platform/sync.h",
     "static inline void barrier_light(void) { atomic_signal_fence(memory_order_seq_cst); }",
     "static inline void barrier_light(void) {}", ["inline path"]),
    ("ABA: removals do not advance the tag", "src/sync/stack.c",
     "((head & ~INDEX_MASK) + TAG_ONE)", "(head & ~INDEX_MASK)", ["model stack"]),
    ("lost permit: a grant that loses is not passed on", "src/sync/gate.c",
     "    if (granted) gate_leave(gate);\n", "    (void)granted;\n", ["model gate"]),
    ("lost permit: a checkout that fails keeps it", "src/api/pool.c",
     "    if (pool->limited) gate_leave(&pool->gate);\n    return ARENA_ENOMEM;\n", "    return ARENA_ENOMEM;\n", ["fail"]),
    ("lost wake-up: a woken waiter leaves its mark behind", "src/sync/gate.c",
     "        (void)atomic_u32_and(&gate->word, ~GATE_WOKEN, relaxed);\n        next = wake_next(gate);\n",
     "        next = wake_next(gate);\n", ["model gate"]),
    ("lost wake-up: who joins the queue does not look again", "src/sync/gate.c",
     "    while (!try_take(&wait)) {\n", "    for (bool first = true; first || !try_take(&wait); first = false) {\n", ["model gate"]),
    ("lost wake-up: who leaves does not look for waiters", "src/sync/gate.h",
     "    while ((word & (GATE_WAITERS | GATE_WOKEN)) != GATE_WAITERS) {\n", "    for (;;) {\n", ["model gate"]),
    ("lost wake-up: who leaves looks once, before a waiter comes", "src/sync/gate.h",
     "        if (atomic_u32_cas(&gate->word, &word, word + GATE_PERMIT, release)) return; /* partner: who takes it */\n",
     "        (void)atomic_u32_add(&gate->word, GATE_PERMIT, release);\n        return;\n", ["model gate"]),
    ("starvation: who has waited long is not handed the permit", "src/sync/gate.c",
     "    if (clock_now() - head->gate_since_ns >= GATE_HANDOFF_NS) {\n", "    if (false) {\n", ["model gate"]),
    ("starvation: who was woken in vain waits from the start", "src/sync/gate.c",
     "    bool got = waiter->gate_granted;\n",
     "    bool got = waiter->gate_granted;\n    waiter->gate_since_ns = clock_now();\n", ["model gate"]),
    ("starvation: fairness starts late", "src/sync/gate.h",
     "#define GATE_HANDOFF_NS ((int64_t)1000000)", "#define GATE_HANDOFF_NS ((int64_t)1000001)", ["model gate"]),
    ("order of hand-over: the last one first", "src/sync/gate.c",
     "        queue_remove(gate, head);\n        head->gate_granted = true;",
     "        head = gate->last;\n        queue_remove(gate, head);\n        head->gate_granted = true;", ["model gate"]),
    ("permit too many: it is handed over and free", "src/sync/gate.c",
     "        head->gate_granted = true; /* what we did is seen through the mutex */\n",
     "        head->gate_granted = true;\n        (void)atomic_u32_add(&gate->word, GATE_PERMIT, release);\n", ["model gate"]),
    ("destroyed beside a waiter: free permits are enough to be idle", "src/sync/gate.c",
     "atomic_u32_load(&gate->word, acquire) == gate->permits * GATE_PERMIT",
     "atomic_u32_load(&gate->word, acquire) >= gate->permits * GATE_PERMIT", ["unit gate"]),
    ("race of cancellation and grant: who was granted does not look again", "src/sync/gate.c",
     "    status = cancel_status(node); /* the context may have ended by the time of the grant */\n", "", ["model gate"]),
    ("race of causes: the last one stays", "src/sync/cancel.c",
     "while (cause_in(word) == 0 && !atomic_u32_cas(&node->word, &word, word | (uint32_t)-status, release)) {",
     "while (!atomic_u32_cas(&node->word, &word, (word & CANCEL_LINKED) | (uint32_t)-status, release)) {", ["model cancel"]),
    ("lost wake-up: a cancellation wakes one waiter of several", "src/sync/cancel.c",
     "        while (at->waiters != NULL) {\n", "        if (at->waiters != NULL) {\n", ["unit cancel"]),
    ("lost child: it misses that its parent has ended", "src/sync/cancel.c",
     "    if (status != ARENA_OK) (void)settle_cause(node, status);\n", "    (void)status;\n",
     ["model cancel", "corpus of context, guarded"]),
    ("memory kept: a thread keeps each arena that it ends", "src/core/create.h",
     " || state->kept[KEPT_BYTES] != NULL)) return false;", ")) return false;", ["unit create"]),
    ("skipped clear: the first block of an arena that grew, which a thread kept", "src/core/create.c",
     "        memset(arena->base, 0, FIRST_CLEAR_BYTES);\n", "", ["unit create"]),
    ("memory kept: what threads keep of the address space is counted for good", "src/core/create.c",
     "        if (arena->held) backing_let_go(home->memory_bytes);\n", "", ["unit create"]),
    ("skipped clear: an arena that a thread kept is not cleared as far as it was used", "src/core/create.h",
     "    if (arena->ready < cursor) arena->ready = cursor;\n    memset(base, 0, (size_t)(cursor - base));\n",
     "    memset(base, 0, (size_t)(arena->ready < cursor ? arena->ready - base : cursor - base));\n    if (arena->ready < cursor) arena->ready = cursor;\n",
     ["unit create"]),
    ("memory kept: a large vector moves each time that it grows", "src/core/blocks.c",
     "if (arena->watched || pages_limited() ||", "if (true || arena->watched || pages_limited() ||", ["bytes"]),
    ("late poison: a reset leaves the slots open", "src/core/zero.c",
     "    if (arena->watched) slots_hide(arena, from, to);\n",
     "", ["address: corpus of arena", "poisoning"]),
    ("skipped clear: what a burst left stays", "src/core/window.c",
     "        if (cursor < limit) clear_bytes(cursor, (size_t)(limit - cursor));\n",
     "        ;\n", ["corpus of arena, guarded"]),
    ("skipped clear: a reset leaves what was used", "src/core/zero.c",
     "        if (from < to) clear_used(arena, from, to);\n",
     "        ;\n", ["arena", "corpus of arena, guarded"]),
    ("skipped drop: the last element's", "src/core/reset.c",
     "        slot -= arena->stride;\n        drop(slot, arena->drop_user);\n",
     "        slot -= arena->stride;\n        if (slot + arena->stride != arena->head.cursor) drop(slot, arena->drop_user);\n",
     ["arena", "corpus of arena, guarded"]),
    ("capacity not exact: who finds nothing does not revoke", "src/api/share.c",
     "    return shares->active != 0 && (fits || slots_fits(top, slots->end, bytes, align));\n", "    return false;\n",
     ["corpus of concurrent, guarded"]),
    ("chunk not given back: what a revoked one had left is lost", "src/api/share.c",
     "    slots_return(shares->slots, commit, limit, &share->spare);\n", "    (void)commit;\n",
     ["model share", "corpus of concurrent, guarded"]),
    ("capacity not exact: the gate alone lends chunks all the same", "src/api/share.c",
     "    if (gate_only || slots->watched", "    (void)gate_only;\n    if (slots->watched",
     ["unit share", "unit calls"]),
    ("wait without an end: the context of who waits for an allocation is not looked at", "src/api/share.c",
     "    while (cancel_status(node) == ARENA_OK && !revoke_now(shares)) {", "    while (!revoke_now(shares)) {", ["waits"]),
    ("wait without an end: the deadline is forgotten beside an allocation", "src/api/share.c",
     "    return cancel_status(node);\n", "    return ARENA_OK;\n", ["model share"]),
    ("lost permit: who is cancelled beside an allocation keeps it", "src/api/concurrent.c",
     "static void leave_cancelled(void *arena) { concurrent_leave(arena); }", "static void leave_cancelled(void *arena) { (void)arena; }",
     ["waits"]),
    ("lost permit: who gives up beside an allocation keeps it", "src/api/concurrent.c",
     "        concurrent_note_used(arena);\n    } else {\n        concurrent_leave(arena);\n",
     "        concurrent_note_used(arena);\n    } else {\n        concurrent_note_used(arena);\n", ["waits"]),
    ("torn slot: a chunk of a passed epoch counts as quiet", "src/api/share.c",
     "        if (is_quiet(share)) {", "        if (is_quiet(share) || !shares->fresh) {", ["model share"]),
    ("wait for others: a value is read with its slot claimed", "src/api/share.h",
     "        uint64_t word = share_read_word(value, 0);\n        if (UNLIKELY(!share_claim(shares, share, 8, &slot, &past))) return NULL;\n",
     "        if (UNLIKELY(!share_claim(shares, share, 8, &slot, &past))) return NULL;\n        uint64_t word = share_read_word(value, 0);\n",
     ["waits"]),
    ("wait for others: a value is read with the gate taken", "src/api/concurrent.c",
     "    touch_values(arena, step);\n    void *result = run_lent", "    void *result = run_lent", ["waits"]),
    ("never finished: an allocation left in the middle, by its thread's end", "src/api/share.c",
     "    mend(share);\n    atomic_u32_store(&share->owned", "    atomic_u32_store(&share->owned", ["model share"]),
    ("never finished: an allocation left in the middle, by who waits for the gate", "src/api/concurrent.h",
     "    shares_mend_mine(&arena->shares);\n    return gate_enter", "    return gate_enter", ["waits"]),
    ("taken back for nothing: a slab that cannot fit ends all chunks", "src/api/share.c",
     "(fits || slots_fits(top, slots->end, bytes, align));", "(fits || slots_fits(top, slots->end, 1, 1));", ["unit calls"]),
    ("never fits again: what was too long before a reset is after it", "src/api/concurrent.c",
     "    shares_note_freed(&arena->shares);\n", "", ["concurrent"]),
    ("released twice: a permit, by two threads", "src/api/acquire.c",
     "    if (!atomic_u64_cas(&arena->ticket, &ticket, 0, relaxed)) return ARENA_EINVAL;",
     "    if (atomic_u64_load(&arena->ticket, relaxed) != ticket) return ARENA_EINVAL;\n    atomic_u64_store(&arena->ticket, 0, relaxed);",
     ["model concurrent"]),
    ("taken for another: tickets begin anew with each arena", "src/api/acquire.c",
     "atomic_u64_add(&tickets, 1, relaxed) + 1;", "(atomic_u64_add(&tickets, 1, relaxed), 1);", ["permit"]),
    ("off by one: a chunk is a slot too long", "src/core/runs.c",
     "*from + count * arena->stride", "*from + (count + 1) * arena->stride", ["unit runs", "unit share"]),
    ("memory kept: a trim leaves what is in chunks", "src/api/concurrent.c",
     "    (void)concurrent_take_back(arena, NULL); /* chunks are free memory too */\n", "", ["unit platform"]),
    ("slots wasted: a chunk is no multiple of what is wanted", "src/api/share.c",
     "most < count ? count : most - most % count", "most < count ? count : most", ["unit share"]),
    ("slots wasted: each thread's chunk is that of one alone", "src/api/share.c",
     " / CHUNK_PARTS / shares->count", " / CHUNK_PARTS", ["unit share"]),
    ("wrong count: more in chunks than in use", "src/api/concurrent.c",
     "unused_bytes > used_bytes ? 0", "unused_bytes > used_bytes ? 1", ["unit concurrent"]),
    ("double return: nobody looks whether the arena is out", "src/api/pool.c",
     "LIKELY(atomic_u8_mine(&arena->idle) == 0) && LIKELY(!slots_sealed(arena)) && ", "", ["pool"]),
    ("use after return: an arena is not sealed as a quick scope is left", "src/api/pool.c",
     "UNLIKELY(!slots_reset_quick(&arena->slots, true))", "UNLIKELY(!slots_reset_quick(&arena->slots, false))", ["misuse"]),
    ("use after return: a standing arena is not sealed as a slow scope is left", "src/api/pool.c",
     "            slots_close(&arena->slots, CLOSED_IN_POOL);\n            pool_set_idle(arena, 1);\n            return;",
     "            pool_set_idle(arena, 1);\n            return;", ["misuse"]),
    ("lost permit: a thread's end leaves a scope and keeps its place", "src/api/pool_cache.c",
     "    if (!arena->standing) pool_store_put(arena);\n    if (pool->limited) gate_leave(&pool->gate);\n",
     "    if (!arena->standing) pool_store_put(arena);\n", ["model pool"]),
    ("wrong order of unwinding: the outermost scope first", "src/runtime/scope.h",
     "while (state->scopes != NULL && state->scopes->number >= first) state->scopes->leave(state->scopes);",
     "for (struct scope *last; (last = state->scopes) != NULL && last->number >= first; last->leave(last)) {\n"
     "        while (last->outer != NULL && last->outer->number >= first) last = last->outer;\n    }",
     ["ways_out"]),
    ("scope not unwound: a panic leaves it open", "src/runtime/panic.c",
     "    scope_unwind(state, protect_era(frame));\n", "", ["scope"]),
    ("scope not unwound: a thread's end leaves it open", "src/runtime/locals.c",
     "    fiber_leave_thread(state);", "", ["scope"]),
    ("leak at thread exit: the cache is not given back", "src/runtime/locals.c",
     "            keeper->flush(keeper, local);\n            if", "            if",
     ["pool_threads"]),
    ("off by one: a small typed slab may be one element too long", "include/arena/typed/single.h",
     "(size_t)(head->limit - head->cursor) >= count * sizeof", "(size_t)(head->limit - head->cursor) >= (count - 1) * sizeof",
     ["typed"]),
    ("off by one: the body of a request may be one byte too long", "src/mhd/body.c",
     "if (size_bytes <= body->limit - body->length) return false;", "if (size_bytes <= body->limit - body->length + 1) return false;", ["mhd body"]),
    ("skipped clear: the padding of a typed value", "include/arena/typed.h",
     "(*(T *)(void *)(slot) = (value), __builtin_clear_padding((T *)(void *)(slot)))",
     "((void)(*(T *)(void *)(slot) = (value)))", ["typed_each"]),
    ("skipped clear: the gap behind an element of a burst", "src/core/slots.h",
     "        memset(slot, 0, arena->stride);\n",
     "        memset(slot, 0, arena->type->size);\n", ["burst"]),
    ("skipped clear: what lies before the first whole line of a large block", "src/core/clear.c",
     "    memset(start, 0, head);\n    start += head;\n    size_bytes -= head;\n",
     "    start += head;\n    size_bytes -= head;\n", ["unit clear"]),
    ("skipped clear: a reset forgets what earlier lives used", "src/core/zero.c",
     "    if (to > arena->dirty) arena->dirty = to;\n", "    arena->dirty = to;\n", ["arena"]),
    ("skipped clear: a new life takes what the last one cleared ahead", "src/core/zero.c",
     "        if (arena->clear == ARENA_CLEAR_ON_HANDOUT && arena->ready > from) arena->ready = from;\n",
     "", ["arena"]),
    ("skipped clear: the rest of a chunk is taken for cleared ahead", "src/core/zero.c",
     "    if (arena->part_of == PART_OF_CONCURRENT) {\n        if (arena->clear",
     "    if (arena->part_of == PART_OF_CONCURRENT && arena->mark_depth != 0) {\n        if (arena->clear", ["concurrent"]),
    ("live memory cleared: the clearing ahead begins where the last one ended", "src/core/zero.c",
     "    if (from < arena->ready) from = arena->ready;\n", "    from = arena->ready;\n", ["arena"]),
    ("live memory given back: a trim takes the cursor's page", "src/core/retain.c",
     "    keep += slots_padding((uintptr_t)keep, page);\n",
     "    keep -= (uintptr_t)keep % page;\n", ["arena"]),
    ("late poison: what a mapping has behind its last slot", "src/core/checker.c",
     "        poison_set(arena->end, (size_t)(behind - arena->end));\n",
     "", ["poisoning"]),
    ("seal broken: the window of a sealed arena is opened", "src/core/window.h",
     "    arena->head.limit = closed != 0 ? cursor : limit;\n",
     "    arena->head.limit = (closed & CLOSED_FOR_CHECKER) != 0 ? cursor : limit;\n", ["misuse"]),
    ("lost entry: the set of types grows without its last one", "src/core/type_set.c",
     "    for (size_t i = 0; i < set->size; i++) {\n        if (set->entries[i] != NULL) *entry_for",
     "    for (size_t i = 0; i + 1 < set->size; i++) {\n        if (set->entries[i] != NULL) *entry_for", ["any"]),
    ("read past the end: a mixed value is copied with what lies behind it", "src/core/any.c",
     "memcpy(slot->value, value, kept->size);", "memcpy(slot->value, value, ARENA_ANY_MAX);", ["unit take"]),
    ("missing check: nowhere to put what extract finds", "include/arena/typed/handle.h",
     "ARENA_F(type)(), out == NULL ? NULL : &arena)", "ARENA_F(type)(), &arena)", ["typed_each"]),
    ("time: overdue requests are looked for once, not every second", "src/mhd/watch.c",
     "if (registry_watches(&mhd->registry)) watch_wake(watch, connection, now_ns);", "", ["mhd time"]),
    ("growth: large blocks never make the next one larger", "src/core/blocks.c",
     "bool one_of_many = !large || slots_used_bytes(arena) / GROW_SHARE >= arena->grow_bytes;",
     "bool one_of_many = !large;", ["bytes", "resources bytes"]),
    ("growth: short memory is asked for in large pieces again and again", "src/core/blocks.c",
     "                arena->grow_bytes = BLOCKS_GROW_FIRST;\n", "", ["bytes"]),
    ("marks: the range before the last is forgotten", "src/core/mark.c",
     "        arena->void_count = (uint8_t)(count + 1);\n", "", ["mark"]),
    ("marks: one that lies above all that live counts as one of them", "src/core/mark.c",
     " &&\n           mark->place <= floor_of(arena, block);", ";", ["mark"]),
    ("marks: inline code may go back over a cleanup", "src/core/mark.h",
     "    if (ends && UNLIKELY(slots_has_cleanup_above(arena, mark->floor))) return false;\n", "", ["mark"]),
    ("scratch: half of what little a scope used is cleared", "include/arena/single.h",
     "        memset(from, 0, ARENA_SCRATCH_STEP_);", "        memset(from, 0, ARENA_SCRATCH_STEP_ / 2);", ["mark"]),
    ("growth: a rewind forgets how much a round needs", "src/core/mark.c",
     "    if (arena->bytes) blocks_note_taken(arena, taken_bytes);\n", "", ["bytes"]),
    ("mistakable: a part of a form may have two names", "src/mhd/parts.c",
     "        if (to->start != NULL) return false;\n", "", ["mhd parts"]),
    ("mistakable: bytes behind the last part of a form are overlooked", "src/mhd/parts.c",
     "return *last && at != reader->end ? NULL : at;", "return at;", ["mhd parts"]),
    ("leak at a request's end: only the first clone is freed", "src/mhd/exchange.c",
     "clone = exchange->clones; clone != NULL;) {", "clone = exchange->clones; clone != NULL && clone == exchange->clones;) {",
     ["mhd memory"]),
    ("wrong order of the end: a connection is gone before its context ends", "src/mhd/exchange.c",
     "    if (exchange->original.context != NULL) arena_context_cancel(exchange->original.context);\n",
     "    atomic_ptr_store(&exchange->connection, NULL, release);\n"
     "    if (exchange->original.context != NULL) arena_context_cancel(exchange->original.context);\n", ["mhd memory"]),
    ("failure half undone: a thread without a share keeps an entry", "src/api/share.c",
     "    if (local->at_hand == NULL) local->keeper = NULL; /* an entry without a share is none */\n", "", ["fail once"]),
    ("leak on failure: a context without a lock is not freed", "src/api/context.c",
     "        memory_free(context);\n        return ARENA_ENOMEM;\n", "        return ARENA_ENOMEM;\n", ["fail"]),
    ("leak on failure: a mapping longer than its slots, where prefault fails", "src/core/create.c",
     "        backing_unmap(&span, 0, 0);\n        return false;",
     "        span.bytes = room;\n        backing_unmap(&span, 0, 0);\n        return false;", ["unit pages"]),
    ("late poison: what a burst left, where a reset does not clear", "src/core/window.c",
     "    if (arena->watched) slots_hide(arena, cursor, limit);\n",
     "    if (arena->watched && arena->clear == ARENA_CLEAR_ON_RESET) slots_hide(arena, cursor, limit);\n", ["poisoning"]),
    ("poison left behind: what was marked after the making of a large arena", "src/core/checker.c",
     "    if (to > arena->poison_end) arena->poison_end = to;", "    if (arena->poison_end == arena->base) arena->poison_end = to;",
     ["poisoning"]),
    ("seal broken: a reset opens an arena behind its gate", "src/core/take.h",
     "UNLIKELY(arena->closed != 0) ? arena->base : arena->fresh_limit",
     "arena->fresh_limit", ["unit race"]),
    ("wrong arena: a burst is ended by the one whose memory begins at its limit", "src/api/burst.c",
     "burst == NULL || burst->arena != arena || !", "burst == NULL || !", ["burst"]),
    ("wrong order of unwinding: an action gives its era back", "src/runtime/protect.c",
     "    if (known) cut(state, frame->links.outer);\n", "    if (known) cut(state, frame->links.outer);\n    state->era--;\n", ["scope"]),
    ("a copy of a scope passes for the scope, as it is left quickly", "src/api/pool.c",
     " || UNLIKELY(arena->place != scope)", "", ["misuse"]),
    ("wrong order of unwinding: a quick leave takes the inner scopes along", "src/api/pool.c",
     "UNLIKELY(state->scopes != &arena->scope) || UNLIKELY(arena->place", "UNLIKELY(arena->place", ["scope"]),
    ("order of hand-over: newcomers go in front", "src/sync/gate.c",
     "    waiter->gate_next = NULL;\n    waiter->gate_previous = gate->last;\n    if (gate->last != NULL) {\n"
     "        gate->last->gate_next = waiter;\n    } else {\n        gate->first = waiter;\n    }\n    gate->last = waiter;\n",
     "    waiter->gate_next = gate->first;\n    waiter->gate_previous = NULL;\n    if (gate->first != NULL) {\n"
     "        gate->first->gate_previous = waiter;\n    } else {\n        gate->last = waiter;\n    }\n    gate->first = waiter;\n",
     ["unit gate"]),
    ("lost child: branches of the root's fan are not looked at", "src/sync/cancel.c",
     "i < CANCEL_BRANCHES; i++) sweep(&fan[i], now);", "i < CANCEL_BRANCHES / 8; i++) sweep(&fan[i], now);", ["unit cancel"]),
    ("lost child: who links one does not say so", "src/sync/cancel.c",
     "    mark_linked(parent);\n", "", ["model cancel", "context"]),
    ("lost wake-up: who waits does not say so", "src/sync/cancel.c",
     "    mark_linked(node);\n", "", ["model cancel"]),
    ("too early: who cancels second comes back first", "src/sync/cancel.c",
     "    if ((word & CANCEL_LINKED) == 0 || cause_in(word) ==", "    if ((word & CANCEL_LINKED) == 0 || cause_in(word) != 0 || cause_in(word) ==",
     ["model cancel"]),
    ("looks for nothing: below a node that has ended", "src/sync/cancel.c",
     "    if (is_root ? !node->swept : !ended) end_subtree", "    (void)ended;\n    end_subtree", ["unit cancel"]),
    ("one lock for all: a root gets no fan", "src/sync/cancel.c",
     "++root->made_elsewhere != CANCEL_FAN_AFTER) return;", "++root->made_elsewhere != 0) return;", ["unit cancel"]),
    ("lost wake-up: a waker unlinks its waiter after the signal", "src/sync/cancel.c",
     "        list_remove(waiter);\n        mutex_unlock(guard);\n        waiter_signal(waiter);\n        mutex_lock(guard);\n",
     "        mutex_unlock(guard);\n        waiter_signal(waiter);\n        mutex_lock(guard);\n        list_remove(waiter);\n",
     ["model cancel"]),
    ("ABA: epochs come again at the second revocation", "src/api/share.c",
     "atomic_u32_store(&shares->epoch, epoch + 1, relaxed)", "atomic_u32_store(&shares->epoch, (epoch + 1) & 1, relaxed)",
     ["model share"]),
    ("hand-over unseen: a detector is not told who lets go of a context last", "src/api/context.c",
     "    race_acquire(context);\n", "", ["hand-over"]),
    ("read after the end: a context looks at the type of an arena that is gone", "src/api/context.c",
     "    carrier->type = type_copy(carrier + 1, arena->type);", "    carrier->type = arena->type;", ["unit type"]),
    ("evaluated twice: the slab of ARENA_TRY_SLAB_WITH", "include/arena/typed.h",
     "    prefix##_try_alloc_slab_with((arena), ARENA_VALUES_(prefix, __VA_ARGS__), ARENA_COUNT_(prefix, __VA_ARGS__), (slab))",
     "    ((void)(slab), prefix##_try_alloc_slab_with((arena), ARENA_VALUES_(prefix, __VA_ARGS__), "
     "ARENA_COUNT_(prefix, __VA_ARGS__), (slab)))", ["typed"]),
    ("lost values: a slab of a few where the window is closed", "include/arena/typed/single.h",
     "        if (few != NULL) ARENA_PRIVATE_F(copy_few)(few, values, count);\n", "", ["typed"]),
    ("too early: a request is counted as gone before its arena is back", "src/mhd/exchange.c",
     "    arena_pool_return_claimed(exchange->arena);\n    free_headers(",
     "    (void)atomic_u64_add(&mhd->registry.live, UINT64_MAX, release);\n"
     "    arena_pool_return_claimed(exchange->arena);\n"
     "    (void)atomic_u64_add(&mhd->registry.live, 1, relaxed);\n    free_headers(",
     ["mhd memory"]),
    ("released too often: an answer's reference is taken for the handler's", "src/mhd/request.c",
     "    if (atomic_u64_add(&exchange->retains, UINT64_MAX, relaxed) == 0) {\n",
     "    if (atomic_u64_add(&exchange->retains, UINT64_MAX, relaxed) == 0 &&\n"
     "        atomic_u64_load(&exchange->references, relaxed) == 1) {\n", ["mhd request"]),
    ("race of cancellation and grant: who polled does not look again", "src/sync/gate.c",
     "        status = waiter == NULL ?",
     "        if (waiter == NULL) return enter_polling(gate, node);\n        status = waiter == NULL ?", ["model gate"]),
    ("race of cancellation and grant: who found it while spinning does not look again", "src/sync/gate.c",
     "    if (!entered && !spin_for_permit(gate)) {",
     "    if (!entered && spin_for_permit(gate)) return ARENA_OK;\n    if (!entered) {", ["model gate"]),
    ("starvation: hand-over goes by the age of the last one", "src/sync/gate.c",
     "clock_now() - head->gate_since_ns >=",
     "clock_now() - gate->last->gate_since_ns >=", ["unit gate"]),
    ("lost wake-up: a grant that loses is freed, and nobody woken", "src/sync/gate.c",
     "    if (granted) gate_leave(gate);",
     "    if (granted) (void)atomic_u32_add(&gate->word, GATE_PERMIT, release);", ["unit gate"]),
    ("late: a wait ends with the deadline of the tree's root", "src/sync/gate.c",
     "    int64_t deadline_ns = cancel_deadline(node);",
     "    int64_t deadline_ns = cancel_deadline(node == NULL ? NULL : node->root);", ["model gate"]),
    ("lost holder: a reset takes its mark off after it has left", "src/api/concurrent.c",
     "    gate_clear_holder(&arena->gate);\n    concurrent_leave(arena);\n    return ARENA_OK;",
     "    concurrent_leave(arena);\n    gate_clear_holder(&arena->gate);\n    return ARENA_OK;", ["model concurrent"]),
    ("race of counts: a stranger's looks at an arena that is held", "src/api/concurrent.c",
     "    if (gate_held_by_me(&arena->gate)) return slots_used",
     "    if (atomic_u32_load(&arena->gate.holder, relaxed) != 0) return slots_used", ["model concurrent"]),
    ("missing check: the holder of the gate is not told of a mixed value", "src/api/concurrent.c",
     "    if (status == ARENA_EBUSY) panic_for(\"arena_concurrent_try",
     "    if (status == ARENA_EINVAL) panic_for(\"arena_concurrent_try",
     ["any"]),
    ("torn slot: a revocation gives up on a thread in the middle", "src/api/share.c",
     "    while (cancel_status(node) == ARENA_OK && !revoke_now(shares)) {",
     "    while (cancel_status(node) == ARENA_OK && !revoke_now(shares) && pause_ns < PAUSE_MOST_NS) {", ["waits"]),
    ("memory kept: a trim frees the caller's cache alone", "src/runtime/locals.c",
     "        if (at->state == thread_state() || (ordered && is_out(at->state))) {", "        if (at->state == thread_state()) {",
     ["pool_threads"]),
    ("claimed twice: the end of a pool leaves threads their entries", "src/runtime/locals.c",
     "            if (local != NULL) memset(local, 0, sizeof *local);\n", "            (void)local;\n", ["model pool"]),
    ("too early: a scope says that its arena is idle before it is done with it", "src/api/pool.c",
     "    if (UNLIKELY(!slots_reset_quick(&arena->slots, true))) return false;\n",
     "    pool_set_idle(arena, 1);\n    if (UNLIKELY(!slots_reset_quick(&arena->slots, true))) return false;\n", ["model pool"]),
    ("race: a visitor does not wait for who is inside", "src/runtime/locals.c",
     "(ordered && is_out(at->state))", "ordered", ["model pool"]),
    ("memory kept: what is in use at a trim goes into a cache", "src/api/pool_cache.c",
     "    if (trimmed) {", "    if (false && trimmed) {", ["pool_threads"]),
    ("another library's arena: nobody looks whose entry it is", "src/runtime/locals.h",
     "    if (UNLIKELY(local->keeper != keeper)) return NULL;\n    if (local->at_hand", "    if (local->at_hand", ["installed dlopen"]),
    ("memory kept: what nobody needed stays", "src/api/pool_store.c",
     "    uint64_t gone = shed(pool, unneeded);", "    uint64_t gone = unneeded;", ["pool_threads"]),
    ("memory given back that is in rotation: no patience", "src/api/pool_store.c",
     "    uint64_t unneeded = lowest < excess ? lowest : excess;", "    uint64_t unneeded = excess;", ["pool_threads"]),
    ("failure half done: a destroy that is refused has trimmed", "src/api/pool.c",
     "    if (!locals_leave(&pool->keeper, all_idle)) return ARENA_EBUSY;",
     "    arena_pool_trim(pool);\n    if (!locals_leave(&pool->keeper, all_idle)) return ARENA_EBUSY;", ["pool_threads"]),
    ("race for a node: it is written after it was given away", "src/api/pool_store.c",
     "    node->item = NULL;\n    (void)atomic_u32_sub(&pool->live, 1, relaxed);\n    mutex_unlock(&pool->make_mutex);\n"
     "    slots_destroy(&arena->slots);\n    stack_push(&pool->spare, node);",
     "    (void)atomic_u32_sub(&pool->live, 1, relaxed);\n    mutex_unlock(&pool->make_mutex);\n"
     "    slots_destroy(&arena->slots);\n    stack_push(&pool->spare, node);\n    node->item = NULL;", ["model pool"]),
    ("leak on failure: a body that cannot grow", "src/mhd/body.c",
     "    char *data = realloc(body->data, capacity + 1);",
     "    char *data = body->data = realloc(body->data, capacity + 1);", ["mhd memory"]),
    ("wrong answer: 500 where memory is short", "src/mhd/access.c",
     "    if (exchange_equip(exchange) != ARENA_OK) return refusal_answer(exchange, REFUSAL_UNAVAILABLE, connection);",
     "    int status = exchange_equip(exchange);\n    if (status != ARENA_OK) return\n"
     "        refusal_answer(exchange, status == ARENA_EFULL ? REFUSAL_UNAVAILABLE : REFUSAL_INTERNAL, connection);", ["mhd memory"]),
    ("wrong answer: 503 for a body that is too long, where no arena is left", "src/mhd/access.c",
     "    exchange->stage = STAGE_HANDLED;\n    switch (exchange->body.state) {\n",
     "    exchange->stage = STAGE_HANDLED;\n    if (exchange->body.state == BODY_TOO_LONG && exchange_equip(exchange) != ARENA_OK)\n"
     "        return refusal_answer(exchange, REFUSAL_UNAVAILABLE, connection);\n    switch (exchange->body.state) {\n", ["mhd refusal"]),
    ("missed: a client that asks first, in other letters", "src/mhd/access.c",
     "    return fields_header(fields, MHD_HTTP_HEADER_EXPECT) != NULL;",
     "    const char *value = fields_header(fields, MHD_HTTP_HEADER_EXPECT);\n"
     "    return value != NULL && strcmp(value, \"100-continue\") == 0;", ["mhd refusal"]),
    ("arena kept: a lost request is hidden by what lies in *req_cls", "src/mhd/access.c",
     "    struct exchange *exchange = open_exchange(mhd, connection);",
     "    struct exchange *exchange = *req_cls == NULL ? open_exchange(mhd, connection) : exchange_open(mhd, connection, NULL);",
     ["mhd lifecycle"]),
    ("failure half done: a binding that panics has ended a request", "src/mhd/mhd.c",
     "    if (in_use(&mhd->registry)) return ARENA_EBUSY;",
     "    struct exchange *early = registry_next(&mhd->registry, NULL);\n    if (early != NULL && in_use(&mhd->registry))\n"
     "        exchange_complete(early, NULL, MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN);\n"
     "    if (in_use(&mhd->registry)) return ARENA_EBUSY;", ["mhd registry"]),
    ("too early: a clone's context ends with its last retain", "src/mhd/request.c",
     "    exchange_release(exchange);\n    return ARENA_OK;\n",
     "    if (request != &exchange->original && atomic_u64_load(&exchange->retains, relaxed) == 0) arena_context_cancel(request->context);\n"
     "    exchange_release(exchange);\n    return ARENA_OK;\n", ["mhd registry"]),
    ("lost records: all but the first of those that are idle", "src/runtime/waiter.c",
     "    if (waiter != NULL) idle = waiter->idle_next;",
     "    if (waiter != NULL) idle = NULL;", ["unit waiter"]),
    ("ABA: tags of 16 bits come again", "src/sync/stack.c",
     "        uint64_t next = ((head & ~INDEX_MASK) + TAG_ONE) | index;",
     "        uint64_t next = (((head & ~INDEX_MASK) + TAG_ONE) & (((uint64_t)1 << 40) - 1)) | index;", ["unit stack"]),
    ("lost holder: its number ends with what its thread keeps", "src/runtime/locals.c",
     "    waiter_recycle(state);\n",
     "    waiter_recycle(state);\n    state->number = 0;\n", ["gate"]),
    ("memory kept: what came back while one was made is left for later", "src/api/pool_store.c",
     "    struct pool_arena *arena = take_warm(pool);\n    if (arena == NULL) return made;\n", "    struct pool_arena *arena = NULL;\n    if (arena == NULL) return made;\n", ["pool_threads"]),
    ("memory kept: a trim inside a scope leaves the store", "src/api/pool.c",
     "    pool_store_drain(pool);\n", "    if (thread_state()->scopes == NULL) pool_store_drain(pool);\n", ["pool_threads"]),
    ("limit cut: to 16 bits", "src/api/pool.c",
     "(uint32_t)known.max_arenas)",
     "(uint16_t)known.max_arenas)", ["pool_limits"]),
    ("hand-over unseen: a detector is told of an arena that is given away", "src/api/pool_store.c",
     "    race_release(arena);\n    stack_push(&pool->warm, arena->node);\n",
     "    stack_push(&pool->warm, arena->node);\n    race_release(arena);\n", ["unit race"]),
    ("hand-over unseen: a detector is told of a permit before it is taken", "src/sync/gate.h",
     "        if (atomic_u32_cas(&gate->word, &word, word - GATE_PERMIT, acquire)) {\n"
     "            race_acquire(gate);\n            return true;",
     "        race_acquire(gate);\n"
     "        if (atomic_u32_cas(&gate->word, &word, word - GATE_PERMIT, acquire)) {\n            return true;", ["unit race"]),
    ("wrong count: of 32 bits", "src/api/concurrent.h",
     "atomic_u64_store(&arena->used_bytes, slots_used_bytes(&arena->slots), relaxed);",
     "atomic_u64_store(&arena->used_bytes, (uint32_t)slots_used_bytes(&arena->slots), relaxed);", ["concurrent"]),
    ("slab cut short: its size in 32 bits", "src/api/share.h",
     "    size_t bytes = count * share->stride;",
     "    size_t bytes = (uint32_t)(count * share->stride);", ["concurrent"]),
    ("seal broken: by a mixed value that is refused", "src/api/concurrent.c",
     "    struct arena_any *slot = any_take(slots, type, value);\n    slots_leave(slots);",
     "    struct arena_any *slot = any_take(slots, type, value);\n    if (slot != NULL) slots_leave(slots);", ["any"]),
    ("panic half done: its thread is cancelled in the handler", "src/runtime/panic.c",
     "    int cancel = thread_hold_cancel(); /* the handler prints, and scopes are half left */\n"
     "    bool stuck = state->handling || state->unwinding || state->dropping;\n"
     "    bool protected = state->frames != NULL;\n"
     "    struct protect_frame *frame =\n"
     "        stuck || !protected ? NULL : protect_innermost(state, (uintptr_t)__builtin_frame_address(0));\n"
     "    tell(state, message, frame != NULL);\n",
     "    bool stuck = state->handling || state->unwinding || state->dropping;\n"
     "    bool protected = state->frames != NULL;\n"
     "    struct protect_frame *frame =\n"
     "        stuck || !protected ? NULL : protect_innermost(state, (uintptr_t)__builtin_frame_address(0));\n"
     "    tell(state, message, frame != NULL);\n    int cancel = thread_hold_cancel();\n", ["status"]),
    ("gives up: the heavy barrier", "src/platform/linux/barrier.c",
     "    for (;;) {\n        if (membarrier(", "    for (int i = 0;; i++) {\n        if (i == 3) return false;\n        if (membarrier(", ["unit calls"]),
    ("no barrier: a refused one is taken for had", "src/platform/linux/barrier.c",
     "        if (error != ENOMEM) return false;", "        if (error != ENOMEM) return true;", ["unit calls"]),
    ("wrong entry: its place in 16 bits", "src/runtime/locals.c",
     "        keeper->home = index * (uint32_t)sizeof(struct local);",
     "        keeper->home = (uint16_t)(index * sizeof(struct local));", ["pool_threads"]),
    ("lost wake-up: who was woken wakes nobody, where several are left", "src/sync/gate.c",
     "                next = wake_next(gate); /*",
     "                if (gate->first == gate->last) next = wake_next(gate); /*", ["unit gate"]),
    ("late: who was woken in vain forgets the deadline", "src/sync/gate.c",
     "        waiter_wait(waiter, deadline_ns);\n    }",
     "        waiter_wait(waiter, deadline_ns);\n        deadline_ns = INT64_MAX;\n    }", ["unit gate"]),
    ("wrong holder: numbers of 16 bits come again", "src/sync/gate.c",
     "state->number = atomic_u32_add(&numbers, 1, relaxed) + 1;",
     "state->number = (uint16_t)(atomic_u32_add(&numbers, 1, relaxed) + 1);", ["unit gate"]),
    ("living frame lost: a jump's frame stays in the chain", "src/runtime/protect.c",
     "    struct protect_frame *outer = state->frames == NULL ? NULL : protect_innermost(state, (uintptr_t)(frame + 1));\n",
     "    struct links around;\n"
     "    struct protect_frame *outer = look(state->frames, &around) ? around.innermost : NULL;\n", ["protect"]),
    ("dead frame ended: one in a hole of the stack", "src/runtime/protect.c",
     "    if (place >= walk->from) return place < walk->to;", "    if (place >= walk->from) return false;", ["protect"]),
    ("dead frame ended: one that lies below", "src/runtime/protect.c",
     "walk->state->fiber != NULL || stack_holds(place, walk->from)", "false", ["protect", "fiber"]),
    ("coroutines mixed up: a switch leaves the frames", "src/runtime/fiber.c",
     "    state->frames = words[1];\n", "", ["fiber"]),
    ("wrong scopes: eras of another thread", "src/runtime/fiber.c",
     "    if (state->era < era) state->era = era;\n", "", ["fiber"]),
    ("noise: what is caught is printed", "src/runtime/panic.c",
     "} else if (!caught) {", "} else {", ["status"]),
    ("wrong scopes: eras of 16 bits come again", "src/runtime/protect.c",
     "    frame->links.era = ++state->era;",
     "    frame->links.era = state->era = (uint16_t)(state->era + 1);", ["unit panic"]),
    ("wait without an end: who polls cannot be cancelled", "src/sync/gate.c",
     "        thread_sleep(POLL_NS);",
     "        thread_pause();", ["unit gate"]),
    ("capacity not exact: so many chunks that their number is none of 8 bits", "src/api/share.h",
     "    uint32_t active; ", "    uint8_t active; ", ["concurrent"]),
    ("wrong count: what was lent is in use, beside a holder", "src/api/concurrent.c",
     "    if (status == ARENA_OK) {\n        concurrent_note_used(arena);\n    } else {",
     "    if (status != ARENA_OK) {", ["gate"]),
    ("panic half seen: a handler is not told of one from a drop", "src/runtime/panic.c",
     "    if (state->handling) {\n", "    if (state->handling || (state->dropping && !state->unwinding)) {\n", ["status"]),
    ("panic let go on: one from the drop of a pool's arena is caught", "src/core/reset.c",
     "    state->dropping = true; /* a panic", "    state->dropping = arena->part_of != PART_OF_POOL; /* a panic", ["status"]),
    ("lost wake-up: the end of a scope puts its place back and wakes nobody", "src/api/pool_cache.c",
     "    if (pool->limited) gate_leave(&pool->gate);\n    pool_age",
     "    if (pool->limited && scoped) (void)atomic_u32_add(&pool->gate.word, GATE_PERMIT, release);\n"
     "    else if (pool->limited) gate_leave(&pool->gate);\n    pool_age", ["pool_limits"]),
    ("lock in the steady state: around the shared store", "src/api/pool_store.c",
     "    race_release(arena);\n    stack_push(&pool->warm, arena->node);\n",
     "    race_release(arena);\n    mutex_lock(&pool->make_mutex);\n    stack_push(&pool->warm, arena->node);\n"
     "    mutex_unlock(&pool->make_mutex);\n", ["steady state"]),
    ("starvation: who waits under a context is not handed the permit", "src/sync/gate.c",
     "    if (clock_now() - head->gate_since_ns >= GATE_HANDOFF_NS) {\n",
     "    if (clock_now() - head->gate_since_ns >= GATE_HANDOFF_NS && head->cancel_link == NULL) {\n", ["model gate"]),
    ("late: a deadline that nobody has looked at lets a grant through", "src/sync/gate.c",
     "    status = cancel_status(node); /* the context may have ended by the time of the grant */\n",
     "    if (node == NULL || node->deadline_ns == INT64_MAX) status = cancel_status(node);\n", ["model gate"]),
    ("wrong arena: beyond the nearest eight the furthest of its type", "src/api/context.c",
     "        for (uint32_t i = 0; i < from->near_count; i++) {\n            if (from->keys[i] == key",
     "        for (uint32_t n = 0; n < from->near_count; n++) {\n"
     "            uint32_t i = from == context->carrier ? n : from->near_count - 1 - n;\n"
     "            if (from->keys[i] == key", ["context"]),
    ("capacity not exact: an acquired handle finds no slab between live slots", "src/core/runs.c",
     "        if (run->from == run->to || !slots_fits(run->from, run->to, bytes, align)) continue;\n        char *slab",
     "        if (run->from == run->to || !slots_fits(run->from, run->to, bytes, align)) continue;\n"
     "        if (bytes > 8 * arena->stride && arena->head.limit == arena->end) continue;\n        char *slab",
     ["concurrent"]),
    ("failure half done: a longer table that was not to be had counts as there", "src/runtime/locals.c",
     "        uint32_t *larger = memory_alloc(sizeof *larger * room);",
     "        if (registry.free_room != 0) registry.free_room = room;\n"
     "        uint32_t *larger = memory_alloc(sizeof *larger * room);", ["fail once"]),
    ("bursts: a piece is no whole number of slots", "src/api/burst.c",
     "size_t piece = PIECE_BYTES - PIECE_BYTES % arena->stride;", "size_t piece = PIECE_BYTES;", ["burst"]),
    ("bursts: a whole piece is opened under a checker", "src/api/burst.c",
     "    if (piece == 0 || arena->watched) piece", "    if (piece == 0) piece", ["unit poison"]),
    ("resets: as much is cleared as is used, not as far", "src/core/reset.c",
     "    slots_take_back(arena, arena->base, cursor);\n",
     "    slots_take_back(arena, arena->base, arena->base + slots_used_bytes(arena));\n    (void)cursor;\n", ["unit reset"]),
    ("adapters: what shrank is given back as large as it was", "src/api/adapter.c",
     "return start(arena_bytes_try_realloc(arena, header, old_bytes, bytes, ALIGN), size);",
     "return start(arena_bytes_try_realloc(arena, header, old_bytes, bytes, ALIGN), old_bytes);", ["adapter"]),
    ("marks: they outlive the gate", "src/api/acquire.c",
     "    mark_end_all(&arena->slots);\n", "", ["bytes_concurrent"]),
    ("byte arenas: a text without room stays behind, in memory that is to be zero", "src/core/bytes.c",
     "        slots_take_back(arena, from, to); /* all that is free is zero there, and most of it was not written to */\n", "", ["bytes_concurrent"]),
    ("concurrent byte arenas: a cleanup that comes back waits for itself", "src/api/concurrent.c",
     " || arena->slots.cleanups != NULL", "", ["bytes_concurrent"]),
    ("concurrent byte arenas: runs outlive a reset", "src/core/bytes.c",
     "        if (arena->gap_bytes != 0) slots_forget_runs(arena);\n", "", ["bytes_concurrent"]),
    ("concurrent byte arenas: a block's padding is not claimed", "src/api/share.c",
     "if (!arith_add(padding, size, &bytes) ||", "if (!arith_add(0, size, &bytes) ||", ["bytes_concurrent"]),
    ("concurrent byte arenas: a block looks for no run", "src/core/bytes.c",
     "return slots_take_run(arena, size, align);", "return NULL;", ["bytes_concurrent"]),
    ("typed slabs: a count that the compiler knows may wrap", "include/arena/typed/single.h",
     "count != 0 && count <= ARENA_FEW_BYTES_ / sizeof(ARENA_ELEMENT);",
     "count != 0 && count * sizeof(ARENA_ELEMENT) <= ARENA_FEW_BYTES_;", ["typed"]),
    ("types: the same only with the same drop", "src/core/type.h",
     "return type_mix(hash, type_word(name, length) + type->align);",
     "return type_mix(hash, type_word(name, length) + type->align + (type->drop != NULL));", ["context"]),
    ("typed face: a zeroed slot without a window is a slab of one", "include/arena/typed/single.h",
     "return (ARENA_ELEMENT *)arena_alloc(ARENA_F(raw)(arena), NULL);",
     "return (ARENA_ELEMENT *)arena_alloc_slab(ARENA_F(raw)(arena), 1);", ["typed_each"]),
    ("typed face: a zeroed slot of a concurrent arena is a slab of one", "include/arena/typed/concurrent.h",
     "return (ARENA_ELEMENT *)arena_concurrent_try_alloc(ARENA_F(concurrent_raw)(arena), NULL);",
     "return (ARENA_ELEMENT *)arena_concurrent_try_alloc_slab(ARENA_F(concurrent_raw)(arena), 1);", ["typed_each in C++"]),
    ("typed face: the length of a slab in 32 bits", "include/arena/typed/single.h",
     "slab.len = data == NULL ? 0 : count;", "slab.len = data == NULL ? 0 : (uint32_t)count;", ["typed_each"]),
    ("typed face: the padding of a few values", "include/arena/typed/single.h",
     "for (size_t i = 0; i < count; i++) ARENA_STORE_(ARENA_ELEMENT, to + i, from[i]);",
     "for (size_t i = 0; i < count; i++) to[i] = from[i];", ["typed_each"]),
    ("typed face: a list in C++ goes without its context", "include/arena/typed.h",
     "return alloc(arena, context, values.begin(), values.size(), slab);",
     "return alloc(arena, NULL, values.begin(), values.size(), slab);", ["typed in C++"]),
    ("memory kept: a trim of elements with a drop", "src/core/retain.c",
     "    give_back_from(arena, arena->head.cursor);\n",
     "    if (arena->type->drop == NULL) give_back_from(arena, arena->head.cursor);\n", ["unit pages"]),
    ("memory brought in: a reset clears what nobody touched", "src/core/clear.c",
     "    if (size_bytes < CLEAR_ASK_BYTES) {\n", "    if (size_bytes != 0) {\n", ["resources resident"]),
    ("memory kept: a peak never goes back", "src/core/retain.c",
     "++arena->calm < CALM_RESETS", "++arena->calm > 0", ["resources resident"]),
    ("faults again and again: what is in rotation goes back", "src/core/retain.c",
     "#define CALM_RESETS 12", "#define CALM_RESETS 1", ["resources resident"]),
    ("memory kept: what older ranges of pages hold is not bounded", "src/core/backing.c",
     "in_memory > BACKING_KEEP_MOST", "false", ["resources bytes"]),
    ("memory dirty: a kept block of pages is taken for a fresh one", "src/core/blocks.c",
     "dirty < base ? base : dirty < block->end", "backing == BACKING_PAGES || dirty < base ? base : dirty < block->end", ["bytes"]),
    ("memory kept: a range that the system does not take back keeps its pages", "src/core/backing.c",
     "    if (!pages_discard(memory, bytes)) span.dirty_bytes = bytes;\n", "    span.dirty_bytes = bytes;\n",
     ["resources limits"]),
    ("addresses kept: a range that goes takes none of those along that could not", "src/core/backing.c",
     "        retry_some();\n", "        (void)retry_some;\n", ["resources limits"]),
    ("memory dirty: a range that neither goes nor can be emptied is taken for empty", "src/core/backing.c",
     "if (!pages_discard(memory, bytes)) span.dirty_bytes = bytes;", "(void)pages_discard(memory, bytes);",
     ["unit pages"]),
    ("memory brought in: all of an arena, where memory is locked", "src/platform/linux/pages.c",
     "    if (!future_is_locked()) return", "    if (true) return", ["resources limits"]),
    ("memory kept: a trim leaves what other threads have cached", "src/api/pool.c",
     "    pool_trim_caches(pool);\n", "", ["resources pools"]),
    ("memory kept: caches are bounded in arenas alone", "src/api/pool.h",
     "#define POOL_IDLE_BYTES ((size_t)16 << 20)", "#define POOL_IDLE_BYTES ((size_t)16 << 26)", ["resources pools"]),
]


def stale(text, plant):
    """Why the plant cannot be planted; None when it can."""
    _, file, old, new, _ = plant
    if old == new:
        return "changes nothing"
    if text is None:
        return f"there is no {file}"
    if text.count(old) != 1:
        return f"{file} has this {text.count(old)} times: {old.strip()}"
    return None


def known_tests(build):
    """The names of the tests of a build directory."""
    with open(os.path.join(build, "meson-info/intro-tests.json"), encoding="utf-8") as file:
        return {test["name"] for test in json.load(file)}


def check(root, plants, known):
    """The number of plants that cannot be planted, or whose test there is not."""
    count = 0
    for name, _, _, _, tests in plants:
        for test in tests:
            if known is not None and test.rpartition(": ")[2] not in known:
                print(f"STALE   {name}: there is no test {test}")
                count += 1
    for plant in plants:
        path = os.path.join(root, plant[1])
        text = None
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                text = file.read()
        why = stale(text, plant)
        if why is not None:
            print(f"STALE   {plant[0]}: {why}")
            count += 1
    names = [plant[0] for plant in plants]
    for name in sorted({name for name in names if names.count(name) > 1}):
        print(f"STALE   {name}: there are {names.count(name)} of this name")
        count += 1
    print(f"{len(plants)} plants, {count} stale")
    return count


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", default="", metavar="PATTERN")
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--build", metavar="DIRECTORY")
    arguments.add_argument("root", nargs="?", default=os.path.join(os.path.dirname(__file__), "../.."))
    options = arguments.parse_args()
    root = os.path.abspath(options.root)
    plants = [plant for plant in PLANTS if re.search(options.only, plant[0])]
    if options.check:
        return 1 if check(root, plants, known_tests(options.build) if options.build else None) else 0
    tree = Tree(root)
    missed = skipped = 0
    for name, file, old, new, tests in plants:
        text = tree.read(file)
        why = stale(text, (name, file, old, new, tests))
        if why is not None:
            print(f"STALE   {name}: {why}")
            missed += 1
            continue
        tree.write(file, text.replace(old, new))
        for test in tests:
            try:
                found = tree.run(test)
            except Failed as failure:
                print(f"STALE   {name}: does not compile: {failure}")
                missed += 1
                break
            except Skipped as reason:
                print(f"SKIPPED {name} [{test}]: {reason}", flush=True)
                skipped += 1
                continue
            missed += found is None
            said = "" if found is None else ": " + found
            print(f"{'MISSED ' if found is None else 'caught '} {name} [{test}]{said}", flush=True)
        tree.restore(file)
    tree.remove()
    print(f"{len(plants)} planted, {missed} missed, {skipped} tests could not be run here")
    return 1 if missed else 0


sys.exit(main())
