/* SPDX-License-Identifier: MIT */
/* Y and Yz, and the two floors below them: stores with no allocator, and the window held in registers. */
#include "../harness/yardstick.hpp"
#include "../harness/contend.hpp"
#include "../harness/mixed.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <pthread.h>
#include <semaphore.h>

namespace {

template <class T, bool Zero> struct y_single : plain_session<yardstick *> {
    static yardstick *make(size_t count, size_t) { return yardstick_create(count * sizeof(T)); }
    static BENCH_INLINE T *put(yardstick *y, size_t, const T &value) {
        T *slot = static_cast<T *>(yardstick_take(y, sizeof(T)));
        *slot = value;
        return slot;
    }
    static BENCH_INLINE T *slab(yardstick *y, size_t, size_t count) {
        return static_cast<T *>(yardstick_take(y, count * sizeof(T)));
    }
    static BENCH_INLINE void reset(yardstick *y, size_t) { yardstick_reset<Zero>(y); }
    static void drop(yardstick *y) { yardstick_destroy(y); }
};
template <class T> using y_plain = y_single<T, false>;
template <class T> using y_zero = y_single<T, true>;

template <class T> struct stores_only : plain_session<T *> {
    static constexpr bool mixed = false;
    static T *make(size_t count, size_t) { return must(static_cast<T *>(calloc(count, sizeof(T))), "no memory"); }
    static BENCH_INLINE T *put(T *base, size_t i, const T &value) {
        base[i] = value;
        return base + i;
    }
    static BENCH_INLINE T *slab(T *base, size_t i, size_t count) { return base + i * count; }
    static BENCH_INLINE void reset(T *, size_t) {}
    static void drop(T *base) { free(base); }
};

template <class T> struct registers : y_single<T, false> {
    struct window {
        char *cur, *end;
    };
    static BENCH_INLINE window begin(yardstick *y) { return {y->cur, y->end}; }
    static BENCH_INLINE void end(yardstick *y, window &w) { y->cur = w.cur; }
    static BENCH_INLINE T *put(window &w, size_t, const T &value) {
        if (__builtin_expect(static_cast<size_t>(w.end - w.cur) < sizeof(T), 0)) bench_die("the yardstick is full");
        T *slot = reinterpret_cast<T *>(w.cur);
        w.cur += sizeof(T);
        *slot = value;
        return slot;
    }
};

template <bool Zero> struct y_scope : scope_unshared {
    using local = yardstick *;
    static local begin(shared *) { return yardstick_create(4096); }
    static void end(local y) { yardstick_destroy(y); }
    template <class Use> static BENCH_INLINE void scope(local y, int64_t v) {
        auto *value = static_cast<int64_t *>(yardstick_take(y, 8));
        auto *slab = static_cast<int64_t *>(yardstick_take(y, 32));
        scope_fill<Use>(value, slab, v);
        yardstick_reset<Zero>(y);
    }
};

/* --- W6: locks around Y, and one atomic addition for all -------------------------------------------------------- */

struct no_lock {
    void lock() {}
    void unlock() {}
};
struct mutex_lock {
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    void lock() { pthread_mutex_lock(&m); }
    void unlock() { pthread_mutex_unlock(&m); }
};
struct semaphore_lock {
    sem_t s;
    semaphore_lock() { sem_init(&s, 0, 1); }
    void lock() {
        while (sem_wait(&s) != 0) {}
    }
    void unlock() { sem_post(&s); }
};
struct spin_lock {
    pthread_spinlock_t s;
    spin_lock() { pthread_spin_init(&s, PTHREAD_PROCESS_PRIVATE); }
    void lock() { pthread_spin_lock(&s); }
    void unlock() { pthread_spin_unlock(&s); }
};

template <class Lock> struct locked_y {
    struct alignas(64) shared {
        Lock lock;
        yardstick *y;
    };
    using local = shared *;
    static constexpr bool own_reset = false;
    static shared *make(size_t count) {
        auto *s = new shared;
        s->y = yardstick_create(count * 8);
        return s;
    }
    static void drop(shared *s) {
        yardstick_destroy(s->y);
        delete s;
    }
    static local begin(shared *s, unsigned, size_t) { return s; }
    static void end(local) {}
    static BENCH_INLINE int64_t *take(local s, size_t size_bytes) {
        s->lock.lock();
        auto *slot = static_cast<int64_t *>(yardstick_take(s->y, size_bytes));
        s->lock.unlock();
        return slot;
    }
    static BENCH_INLINE int64_t *put(local s, size_t, int64_t v) {
        int64_t *slot = take(s, 8);
        *slot = v;
        return slot;
    }
    static BENCH_INLINE int64_t *slab(local s, size_t, size_t count) { return take(s, count * 8); }
    static void reset_own(local, size_t) {}
    static void reset_all(shared *s) { yardstick_reset<true>(s->y); }
};

/* Y itself: what the others are measured by.  No lock, so one thread, and nothing but the pointer in its handle. */
template <bool Zero> struct y_contended {
    using shared = yardstick;
    using local = yardstick *;
    static constexpr bool own_reset = false;
    static shared *make(size_t count) { return yardstick_create(count * 8); }
    static void drop(shared *y) { yardstick_destroy(y); }
    static local begin(shared *y, unsigned, size_t) { return y; }
    static void end(local) {}
    static BENCH_INLINE int64_t *put(local y, size_t, int64_t v) {
        auto *slot = static_cast<int64_t *>(yardstick_take(y, 8));
        *slot = v;
        return slot;
    }
    static BENCH_INLINE int64_t *slab(local y, size_t, size_t count) {
        return static_cast<int64_t *>(yardstick_take(y, count * 8));
    }
    static void reset_own(local, size_t) {}
    static void reset_all(shared *y) { yardstick_reset<Zero>(y); }
};

struct fetch_add {
    struct shared {
        alignas(64) std::atomic<size_t> used{0};
        alignas(64) yardstick *y;
    };
    using local = shared *;
    static constexpr bool own_reset = false;
    static shared *make(size_t count) {
        auto *s = new shared;
        s->y = yardstick_create(count * 8);
        return s;
    }
    static void drop(shared *s) {
        yardstick_destroy(s->y);
        delete s;
    }
    static local begin(shared *s, unsigned, size_t) { return s; }
    static void end(local) {}
    static BENCH_INLINE int64_t *take(local s, size_t size_bytes) {
        size_t at = s->used.fetch_add(size_bytes, std::memory_order_relaxed);
        if (at + size_bytes > static_cast<size_t>(s->y->end - s->y->base)) bench_die("full");
        return reinterpret_cast<int64_t *>(s->y->base + at);
    }
    static BENCH_INLINE int64_t *put(local s, size_t, int64_t v) {
        int64_t *slot = take(s, 8);
        *slot = v;
        return slot;
    }
    static BENCH_INLINE int64_t *slab(local s, size_t, size_t count) { return take(s, count * 8); }
    static void reset_own(local, size_t) {}
    static void reset_all(shared *s) {
        memset(s->y->base, 0, s->used.load());
        s->used.store(0);
    }
};

/* --- M: with alignment, and texts that grow where they lie, being the newest ---------------------------------------- */

template <bool Zero>
struct y_blocks : copied_text<y_blocks<Zero>, yardstick *>, blocks_and_reset<y_blocks<Zero>, yardstick *> {
    using handle = yardstick *;
    using string = copied_string;
    static handle make(size_t size_bytes) { return yardstick_create(size_bytes); }
    static BENCH_INLINE void *take(handle y, size_t size, size_t align) {
        return yardstick_take_aligned(y, size, align);
    }
    static BENCH_INLINE void reset(handle y) { yardstick_reset<Zero>(y); }
    static void drop(handle y) { yardstick_destroy(y); }
    static BENCH_INLINE string begin(handle) { return {nullptr, 0, 0}; }
    static BENCH_INLINE void append(handle y, string &s, const char *from, size_t length) {
        if (s.cap - s.len <= length) {
            const size_t more = s.cap == 0 ? 64 : s.cap;
            char *data = static_cast<char *>(yardstick_take(y, more));
            if (s.data == nullptr) s.data = data;
            s.cap += more;
        }
        std::memcpy(s.data + s.len, from, length);
        s.len += length;
    }
    static BENCH_INLINE char *end(handle, string &s) {
        s.data[s.len] = '\0';
        return s.data;
    }
    static BENCH_INLINE void back(handle y, char *mark) {
        if (Zero) std::memset(mark, 0, static_cast<size_t>(y->cur - mark));
        y->cur = mark;
    }
    template <class Use> static BENCH_INLINE void scope(handle y, int64_t v) {
        char *mark = y->cur;
        scope_blocks<Use>([&](size_t size) { return take(y, size, 8); }, v);
        back(y, mark);
    }
    template <class Use> static BENCH_INLINE void nested(handle y, int64_t v) {
        char *mark = y->cur;
        scope_blocks<Use>([&](size_t size) { return take(y, size, 8); }, v);
        scope<Use>(y, v);
        back(y, mark);
    }
};
/* What an arena by hand does that grows: a chunk from malloc, with a head; zeroed, as libarena's blocks are, or not. */
template <bool zeroed> void chunk_life(size_t size) {
    auto *y = static_cast<yardstick *>(must(malloc(1024), "no memory"));
    y->cur = reinterpret_cast<char *>(y + 1);
    y->end = reinterpret_cast<char *>(y) + 1024;
    void *block = yardstick_take(y, size);
    if (zeroed) life_fill(block, 0, size);
    life_use(block, size);
    free(y);
}

void add() {
    add_puts<y_plain>("Y");
    add_puts<y_zero>("Yz");
    add_puts<registers>("floor-registers");
    add_puts<stores_only>("floor-stores");
    add_slabs<y_plain>("Y");
    add_slabs<y_zero>("Yz");
    add_slabs<stores_only>("floor-stores");
    add_batches<y_plain>("Y");
    add_batches<y_zero>("Yz");
    add_scopes<y_scope<false>>("Y");
    add_scopes<y_scope<true>>("Yz");
    add_contended<y_contended<false>>("Y", true);
    add_contended<y_contended<true>>("Yz", true);
    add_contended<locked_y<mutex_lock>>("Y-pthread_mutex");
    add_contended<locked_y<semaphore_lock>>("Y-sem_t");
    add_contended<locked_y<spin_lock>>("Y-spinlock");
    add_contended<fetch_add>("fetch_add");
    add_mixed<y_blocks<false>>("Y");
    add_mixed<y_blocks<true>>("Yz");
    add_marks<y_blocks<false>>("Y");
    add_marks<y_blocks<true>>("Yz");
    add_resets<y_blocks<false>>("Y");
    add_resets<y_blocks<true>>("Yz");
    add_life("way-malloc-chunk", chunk_life<false>);
    add_life("way-malloc-chunk-zeroed", chunk_life<true>);
}
BENCH_REGISTER(add);

} // namespace
