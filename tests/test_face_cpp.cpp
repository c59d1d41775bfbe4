/* SPDX-License-Identifier: MIT */
/* The C++ face, <arena/arena.hpp>: owners, guards, exceptions, and objects whose constructors throw.  Compiled as C++17 and
 * as C++20. */
#include <arena/arena.hpp>

#include <memory_resource>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support.h"

struct plain_point {
    int x, y;
};

namespace app {
struct point {
    int x, y;
};
} // namespace app

template <> struct libarena::name<plain_point> { static constexpr const char *value = "struct plain_point"; };

namespace {

int living; /* counted objects */
std::vector<int> order;

/* How a type may be made, and moved. */
enum kind { NOTHROW, MOVABLE, FIXED };

/* An object that is counted, and whose constructor throws where it is told 13. */
template <kind KIND> struct counted {
    explicit counted(int value) noexcept(KIND == NOTHROW) : number(value) {
        if constexpr (KIND != NOTHROW) {
            if (value == 13) throw std::runtime_error("thirteen");
        }
        living++;
    }
    counted() : counted(++made_by_default) {}
    counted(const counted &other) : counted(other.number) {}
    counted(counted &&other) noexcept(KIND != FIXED) : number(other.number) { living++; }
    counted &operator=(const counted &) = delete;
    ~counted() {
        living--;
        order.push_back(number);
    }
    int number;
    static int made_by_default;
};
template <kind KIND> int counted<KIND>::made_by_default;

/* A node whose constructor makes its children in the same arena. */
struct node {
    node(libarena::view<node> arena, int depth, int fails_at) : left(nullptr), right(nullptr) {
        if (depth == fails_at) throw std::runtime_error("too deep");
        if (depth > 0) left = arena.emplace(arena, depth - 1, fails_at);
        if (depth > 0) right = arena.emplace(arena, depth - 1, -1);
        living++;
    }
    node(const node &) = delete;
    node &operator=(const node &) = delete;
    ~node() { living--; }
    node *left, *right;
};

/* What an action throws, as a status; ARENA_OK: nothing.  Errors are standard exceptions, too. */
template <class Action> int thrown(Action action, bool *no_room = nullptr) {
    int status = ARENA_OK;
    bool full = false;
    try {
        action();
    } catch (const libarena::error &failed) {
        status = failed.status();
        assert_string_equal(failed.what(), arena_strerror(status));
    }
    try {
        action();
    } catch (const std::bad_alloc &) {
        full = true;
    } catch (const std::exception &) {}
    if (no_room != nullptr) *no_room = full;
    return status;
}

void start() {
    living = 0;
    order.clear();
}

/* --- single-owner ------------------------------------------------------------------------------------------------- */

TEST(elements_lie_one_behind_the_other) {
    auto arena = libarena::arena<int>::create(4);
    int *first = arena.emplace(10);
    assert_int_equal(*first, 10);
    assert_ptr_equal(arena.try_emplace(20), first + 1);
    auto slab = arena.alloc_slab(1);
    assert_ptr_equal(slab.data(), first + 2);
    assert_int_equal(slab[0], 0);
    const int values[] = {30};
    assert_int_equal(arena.alloc_slab_with(values, 1)[0], 30);
    assert_int_equal(arena.used(), 4);
    assert_int_equal(arena.remaining(), 0);
    assert_int_equal(arena.cap(), 4);
    assert_ptr_equal(arena.at(1), first + 1);
    assert_null(arena.at(4));
    assert_true(arena.owns(first + 3));
    assert_int_equal(arena.stats().used_bytes, 4 * sizeof(int));
    arena.reset();
    arena.trim();
    assert_ptr_equal(arena.emplace(), first);
    assert_int_equal(*first, 0);
}

TEST(full_is_bad_alloc) {
    auto arena = libarena::arena<int>::create(2);
    arena.alloc_slab(2);
    bool full = false;
    assert_int_equal(thrown([&] { arena.emplace(1); }, &full), ARENA_EFULL);
    assert_true(full);
    assert_int_equal(thrown([&] { arena.alloc_slab(1); }, &full), ARENA_EFULL);
    const int values[] = {1};
    assert_int_equal(thrown([&] { arena.alloc_slab_with(values, 1); }, &full), ARENA_EFULL);
    assert_null(arena.try_emplace(1));
    assert_null(arena.try_alloc_slab(1).data());
    assert_int_equal(arena.try_alloc_slab(1).size(), 0);
    assert_null(arena.try_alloc_slab_with(values, 1).data());
    assert_non_null(arena.alloc_slab(0).data());
    assert_int_equal(thrown([] { libarena::arena<int>::create(SIZE_MAX); }, &full), ARENA_ENOMEM);
    assert_true(full);
    auto options = libarena::options();
    options.clear = 77;
    assert_int_equal(thrown([&] { libarena::arena<int>::create(1, &options); }, &full), ARENA_EINVAL);
    assert_false(full);
}

TEST(destructors_run_last_to_first) {
    start();
    {
        auto arena = libarena::arena<counted<NOTHROW>>::create(4);
        for (int i = 1; i <= 3; i++) arena.emplace(i);
        assert_int_equal(living, 3);
        arena.reset();
        assert_int_equal(living, 0);
        assert_true((order == std::vector<int>{3, 2, 1}));
        arena.emplace(4);
    }
    assert_int_equal(living, 0);
    assert_int_equal(order.back(), 4);
}

TEST(owners_move) {
    start();
    auto arena = libarena::arena<counted<NOTHROW>>::create(2);
    arena.emplace(1);
    libarena::arena<counted<NOTHROW>> other = std::move(arena);
    assert_false(static_cast<bool>(arena));
    assert_int_equal(other.used(), 1);
    arena = libarena::arena<counted<NOTHROW>>::create(2);
    arena.emplace(2);
    arena = std::move(other);
    assert_true((order == std::vector<int>{2}));
    assert_int_equal(arena.at(0)->number, 1);
    ::arena *raw = arena.release();
    auto adopted = libarena::arena<counted<NOTHROW>>::adopt(raw);
    assert_ptr_equal(adopted.raw(), raw);
    assert_int_equal(thrown([&] { libarena::arena<int>::adopt(raw); }), ARENA_EINVAL);
}

TEST(types_are_named_by_their_whole_spelling) {
    assert_string_equal(libarena::type<int>.name, "int");
    assert_string_equal(libarena::type<app::point>.name, "app::point");
    assert_string_equal(libarena::type<plain_point>.name, "struct plain_point");
    assert_non_null(strstr(libarena::type<std::vector<int>>.name, "vector<int"));
    assert_true(libarena::type<int>.drop == nullptr && libarena::type<std::string>.drop != nullptr);
    assert_int_equal(libarena::type<app::point>.size, sizeof(app::point));
    assert_true(arena_type_equal(&libarena::type<int>, ARENA_TYPE(int)));
    assert_true(arena_type_equal(&libarena::type<plain_point>, ARENA_TYPE(struct plain_point)));
    assert_false(arena_type_equal(&libarena::type<app::point>, &libarena::type<plain_point>));
}

/* --- constructors that throw ---------------------------------------------------------------------------------------- */

template <kind KIND> void constructor_throws() {
    start();
    auto arena = libarena::arena<counted<KIND>>::create(4);
    arena.emplace(1);
    for (int round = 0; round < 3; round++) {
        try {
            arena.emplace(13);
            fail();
        } catch (const std::runtime_error &) {}
        assert_int_equal(arena.used(), 1);
        assert_int_equal(living, 1);
    }
    assert_ptr_equal(arena.emplace(2), arena.at(0) + 1);
    arena.emplace(3);
    arena.emplace(4);
    assert_null(arena.try_emplace(13)); /* no room: not made at all */
    assert_int_equal(living, 4);
    arena.reset();
    assert_int_equal(living, 0);
}

TEST(throwing_constructor_leaves_nothing_live) {
    constructor_throws<MOVABLE>();
    constructor_throws<FIXED>();
}

/* Of a slab, what was made before the one that throws is destroyed. */
template <kind KIND> void slab_throws() {
    start();
    auto arena = libarena::arena<counted<KIND>>::create(30);
    arena.emplace(1);
    counted<KIND>::made_by_default = 10;
    try {
        arena.alloc_slab(5);
        fail();
    } catch (const std::runtime_error &) {}
    assert_true(living == 1 && arena.used() == 1);
    counted<KIND>::made_by_default = 0;
    auto slab = arena.alloc_slab(3);
    assert_true(slab.size() == 3 && slab[2].number == 3 && living == 4);
    slab[1].number = 13;
    order.clear();
    try {
        arena.alloc_slab_with(slab.data(), 3);
        fail();
    } catch (const std::runtime_error &) {}
    assert_true(living == 4 && arena.used() == 4);
    assert_true((order == std::vector<int>{1}));
    slab[1].number = 2;
    assert_int_equal(arena.alloc_slab_with(slab.data(), 3)[1].number, 2);
    assert_null(arena.try_alloc_slab(24).data());
    assert_int_equal(living, 7);
    arena.reset();
    assert_int_equal(living, 0);
}

TEST(slabs_are_made_whole_or_not_at_all) {
    slab_throws<MOVABLE>();
    slab_throws<FIXED>();
}

/* A constructor may use the arena that its object is made in; where it throws, that is taken back with it. */
TEST(constructors_may_allocate) {
    start();
    auto arena = libarena::arena<node>::create(100);
    node *root = arena.emplace(arena, 3, -1);
    assert_non_null(root->left->right->left);
    assert_int_equal(living, 15);
    for (int depth = 0; depth < 3; depth++) {
        try {
            arena.emplace(arena, 3, depth);
            fail();
        } catch (const std::runtime_error &) {}
        assert_int_equal(living, 15);
        assert_int_equal(arena.used(), 15);
    }
    arena.reset();
    assert_int_equal(living, 0);
}

TEST(strings_live_in_arenas) {
    auto arena = libarena::arena<std::string>::create(100);
    std::string *first = arena.emplace("a text that is too long for the small string within the object itself");
    auto copies = arena.alloc_slab_with(first, 1);
    for (int i = 0; i < 50; i++) arena.emplace(200u, 'x');
    assert_true(copies[0] == *first);
    arena.reset();
    arena.emplace(200u, 'y');
}

TEST(marks_and_scratch_take_back) {
    start();
    auto arena = libarena::arena<counted<NOTHROW>>::create(10);
    arena.emplace(1);
    auto mark = arena.mark();
    arena.emplace(2);
    {
        libarena::scratch scratch(arena);
        arena.emplace(3);
        assert_int_equal(living, 3);
    }
    assert_int_equal(living, 2);
    arena.rewind(mark);
    assert_int_equal(living, 1);
    arena.emplace(4);
    arena.rewind_end(mark);
    assert_int_equal(arena.used(), 1);
    alignas(64) unsigned char memory[4096];
    auto here = libarena::arena<counted<NOTHROW>>::create_in(memory, sizeof memory);
    void *slot = here.emplace(5);
    assert_true(slot > static_cast<void *>(memory) && slot < static_cast<void *>(memory + sizeof memory));
}

#if defined(__cpp_lib_span)
TEST(slabs_are_spans) {
    auto arena = libarena::arena<int>::create(4);
    std::span<int> slab = arena.alloc_slab(3);
    for (int &element : slab) element = 7;
    std::span<int> last = slab.last(1);
    assert_int_equal(last[0], 7);
}
#endif

/* --- pools ---------------------------------------------------------------------------------------------------------- */

TEST(scopes_and_leases_give_back) {
    start();
    auto options = libarena::pool_options();
    options.max_arenas = 2;
    auto pool = libarena::pool<counted<NOTHROW>>::create(4, &options);
    assert_int_equal(pool.arena_cap(), 4);
    try {
        auto scope = pool.enter();
        scope.emplace(1);
        throw std::runtime_error("out");
    } catch (const std::runtime_error &) {}
    assert_int_equal(living, 0);
    assert_int_equal(pool.execute([](libarena::view<counted<NOTHROW>> arena) { return arena.emplace(5)->number; }), 5);
    {
        auto lease = pool.checkout();
        auto other = pool.checkout();
        lease.emplace(1);
        bool full = false;
        assert_int_equal(thrown([&] { pool.checkout(); }, &full), ARENA_EFULL);
        assert_true(full);
        auto ended = libarena::context::with_timeout(std::chrono::milliseconds(1));
        assert_int_equal(thrown([&] { pool.checkout(ended); }, &full), ARENA_ETIMEDOUT);
        assert_false(full);
        assert_int_equal(thrown([&] { pool.enter(ended); }), ARENA_ETIMEDOUT);
        auto moved = std::move(lease);
        assert_int_equal(moved.used(), 1);
        assert_int_equal(pool.stats().out, 2);
        other = std::move(moved);
        assert_int_equal(other.used(), 1);
    }
    assert_int_equal(living, 0);
    pool.trim();
    libarena::pool<counted<NOTHROW>> other = std::move(pool);
    assert_int_equal(other.checkout().cap(), 4);
}

/* --- concurrent --------------------------------------------------------------------------------------------------- */

TEST(concurrent_arenas_hold_their_gate) {
    start();
    auto numbers = libarena::concurrent<int>::create(3);
    assert_int_equal(*numbers.emplace(5), 5);
    {
        auto hold = numbers.acquire();
        assert_int_equal(*hold.emplace(6), 6);
        assert_int_equal(thrown([&] { numbers.emplace(1); }), ARENA_EBUSY);
        assert_int_equal(thrown([&] { numbers.reset(); }), ARENA_EBUSY);
        assert_false(static_cast<bool>(numbers.try_acquire()));
    }
    assert_true(static_cast<bool>(numbers.try_acquire()));
    assert_int_equal(*numbers.try_emplace(7), 7);
    assert_null(numbers.try_emplace(8));
    bool full = false;
    assert_int_equal(thrown([&] { numbers.emplace(8); }, &full), ARENA_EFULL);
    assert_true(full);
    auto ended = libarena::context::with_cancel();
    ended.cancel();
    assert_int_equal(thrown([&] { numbers.emplace_within(ended, 1); }), ARENA_ECANCELED);
    numbers.reset();
    assert_int_equal(numbers.used(), 0);
    assert_int_equal(numbers.remaining(), numbers.cap());
    numbers.trim();

    auto objects = libarena::concurrent<counted<FIXED>>::create(2);
    objects.emplace(1);
    try {
        objects.emplace(13);
        fail();
    } catch (const std::runtime_error &) {}
    assert_true(objects.used() == 1 && living == 1);
    objects.emplace(2);
    assert_null(objects.try_emplace(3));
    libarena::concurrent<counted<FIXED>> other = std::move(objects);
    other.reset();
    assert_int_equal(living, 0);
}

/* A permit is taken here, moved, and given back by another thread. */
/* What threads were lent and did not use is free to the holder, whatever its constructors may do. */
struct careful {
    int number = 1;
    careful() noexcept {}
    explicit careful(int given) : number(given) {} /* as far as the compiler knows it throws */
};
TEST(a_hold_has_what_threads_left) {
    enum { CAP = 1000 };
    for (int way = 0; way < 3; way++) {
        auto shared = libarena::concurrent<careful>::create(CAP);
        (void)shared.emplace(1);
        std::thread([&] { (void)shared.emplace(2); }).join();
        auto hold = shared.acquire();
        for (int left = CAP - 2; left > 0; left--) {
            if (way == 0) assert_int_equal(hold.emplace(left)->number, left);
            if (way == 1) assert_int_equal(hold.alloc_slab(1)[0].number, 1);
            if (way == 2) assert_int_equal(hold.emplace()->number, 1);
        }
        assert_null(hold.try_emplace(1));
        assert_int_equal(hold.remaining(), 0);
    }
}

TEST(permits_move_between_threads) {
    start();
    auto objects = libarena::concurrent<counted<FIXED>>::create(4);
    auto permit = objects.acquire_permit();
    permit.emplace(1);
    assert_false(static_cast<bool>(objects.try_acquire_permit()));
    assert_false(static_cast<bool>(objects.try_acquire()));
    auto ended = libarena::context::with_timeout(std::chrono::milliseconds(1));
    assert_int_equal(thrown([&] { objects.emplace_within(ended, 2); }), ARENA_ETIMEDOUT);
    assert_int_equal(thrown([&] { objects.acquire_permit(ended); }), ARENA_ETIMEDOUT);
    std::thread([taken = std::move(permit)]() mutable { taken.emplace(3); }).join();
    assert_false(static_cast<bool>(permit));
    assert_int_equal(objects.used(), 2);
    permit = objects.try_acquire_permit();
    assert_true(static_cast<bool>(permit));
    assert_int_equal(permit.used(), 2);
    permit.release();
    permit.release();
    {
        auto hold = objects.acquire();
        assert_int_equal(thrown([&] { objects.acquire_permit(); }), ARENA_EBUSY);
    }
    permit = objects.acquire_permit();
    permit = libarena::concurrent<counted<FIXED>>::permit();
    objects.reset();
    assert_int_equal(living, 0);
}

TEST(threads_share_bytes) {
    auto shared = libarena::bytes_concurrent::create(1000);
    char *block = static_cast<char *>(shared.alloc(100));
    assert_true(block[0] == 0 && block[99] == 0);
    assert_int_equal(reinterpret_cast<std::uintptr_t>(shared.try_alloc(10, 64)) % 64, 0);
    assert_null(shared.try_alloc(1000));
    assert_int_equal(thrown([&] { shared.alloc(1, 3); }), ARENA_EINVAL);
    bool full = false;
    assert_int_equal(thrown([&] { shared.alloc(1000); }, &full), ARENA_EFULL);
    assert_true(full);
    {
        auto hold = shared.acquire();
        assert_true(hold.copy("text") == "text");
        assert_int_equal(thrown([&] { (void)shared.try_alloc(1); }), ARENA_EBUSY);
    }
    {
        auto permit = shared.acquire_permit();
        *permit.emplace<int>() = 7;
        auto ended = libarena::context::with_timeout(std::chrono::milliseconds(1));
        assert_int_equal(thrown([&] { shared.alloc_within(ended, 1); }), ARENA_ETIMEDOUT);
    }
    auto other = std::move(shared);
    assert_true(other.stats().used_bytes == other.used());
    other.reset();
    assert_int_equal(other.remaining(), 1000);
}

/* --- bytes ---------------------------------------------------------------------------------------------------------- */

TEST(bytes_come_out_of_pools) {
    start();
    auto pool = libarena::bytes_pool::create(4096);
    {
        auto scope = pool.enter();
        scope.emplace<counted<NOTHROW>>(1);
        auto lease = pool.checkout();
        lease.emplace<counted<NOTHROW>>(2);
        auto moved = std::move(lease);
        assert_true(moved.copy("lent") == "lent");
        auto carrying = libarena::context().inject(scope);
        assert_ptr_equal(carrying.extract_bytes().raw(), scope.raw());
        assert_int_equal(pool.stats().out, 2);
        libarena::resource memory(scope);
        std::pmr::string text("a text that is too long for the small string within the object", &memory);
        assert_true(scope.owns(text.data()));
    }
    assert_int_equal(living, 0);
    assert_int_equal(pool.execute([](libarena::bytes_view arena) { return *arena.emplace<int>(5); }), 5);
    libarena::bytes_pool other = std::move(pool);
    assert_int_equal(other.arena_cap(), 4096);
}

TEST(objects_live_among_bytes) {
    start();
    auto arena = libarena::bytes::create();
    counted<MOVABLE> *first = arena.emplace<counted<MOVABLE>>(1);
    counted<MOVABLE> *second = arena.emplace<counted<MOVABLE>>(2);
    assert_true(first->number == 1 && second->number == 2 && living == 2);
    std::size_t used = arena.used();
    try {
        arena.emplace<counted<MOVABLE>>(13);
        fail();
    } catch (const std::runtime_error &) {}
    assert_int_equal(living, 2);
    assert_int_equal(arena.used(), used);
    app::point *point = arena.emplace<app::point>(app::point{3, 4});
    assert_true(point->x == 3 && point->y == 4);
    auto text = arena.copy("hello");
    assert_true(text == "hello" && text.data()[5] == '\0' && arena.owns(text.data()));
    auto numbers = arena.alloc_slab<int>(100);
    assert_true(numbers.size() == 100 && numbers[99] == 0);
    auto mark = arena.mark();
    arena.emplace<counted<NOTHROW>>(3);
    arena.rewind_end(mark);
    assert_int_equal(living, 2);
    {
        libarena::scratch scratch(arena);
        arena.emplace<counted<NOTHROW>>(4);
    }
    assert_int_equal(living, 2);
    order.clear();
    arena.reset();
    assert_true((order == std::vector<int>{2, 1}));
    assert_int_equal(arena.used(), 0);
    libarena::bytes other = std::move(arena);
    other.emplace<counted<NOTHROW>>(5);
    other = libarena::bytes::create(64);
    assert_int_equal(living, 0);
    bool full = false;
    assert_int_equal(thrown([&] { other.alloc(100); }, &full), ARENA_EFULL);
    assert_true(full);
    assert_null(other.try_alloc(100));
    assert_int_equal(thrown([&] { other.alloc_slab<int>(SIZE_MAX); }, &full), ARENA_EFULL);
    std::memset(other.alloc_raw(64, 1), 1, 64);
    assert_int_equal(other.remaining(), 0);
}

TEST(containers_live_among_bytes) {
    auto arena = libarena::bytes::create(1 << 20);
    libarena::resource resource(arena);
    {
        std::pmr::vector<std::pmr::string> texts(&resource);
        for (int i = 0; i < 100; i++)
            texts.emplace_back("a text that is too long for the small string within the object");
        assert_true(arena.owns(texts.data()) && arena.owns(texts[99].data()));
        assert_ptr_equal(texts.get_allocator().resource(), &resource);
    }
    std::size_t used = arena.used();
    void *block = resource.allocate(100, 64);
    assert_int_equal(reinterpret_cast<std::uintptr_t>(block) % 64, 0);
    resource.deallocate(block, 100, 64);
    void *again = resource.allocate(100, 64);
    if (!support_checked()) assert_ptr_equal(again, block); /* the newest is of use again */
    assert_true(arena.used() > used);
    assert_true(resource == libarena::resource(arena));
    assert_false(resource == *std::pmr::new_delete_resource());
    bool full = false;
    assert_int_equal(thrown([&] { (void)resource.allocate(2 << 20); }, &full), ARENA_EFULL);
    assert_true(full);
    arena.reset();
}

TEST(what_bytes_are_refused_for_is_said) {
    auto arena = libarena::bytes::create();
    bool full = false;
    assert_int_equal(thrown([&] { (void)arena.alloc(8, 3); }), ARENA_EINVAL);
    assert_int_equal(thrown([&] { (void)arena.alloc_raw(8, 3); }), ARENA_EINVAL);
    assert_int_equal(thrown([&] { (void)arena.alloc(SIZE_MAX, 1); }, &full), ARENA_EFULL);
    assert_true(full);
    if (sizeof(void *) == 8) { /* where no system has that much */
        full = false;
        assert_int_equal(thrown([&] { (void)arena.alloc(SIZE_MAX / 4, 1); }, &full), ARENA_ENOMEM);
        assert_true(full);
        assert_int_equal(thrown([&] { (void)libarena::resource(arena).allocate(SIZE_MAX / 4, 1); }), ARENA_ENOMEM);
    }
    assert_int_equal(arena.used(), 0);
}

/* --- beside the C face ---------------------------------------------------------------------------------------------- */

namespace crowded {
using namespace libarena; /* whose `arena` the macros of C do not mean */

ARENA_DEFINE(numbers, int)
#define ARENA_PREFIX letters
#define ARENA_T char
#include <arena/template.h>

TEST(the_macros_of_c_mean_the_arena_of_c) {
    struct numbers *some = numbers_create(2);
    ARENA_SCRATCH(numbers, some) {
        assert_int_equal(*numbers_alloc(some, 3), 3);
    }
    assert_int_equal(numbers_used(some), 0);
    numbers_destroy(some);
    libarena::pool<int> ints = libarena::pool<int>::create(1);
    ARENA_POOL_SCOPE(ints.raw(), scratch) {
        assert_int_equal(arena_cap(scratch), 1);
    }
    struct letters *word = letters_create(1);
    assert_int_equal(*letters_alloc(word, 'a'), 'a');
    letters_destroy(word);
}
} // namespace crowded

/* --- contexts ------------------------------------------------------------------------------------------------------- */

TEST(contexts_carry_arenas) {
    auto arena = libarena::arena<app::point>::create(1);
    libarena::context background;
    assert_int_equal(background.status(), ARENA_OK);
    auto parent = libarena::context::with_cancel();
    auto carrying = parent.inject(arena);
    assert_ptr_equal(carrying.extract<app::point>().raw(), arena.raw());
    assert_int_equal(thrown([&] { carrying.extract<int>(); }), ARENA_ENOARENA);
    auto again = carrying.retain();
    assert_ptr_equal(again.raw(), carrying.raw());
    carrying = libarena::context();
    parent.cancel();
    assert_int_equal(again.status(), ARENA_ECANCELED);
    assert_int_equal(thrown([&] { again.check_running(); }), ARENA_ECANCELED);
    assert_int_equal(libarena::context::with_timeout(std::chrono::hours::max()).status(), ARENA_OK);
    assert_int_equal(libarena::context::with_timeout(std::chrono::hours::min()).status(), ARENA_ETIMEDOUT);
    assert_int_equal(libarena::context::with_deadline(arena_clock_now()).status(), ARENA_ETIMEDOUT);
    assert_int_equal(libarena::context::with_deadline(INT64_MAX, parent).status(), ARENA_ECANCELED);
}

} // namespace

int main() { return support_run("the C++ face"); }
