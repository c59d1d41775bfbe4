/* SPDX-License-Identifier: MIT */
/* libarena: the C++ face.  C++17, header only, in namespace libarena: what the C headers have, with owners that end
 * what they own, guards that leave what they entered, and exceptions for statuses.
 *
 *   arena<T>       owns a struct arena             view<T>     what it can do; also what guards give
 *   bytes          owns a struct arena_bytes       bytes_view  the same; resource, a std::pmr::memory_resource over one
 *   pool<T>        owns a struct arena_pool        pool<T>::scope, pool<T>::lease; bytes_pool
 *   concurrent<T>  owns a struct arena_concurrent  concurrent<T>::hold, concurrent<T>::permit; bytes_concurrent
 *   context        owns a reference to a struct arena_context
 *   scratch        takes back what is allocated while it lives
 *
 * Owners are move-only; one that was moved from owns nothing, and may only be destroyed or assigned to.  raw() is the C
 * handle, for everything else; thread safety is that of the handle.
 *
 * Elements are objects: emplace constructs one in its slot, and its destructor runs when the slot is taken back (reset,
 * rewind, return, destroy), last to first.  Where the constructor throws, nothing is live that was not before.  A type
 * is named by the compiler's whole spelling of it, as `int` or `app::point`; to share an arena with C, which says
 * `struct point`, specialise name<T>.
 *
 * Statuses are thrown: libarena::error, whatever it is; one without room (ARENA_EFULL, ARENA_ENOMEM) is a
 * std::bad_alloc too, any other a std::exception.  The functions called try_... return nullptr instead of being out of
 * room.  What a program must never do panics, as in C.
 */
#ifndef ARENA_ARENA_HPP
#define ARENA_ARENA_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory_resource>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#if __cplusplus >= 202002L && __has_include(<span>)
#include <span>
#endif

#include <arena/arena.h>
#include <arena/bytes.h>

namespace libarena {

/* --- errors ------------------------------------------------------------------------------------------------------- */

/* Any failure.  What is thrown is a std::exception as well, by another base. */
class error {
public:
    virtual ~error() = default;
    /* One of enum arena_status, not ARENA_OK. */
    virtual int status() const noexcept = 0;
    virtual const char *what() const noexcept = 0;
};

namespace detail {

template <class Standard> class failure final : public error, public Standard {
public:
    explicit failure(int status) noexcept : status_(status) {}
    int status() const noexcept override { return status_; }
    const char *what() const noexcept override { return arena_strerror(status_); }

private:
    int status_;
};

[[noreturn]] inline void raise(int status) {
    if (status == ARENA_EFULL || status == ARENA_ENOMEM) throw failure<std::bad_alloc>(status);
    throw failure<std::exception>(status);
}

} // namespace detail

/* Throws unless `status` is ARENA_OK: for C functions that are called by way of raw(). */
inline void check(int status) {
    if (status != ARENA_OK) detail::raise(status);
}

namespace detail {

/* For a block that could not be had: throws why. */
ARENA_OUT_OF_LINE void *alloc_or_raise(::arena_bytes *arena, std::size_t size, std::size_t align) {
    void *block = nullptr;
    check(arena_bytes_alloc_checked(arena, size, align, &block));
    return block;
}

} // namespace detail

/* --- types -------------------------------------------------------------------------------------------------------- */

namespace detail {

template <class T> constexpr auto pretty() noexcept {
#if defined(__GNUC__)
    return std::string_view(__PRETTY_FUNCTION__);
#else
    static_assert(sizeof(T) == 0, "this compiler does not spell types: specialise libarena::name");
#endif
}

/* The spelling of T in what the compiler calls pretty<T>, where it calls pretty<void> the same but for "void". */
template <class T> struct spelling {
    static constexpr std::string_view whole = pretty<T>();
    static constexpr std::size_t begin = pretty<void>().rfind("void");
    static constexpr std::size_t size = whole.size() - (pretty<void>().size() - 4);
    static constexpr std::array<char, size + 1> copy() {
        std::array<char, size + 1> copied{};
        for (std::size_t i = 0; i < size; i++) copied[i] = whole[begin + i];
        return copied;
    }
    static constexpr std::array<char, size + 1> text = copy();
};

template <class View> class pool;
template <class View> class gate;

/* Slots that were handed out and in which no object has begun to live: they are not destroyed. */
struct unfinished_range {
    const char *from = nullptr;
    const char *to = nullptr;
};
inline thread_local unfinished_range unfinished;

template <class T> void destroy(void *element, void *) noexcept {
    const char *at = static_cast<const char *>(element);
    if (unfinished.from <= at && at < unfinished.to) return;
    static_cast<T *>(element)->~T();
}

template <class T> constexpr auto destructor() noexcept {
    using function = void (*)(void *, void *);
    if constexpr (std::is_trivially_destructible_v<T>) {
        return function{nullptr};
    } else {
        return function{destroy<T>};
    }
}

template <class T, class... Args> constexpr bool makes_without_throwing() noexcept {
    if constexpr (std::is_constructible_v<T, Args...>) {
        return std::is_nothrow_constructible_v<T, Args...>;
    } else {
        return noexcept(T{std::declval<Args>()...}); /* an aggregate */
    }
}

template <class T, class... Args> T *make(void *slot, Args &&...args) {
    if constexpr (std::is_constructible_v<T, Args...>) {
        return ::new (slot) T(std::forward<Args>(args)...);
    } else {
        return ::new (slot) T{std::forward<Args>(args)...};
    }
}

} // namespace detail

/* The name of T in its descriptor; to be specialised for another one:
 *   template <> struct libarena::name<point> { static constexpr const char *value = "struct point"; }; */
template <class T> struct name { static constexpr const char *value = detail::spelling<T>::text.data(); };

/* The descriptor of T: its name, size, alignment and destructor. */
template <class T>
inline constexpr ::arena_type type = {name<T>::value, sizeof(T), alignof(T), detail::destructor<T>(), 0, 0};

/* Options with the defaults. */
inline ::arena_options options() noexcept {
    ::arena_options defaults{};
    defaults.struct_size = sizeof defaults;
    return defaults;
}
inline ::arena_pool_options pool_options() noexcept {
    ::arena_pool_options defaults{};
    defaults.struct_size = sizeof defaults;
    return defaults;
}

/* --- slabs -------------------------------------------------------------------------------------------------------- */

/* Elements that lie one behind the other; data() is nullptr where there was no room for them. */
#if defined(__cpp_lib_span)
template <class T> using slab = std::span<T>;
#else
template <class T> class slab {
public:
    slab() noexcept = default;
    slab(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    T *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    T *begin() const noexcept { return data_; }
    T *end() const noexcept { return data_ + size_; }
    T &operator[](std::size_t index) const noexcept { return data_[index]; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
#endif

/* --- what every single-owner arena can do ------------------------------------------------------------------------- */

/* An arena of T that somebody else owns.  Copies are the same arena.  false: none. */
template <class T> class view {
    static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_array_v<T>, "elements are objects");
    static_assert(std::is_nothrow_destructible_v<T>, "a destructor that runs as a drop must not throw");

public:
    using element = T;

    view() noexcept = default;
    /* Throws ARENA_EINVAL where it is an arena of another type. */
    static view from_raw(::arena *raw) {
        if (raw != nullptr && !arena_type_equal(arena_type_of(raw), &type<T>)) detail::raise(ARENA_EINVAL);
        return view(raw);
    }

    ::arena *raw() const noexcept { return raw_; }
    explicit operator bool() const noexcept { return raw_ != nullptr; }

    /* Constructs one element from the arguments (or as an aggregate of them).  Throws std::bad_alloc where the arena is
     * full, and whatever the constructor throws; then the arena is as it was. */
    template <class... Args> T *emplace(Args &&...args) {
        T *made = try_emplace(std::forward<Args>(args)...);
        if (made == nullptr) detail::raise(ARENA_EFULL);
        return made;
    }

    /* The same; nullptr where the arena is full. */
    template <class... Args> T *try_emplace(Args &&...args) {
        if constexpr (std::is_trivially_copyable_v<T> && detail::makes_without_throwing<T, Args...>()) {
            alignas(T) unsigned char place[sizeof(T)];
            return put(*detail::make<T>(place, std::forward<Args>(args)...));
        } else if constexpr (detail::makes_without_throwing<T, Args...>()) {
            void *slot = take();
            return slot == nullptr ? nullptr : detail::make<T>(slot, std::forward<Args>(args)...);
        } else {
            T *made =
                in_place<false>(1, [&](T *slot) { (void)detail::make<T>(slot, std::forward<Args>(args)...); }).data();
            if constexpr (std::is_trivially_copyable_v<T>) {
                alignas(T) unsigned char place[sizeof(T)]; /* what is free lies where in_place does not see it */
                if (made == nullptr && remaining() != 0) {
                    made = put(*detail::make<T>(place, std::forward<Args>(args)...));
                }
            }
            return made;
        }
    }

    /* `count` value-initialised elements.  Throws std::bad_alloc where fewer remain, and what a constructor throws;
     * then the arena is as it was. */
    slab<T> alloc_slab(std::size_t count) { return found(try_alloc_slab(count)); }

    /* The same; data() is nullptr where fewer remain. */
    slab<T> try_alloc_slab(std::size_t count) {
        if constexpr (std::is_trivially_default_constructible_v<T>) {
            return slab_of(arena_try_alloc_slab_with(raw_, nullptr, count), count); /* zero, whatever the policy */
        } else {
            return in_place<std::is_nothrow_default_constructible_v<T>>(
                count, [](T *slot) { (void)::new (static_cast<void *>(slot)) T(); });
        }
    }

    /* `count` copies of values[0 .. count).  Throws std::bad_alloc where fewer remain, and what a constructor throws;
     * then the arena is as it was. */
    slab<T> alloc_slab_with(const T *values, std::size_t count) { return found(try_alloc_slab_with(values, count)); }

    /* The same; data() is nullptr where fewer remain. */
    slab<T> try_alloc_slab_with(const T *values, std::size_t count) {
        if constexpr (std::is_trivially_copyable_v<T>) {
            return slab_of(arena_try_alloc_slab_with(raw_, values, count), count);
        } else {
            return in_place<std::is_nothrow_copy_constructible_v<T>>(
                count, [&](T *slot) { (void)::new (static_cast<void *>(slot)) T(*values++); });
        }
    }

    /* Destroys every element, last to first, and takes the slots back. */
    void reset() { arena_reset(raw_); }
    /* Gives memory that was touched and is not in use back to the system. */
    void trim() { arena_trim(raw_); }

    std::size_t used() const noexcept { return arena_used(raw_); }
    std::size_t remaining() const noexcept { return arena_remaining(raw_); }
    std::size_t cap() const noexcept { return arena_cap(raw_); }
    /* Element `index` of those handed out; nullptr: there is none. */
    T *at(std::size_t index) const noexcept { return static_cast<T *>(arena_at(raw_, index)); }
    /* Does the address lie in memory that is handed out? */
    bool owns(const void *address) const noexcept { return arena_owns(raw_, address); }
    ::arena_stats stats() const {
        ::arena_stats filled{};
        filled.struct_size = sizeof filled;
        check(arena_get_stats(raw_, &filled));
        return filled;
    }

    /* A place to rewind to, and back: elements made since are destroyed, last to first (single.h, "Marks"). */
    ::arena_mark mark() {
        ::arena_mark place{};
        arena_get_mark(raw_, &place);
        return place;
    }
    void rewind(const ::arena_mark &place) { arena_rewind(raw_, &place); }
    void rewind_end(const ::arena_mark &place) { arena_rewind_end(raw_, &place); }

protected:
    explicit view(::arena *raw) noexcept : raw_(raw) {}
    ::arena *raw_ = nullptr;

private:
    template <class> friend class detail::pool;
    template <class> friend class detail::gate;
    friend class context;

    static const ::arena_type *descriptor() noexcept { return &type<T>; }
    static slab<T> slab_of(void *data, std::size_t count) noexcept {
        return slab<T>(static_cast<T *>(data), data == nullptr ? 0 : count);
    }
    static slab<T> found(slab<T> made) {
        if (made.data() == nullptr) detail::raise(ARENA_EFULL);
        return made;
    }

    ::arena_head *head() const noexcept { return static_cast<::arena_head *>(static_cast<void *>(raw_)); }

    /* One slot, all zero; nullptr where there is none.  As the typed face of C takes it (typed/single.h). */
    void *take() noexcept {
        char *slot = head()->cursor;
        if (!ARENA_LIKELY(slot != head()->limit)) return arena_try_alloc(raw_, nullptr);
        head()->cursor = slot + sizeof(T);
        return std::memset(slot, 0, sizeof(T));
    }

    /* A copy of a value that is no more than its bytes, and zero in its padding; as the typed face of C does it. */
    T *put(const T &value) noexcept {
        char *slot = head()->cursor;
        if (!ARENA_LIKELY(slot != head()->limit)) return put_slow(value);
        head()->cursor = slot + sizeof(T);
#if defined(__clang__) || !defined(__GNUC__) || __GNUC__ < 11
        std::memset(slot, 0, sizeof(T));
        return ::new (static_cast<void *>(slot)) T(value);
#else
        T *made = ::new (static_cast<void *>(slot)) T(value);
        __builtin_clear_padding(made);
        return made;
#endif
    }
    ARENA_OUT_OF_LINE T *put_slow(T value) noexcept { return static_cast<T *>(arena_try_alloc(raw_, &value)); }

    /* Takes `count` slots and makes an element in each.  Where that may throw, in a scratch scope, which takes all back
     * then: what was made is destroyed, the rest is not.  Else it ends behind the slots, and they stay.  A scope hides
     * free slots below it (single.h, "Marks"), so there is none where nothing throws. */
    template <bool Quiet, class Make> slab<T> in_place(std::size_t count, Make make) {
        ::arena_scratch scope{};
        if constexpr (!Quiet) arena_scratch_enter_slow(raw_, &scope);
        slab<T> made = slab_of(arena_try_alloc_slab_with(raw_, nullptr, count), count);
        std::size_t done = 0;
        if constexpr (Quiet) {
            for (; done < made.size(); done++) make(made.data() + done);
        } else {
            try {
                for (; done < made.size(); done++) make(made.data() + done);
            } catch (...) {
                detail::unfinished_range outer = detail::unfinished;
                detail::unfinished.from = static_cast<const char *>(static_cast<const void *>(made.data() + done));
                detail::unfinished.to = static_cast<const char *>(static_cast<const void *>(made.data() + count));
                arena_scratch_leave_slow(raw_, nullptr, scope.floor, scope.place, scope.zones);
                detail::unfinished = outer;
                throw;
            }
            arena_scratch_leave_slow(raw_, nullptr, scope.floor, head()->cursor, scope.zones);
        }
        return made;
    }
};

/* --- owners ------------------------------------------------------------------------------------------------------- */

/* A single-owner arena.  Destroys its elements, last to first, and gives its memory back. */
template <class T> class arena : public view<T> {
public:
    arena() noexcept = default;
    arena(arena &&other) noexcept : view<T>(other.release()) {}
    arena &operator=(arena &&other) noexcept {
        if (this != &other) {
            arena_destroy(this->raw_);
            this->raw_ = other.release();
        }
        return *this;
    }
    ~arena() { arena_destroy(this->raw_); }

    /* An arena of `capacity` elements. */
    static arena create(std::size_t capacity, const ::arena_options *with = nullptr) {
        arena made;
        check(arena_create_with(&type<T>, capacity, with, &made.raw_));
        return made;
    }
    /* An arena in the caller's memory (arena_create_in). */
    static arena create_in(void *memory, std::size_t size_bytes, const ::arena_options *with = nullptr) {
        arena made;
        check(arena_create_in(&type<T>, memory, size_bytes, with, &made.raw_));
        return made;
    }
    /* Takes over an arena of C's; throws ARENA_EINVAL where it is one of another type. */
    static arena adopt(::arena *raw) {
        arena made;
        made.raw_ = view<T>::from_raw(raw).raw();
        return made;
    }
    /* Gives up the arena; the caller ends it with arena_destroy. */
    ::arena *release() noexcept { return std::exchange(this->raw_, nullptr); }
};

/* A byte arena (arena/bytes.h) that somebody else owns: blocks of any size and alignment.  Copies are the same arena.
 * Objects that are made in it are destroyed newest first, at reset, rewind and the end, before their memory is taken
 * back. */
class bytes_view {
public:
    bytes_view() noexcept = default;
    explicit bytes_view(::arena_bytes *raw) noexcept : raw_(raw) {}

    ::arena_bytes *raw() const noexcept { return raw_; }
    explicit operator bool() const noexcept { return raw_ != nullptr; }

    /* A zeroed block; `align` 0: that of std::max_align_t.  Throws std::bad_alloc where there is no room, ARENA_EINVAL
     * where align is no power of two. */
    void *alloc(std::size_t size, std::size_t align = 0) {
        void *block = arena_bytes_try_alloc(raw_, size, align);
        return ARENA_LIKELY(block != nullptr) ? block : detail::alloc_or_raise(raw_, size, align);
    }
    /* A block whose contents are anything. */
    void *alloc_raw(std::size_t size, std::size_t align = 0) {
        void *block = arena_bytes_try_alloc_raw(raw_, size, align);
        return ARENA_LIKELY(block != nullptr) ? block : detail::alloc_or_raise(raw_, size, align);
    }
    /* The same; nullptr where there is no room. */
    void *try_alloc(std::size_t size, std::size_t align = 0) noexcept {
        return arena_bytes_try_alloc(raw_, size, align);
    }

    /* Constructs an object from the arguments (or an aggregate of them).  Throws std::bad_alloc where there is no room,
     * and what the constructor throws; then the object's memory is taken back, where nothing lies behind it. */
    template <class T, class... Args> T *emplace(Args &&...args) {
        void *place = alloc(sizeof(T), alignof(T));
        T *made = nullptr;
        try {
            made = detail::make<T>(place, std::forward<Args>(args)...);
        } catch (...) {
            (void)arena_bytes_resize(raw_, place, sizeof(T), 0);
            throw;
        }
        if constexpr (!std::is_trivially_destructible_v<T>) {
            if (arena_bytes_try_defer(
                    raw_, [](void *object) { static_cast<T *>(object)->~T(); }, made) == nullptr) {
                made->~T();
                (void)arena_bytes_resize(raw_, place, sizeof(T), 0);
                detail::raise(ARENA_EFULL);
            }
        }
        return made;
    }
    /* `count` zeroed elements of a type that zeros are a value of. */
    template <class T> slab<T> alloc_slab(std::size_t count) {
        static_assert(std::is_trivially_default_constructible_v<T> && std::is_trivially_destructible_v<T>,
                      "zeros have to be a value of the elements, which nobody destroys");
        if (count > SIZE_MAX / sizeof(T)) detail::raise(ARENA_EFULL);
        return slab<T>(static_cast<T *>(alloc(count * sizeof(T), alignof(T))), count);
    }
    /* A copy of the text, with a NUL behind it. */
    std::string_view copy(std::string_view text) {
        char *copied = static_cast<char *>(alloc_raw(text.size() + 1, 1));
        if (!text.empty()) std::memcpy(copied, text.data(), text.size());
        copied[text.size()] = '\0';
        return {copied, text.size()};
    }

    void reset() { arena_bytes_reset(raw_); }
    void trim() { arena_bytes_trim(raw_); }
    std::size_t used() const noexcept { return arena_bytes_used(raw_); }
    std::size_t remaining() const noexcept { return arena_bytes_remaining(raw_); }
    std::size_t cap() const noexcept { return arena_bytes_cap(raw_); }
    bool owns(const void *address) const noexcept { return arena_bytes_owns(raw_, address); }
    ::arena_mark mark() { return arena_bytes_mark(raw_); }
    void rewind(const ::arena_mark &place) { arena_bytes_rewind(raw_, place); }
    void rewind_end(const ::arena_mark &place) { arena_bytes_rewind_end(raw_, place); }

protected:
    ::arena_bytes *raw_ = nullptr;

private:
    template <class> friend class detail::pool;
    template <class> friend class detail::gate;
    friend class context;

    explicit bytes_view(::arena *raw) noexcept : raw_(raw == nullptr ? nullptr : arena_bytes_from_raw(raw)) {}
    static const ::arena_type *descriptor() noexcept { return arena_type_bytes(); }
};

/* A byte arena.  It grows. */
class bytes : public bytes_view {
public:
    bytes() noexcept = default;
    bytes(bytes &&other) noexcept : bytes_view(other.release()) {}
    bytes &operator=(bytes &&other) noexcept {
        if (this != &other) {
            arena_bytes_destroy(raw_);
            raw_ = other.release();
        }
        return *this;
    }
    ~bytes() { arena_bytes_destroy(raw_); }

    /* `capacity` bounds what is handed out, in bytes; it is no reservation. */
    static bytes create(std::size_t capacity = SIZE_MAX, const ::arena_options *with = nullptr) {
        ::arena *made = nullptr;
        check(arena_create_with(arena_type_bytes(), capacity, with, &made));
        return adopt(arena_bytes_from_raw(made));
    }
    /* Takes over an arena of C's. */
    static bytes adopt(::arena_bytes *raw) noexcept {
        bytes made;
        made.raw_ = raw;
        return made;
    }
    /* Gives up the arena; the caller ends it with arena_bytes_destroy. */
    ::arena_bytes *release() noexcept { return std::exchange(raw_, nullptr); }
};

/* A reference to a context.  A context may end while this lives: see status(). */
class context {
public:
    /* The background: it never ends. */
    context() noexcept : raw_(nullptr) {}
    context(context &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    context &operator=(context &&other) noexcept {
        if (this != &other) {
            arena_context_release(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }
    ~context() { arena_context_release(raw_); }

    static context with_cancel(const context &parent = context()) {
        context made;
        check(arena_context_with_cancel(parent.raw_, &made.raw_));
        return made;
    }
    template <class Rep, class Period>
    static context with_timeout(std::chrono::duration<Rep, Period> timeout, const context &parent = context()) {
        context made;
        check(arena_context_with_timeout(parent.raw_, nanoseconds(timeout), &made.raw_));
        return made;
    }
    /* A time of arena_clock_now. */
    static context with_deadline(std::int64_t deadline_ns, const context &parent = context()) {
        context made;
        check(arena_context_with_deadline(parent.raw_, deadline_ns, &made.raw_));
        return made;
    }
    /* Takes over a reference of C's. */
    static context adopt(::arena_context *raw) noexcept {
        context made;
        made.raw_ = raw;
        return made;
    }

    /* Another reference to the same context. */
    context retain() const noexcept { return adopt(arena_context_retain(raw_)); }
    void cancel() noexcept { arena_context_cancel(raw_); }
    /* ARENA_OK, ARENA_ECANCELED or ARENA_ETIMEDOUT. */
    int status() const noexcept { return arena_context_status(raw_); }
    /* Throws where it has ended. */
    void check_running() const { check(status()); }
    ::arena_context *raw() const noexcept { return raw_; }

    /* A child that carries the arena, which has to outlive it. */
    template <class T> context inject(view<T> carried) const {
        context made;
        check(arena_inject(raw_, carried.raw(), &made.raw_));
        return made;
    }
    context inject(bytes_view carried) const {
        context made;
        check(arena_inject(raw_, arena_bytes_raw(carried.raw()), &made.raw_));
        return made;
    }
    /* The nearest arena of T; throws ARENA_ENOARENA where there is none. */
    template <class T> view<T> extract() const {
        ::arena *found = nullptr;
        check(arena_extract(raw_, &type<T>, &found));
        return view<T>(found);
    }
    /* The nearest byte arena; throws ARENA_ENOARENA where there is none. */
    bytes_view extract_bytes() const {
        ::arena *found = nullptr;
        check(arena_extract(raw_, arena_type_bytes(), &found));
        return bytes_view(found);
    }

private:
    ::arena_context *raw_;

    template <class Rep, class Period> static std::int64_t nanoseconds(std::chrono::duration<Rep, Period> timeout) {
        using approximate = std::chrono::duration<double, std::nano>;
        if (approximate(timeout) >= approximate(std::chrono::nanoseconds::max())) return INT64_MAX;
        if (approximate(timeout) <= approximate::zero()) return 0;
        return std::chrono::duration_cast<std::chrono::nanoseconds>(timeout).count();
    }
};

namespace detail {

/* Of pool<T> and bytes_pool. */
template <class View> class pool {
public:
    /* An arena of the pool for as long as this lives, on the thread that made it.  Neither copied nor moved. */
    class scope : public View {
    public:
        explicit scope(pool &from) {
            check(arena_pool_scope_enter(from.raw_, &entered_));
            static_cast<View &>(*this) = View(entered_.arena);
        }
        /* At the pool's limit, waits until the context ends. */
        scope(pool &from, const context &within) {
            check(arena_pool_scope_enter_context(from.raw_, within.raw(), &entered_));
            static_cast<View &>(*this) = View(entered_.arena);
        }
        scope(const scope &) = delete;
        scope &operator=(const scope &) = delete;
        ~scope() { arena_pool_scope_leave(&entered_); }

    private:
        ::arena_pool_scope entered_{};
    };

    /* An arena that is out of the pool until this ends, on any thread.  Must not outlive the pool. */
    class lease : public View {
    public:
        lease(lease &&other) noexcept : View(other), out_(std::exchange(other.out_, nullptr)), from_(other.from_) {
            static_cast<View &>(other) = View();
        }
        lease &operator=(lease &&other) noexcept {
            if (this != &other) {
                arena_pool_return(from_, out_);
                static_cast<View &>(*this) = std::exchange(static_cast<View &>(other), View());
                out_ = std::exchange(other.out_, nullptr);
                from_ = other.from_;
            }
            return *this;
        }
        ~lease() {
            if (out_ != nullptr) arena_pool_return(from_, out_);
        }

    private:
        friend class pool;
        lease(::arena_pool *from, ::arena *out) noexcept : View(out), out_(out), from_(from) {}
        ::arena *out_;
        ::arena_pool *from_;
    };

    pool() noexcept = default;
    pool(pool &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    pool &operator=(pool &&other) noexcept {
        if (this != &other) {
            end();
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }
    ~pool() { end(); }

    /* A pool whose arenas hold `arena_capacity` elements (or bytes) each. */
    static pool create(std::size_t arena_capacity, const ::arena_pool_options *with = nullptr) {
        pool made;
        check(arena_pool_create_with(View::descriptor(), arena_capacity, with, &made.raw_));
        return made;
    }
    ::arena_pool *raw() const noexcept { return raw_; }

    scope enter() { return scope(*this); }
    scope enter(const context &within) { return scope(*this, within); }
    lease checkout() {
        ::arena *out = nullptr;
        check(arena_pool_checkout(raw_, &out));
        return lease(raw_, out);
    }
    /* At the pool's limit, waits until the context ends. */
    lease checkout(const context &within) {
        ::arena *out = nullptr;
        check(arena_pool_checkout_context(raw_, within.raw(), &out));
        return lease(raw_, out);
    }
    /* Calls action(View) with an arena of the pool, and returns what it returns. */
    template <class Action> decltype(auto) execute(Action &&action) {
        scope entered(*this);
        return std::forward<Action>(action)(static_cast<View &>(entered));
    }

    /* Frees what is idle. */
    void trim() { arena_pool_trim(raw_); }
    std::size_t arena_cap() const noexcept { return arena_pool_arena_cap(raw_); }

    ::arena_pool_stats stats() const {
        ::arena_pool_stats filled{};
        filled.struct_size = sizeof filled;
        check(arena_pool_get_stats(raw_, &filled));
        return filled;
    }

private:
    ::arena_pool *raw_ = nullptr;

    void end() noexcept {
        if (arena_pool_destroy(raw_) != ARENA_OK) arena_panic("libarena::pool: arenas are out at its end");
    }
};

} // namespace detail

/* Isolated arenas.  No arena may be out when it ends: that panics. */
template <class T> using pool = detail::pool<view<T>>;
using bytes_pool = detail::pool<bytes_view>;

namespace detail {

/* Of concurrent<T> and bytes_concurrent. */
template <class View> class gate {
public:
    /* The gate, held by the thread that made this, and the arena behind it. */
    class hold : public View {
    public:
        hold(hold &&other) noexcept : View(other), gate_(std::exchange(other.gate_, nullptr)) {
            static_cast<View &>(other) = View();
        }
        hold &operator=(hold &&) = delete;
        ~hold() {
            if (gate_ != nullptr) arena_concurrent_release(gate_);
        }

    private:
        friend class gate;
        hold(::arena_concurrent *from, ::arena *behind) noexcept
            : View(behind), gate_(behind == nullptr ? nullptr : from) {}
        ::arena_concurrent *gate_;
    };

    /* The same, and no thread's: for tasks that move between threads.  Everybody waits meanwhile, the thread that made
     * it too; it may end on any. */
    class permit : public View {
    public:
        permit() noexcept = default;
        permit(permit &&other) noexcept
            : View(other), gate_(std::exchange(other.gate_, nullptr)), permit_(other.permit_) {
            static_cast<View &>(other) = View();
        }
        permit &operator=(permit &&other) noexcept {
            if (this != &other) {
                release();
                static_cast<View &>(*this) = std::exchange(static_cast<View &>(other), View());
                gate_ = std::exchange(other.gate_, nullptr);
                permit_ = other.permit_;
            }
            return *this;
        }
        ~permit() { release(); }
        /* Gives the gate back now. */
        void release() noexcept {
            ::arena_concurrent *from = std::exchange(gate_, nullptr);
            static_cast<View &>(*this) = View();
            if (from == nullptr) return;
            int status = arena_concurrent_release_permit(from, &permit_);
            if (status != ARENA_OK) arena_panic_with(status, "libarena::concurrent: the permit cannot be released now");
        }

    private:
        friend class gate;
        permit(::arena_concurrent *from, const ::arena_permit &given) noexcept
            : View(given.arena), gate_(given.arena == nullptr ? nullptr : from), permit_(given) {}
        ::arena_concurrent *gate_ = nullptr;
        ::arena_permit permit_{};
    };

    gate() noexcept = default;
    gate(gate &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    gate &operator=(gate &&other) noexcept {
        if (this != &other) {
            arena_concurrent_destroy(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }
    ~gate() { arena_concurrent_destroy(raw_); }

    ::arena_concurrent *raw() const noexcept { return raw_; }

    /* Waits for the gate. */
    hold acquire(const context &within = context()) {
        ::arena *behind = nullptr;
        check(arena_concurrent_acquire(raw_, within.raw(), &behind));
        return hold(raw_, behind);
    }
    /* Does not wait: a hold that is false where the gate is not free. */
    hold try_acquire() {
        ::arena *behind = nullptr;
        free_or_raise(arena_concurrent_try_acquire(raw_, &behind));
        return hold(raw_, behind);
    }
    /* Waits for the gate, which is no thread's then. */
    permit acquire_permit(const context &within = context()) {
        ::arena_permit given{};
        check(arena_concurrent_acquire_permit(raw_, within.raw(), &given));
        return permit(raw_, given);
    }
    /* Does not wait: a permit that is false where the gate is not free. */
    permit try_acquire_permit() {
        ::arena_permit given{};
        free_or_raise(arena_concurrent_try_acquire_permit(raw_, &given));
        return permit(raw_, given);
    }

    /* Destroys every element and takes its memory back. */
    void reset(const context &within = context()) { check(arena_concurrent_reset_context(raw_, within.raw())); }
    void trim() { arena_concurrent_trim(raw_); }
    std::size_t used() const noexcept { return arena_concurrent_used(raw_); }
    std::size_t remaining() const noexcept { return arena_concurrent_remaining(raw_); }
    std::size_t cap() const noexcept { return arena_concurrent_cap(raw_); }
    ::arena_stats stats() const {
        ::arena_stats filled{};
        filled.struct_size = sizeof filled;
        check(arena_concurrent_get_stats(raw_, &filled));
        return filled;
    }

protected:
    ::arena_concurrent *raw_ = nullptr;

    void make(std::size_t capacity, const ::arena_options *with) {
        check(arena_concurrent_create_with(View::descriptor(), capacity, with, &raw_));
    }

private:
    static void free_or_raise(int status) {
        if (status != ARENA_OK && status != ARENA_EBUSY) raise(status);
    }
};

} // namespace detail

/* One arena for many threads, behind a gate.  Its destruction is the last call on it. */
template <class T> class concurrent : public detail::gate<view<T>> {
public:
    static concurrent create(std::size_t capacity, const ::arena_options *with = nullptr) {
        concurrent made;
        made.make(capacity, with);
        return made;
    }

    /* Constructs one element.  Throws where the arena is full (std::bad_alloc), where this thread holds the gate
     * (ARENA_EBUSY), and what the constructor throws.  Elements that are more than their bytes are made behind the
     * gate. */
    template <class... Args> T *emplace(Args &&...args) {
        return emplace_within(context(), std::forward<Args>(args)...);
    }
    /* The same; nullptr where the arena is full. */
    template <class... Args> T *try_emplace(Args &&...args) {
        try {
            return emplace(std::forward<Args>(args)...);
        } catch (const detail::failure<std::bad_alloc> &failed) {
            if (failed.status() != ARENA_EFULL) throw;
            return nullptr;
        }
    }
    /* The same under a context, which bounds the wait; throws its status where it ends. */
    template <class... Args> T *emplace_within(const context &within, Args &&...args) {
        if constexpr (std::is_trivially_copyable_v<T>) {
            alignas(T) unsigned char place[sizeof(T)];
            const T *value = detail::make<T>(place, std::forward<Args>(args)...);
            void *slot = nullptr;
            check(arena_concurrent_alloc_context(this->raw_, within.raw(), value, &slot));
            return static_cast<T *>(slot);
        } else {
            return this->acquire(within).emplace(std::forward<Args>(args)...);
        }
    }
};

/* The same of bytes: blocks of any size and alignment.  Its capacity is reserved, and does not grow. */
class bytes_concurrent : public detail::gate<bytes_view> {
public:
    static bytes_concurrent create(std::size_t capacity, const ::arena_options *with = nullptr) {
        bytes_concurrent made;
        made.make(capacity, with);
        return made;
    }

    /* A zeroed block; `align` 0: that of std::max_align_t.  Throws where there is no room (std::bad_alloc), and where
     * this thread holds the gate (ARENA_EBUSY). */
    void *alloc(std::size_t size, std::size_t align = 0) { return alloc_within(context(), size, align); }
    /* The same; nullptr where there is no room. */
    void *try_alloc(std::size_t size, std::size_t align = 0) {
        void *block = nullptr;
        int status = arena_bytes_concurrent_alloc_context(typed(), nullptr, size, align, &block);
        if (status != ARENA_OK && status != ARENA_EFULL) detail::raise(status);
        return block;
    }
    /* The same under a context, which bounds the wait; throws its status where it ends. */
    void *alloc_within(const context &within, std::size_t size, std::size_t align = 0) {
        void *block = nullptr;
        check(arena_bytes_concurrent_alloc_context(typed(), within.raw(), size, align, &block));
        return block;
    }

private:
    ::arena_bytes_concurrent *typed() const noexcept {
        return static_cast<::arena_bytes_concurrent *>(static_cast<void *>(raw_));
    }
};

/* The memory of std::pmr containers out of a byte arena, which has to outlive it.  What is given back is of use again
 * where it is the newest block; the rest is taken back by the arena's reset, before which the containers have to end.
 * Not for threads. */
class resource : public std::pmr::memory_resource {
public:
    explicit resource(bytes_view from) noexcept : raw_(from.raw()) {}
    explicit resource(::arena_bytes *from) noexcept : raw_(from) {}
    ::arena_bytes *raw() const noexcept { return raw_; }

private:
    ::arena_bytes *raw_;

    void *do_allocate(std::size_t size, std::size_t align) override {
        void *block = arena_bytes_try_alloc_raw(raw_, size, align);
        return ARENA_LIKELY(block != nullptr) ? block : detail::alloc_or_raise(raw_, size, align);
    }
    void do_deallocate(void *block, std::size_t size, std::size_t) override {
        (void)arena_bytes_resize(raw_, block, size, 0);
    }
    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override {
        const resource *same = dynamic_cast<const resource *>(&other);
        return same != nullptr && same->raw_ == raw_;
    }
};

/* Takes back what is allocated while it lives: destroyed last to first. */
class scratch {
public:
    template <class T> explicit scratch(view<T> in) : scratch(in.raw()) {}
    explicit scratch(bytes_view in) : scratch(arena_bytes_raw(in.raw())) {}
    explicit scratch(::arena *in) : entered_{ARENA_HEAD_(in)->cursor, ARENA_HEAD_(in)->floor, in, nullptr, 0} {
        if (!arena_scratch_begin_(in, entered_.cursor, entered_.floor)) {
            ::arena_scratch filled ARENA_WRITTEN_BY_LIBRARY_; /* so that *this need not lie in memory */
            arena_scratch_enter_slow(in, &filled);
            entered_ = filled;
        }
    }
    scratch(const scratch &) = delete;
    scratch &operator=(const scratch &) = delete;
    ~scratch() {
        if (arena_scratch_end_(entered_.arena, entered_.cursor, entered_.floor)) return;
        arena_scratch_leave_slow(entered_.arena, entered_.cursor, entered_.floor, entered_.place, entered_.zones);
    }

private:
    ::arena_scratch entered_;
};

} // namespace libarena

#endif
