/* SPDX-License-Identifier: MIT */
/* libarena: a part of the typed face, which arena/template.h includes and ARENA_DEFINE is made of: struct arena_pool.
 * What a function does, and how it fails, arena/pool.h says of its namesake. */

/* --- the handle --------------------------------------------------------------------------------------------------- */

/* The handle as the erased functions take it: the same pointer under another tag. */
ARENA_INLINE struct arena_pool *ARENA_F(pool_raw)(const struct ARENA_POOL *pool) {
    return (struct arena_pool *)(uintptr_t)pool;
}

/* And back; panics where it is a pool of another type.  NULL stays NULL. */
ARENA_INLINE struct ARENA_POOL *ARENA_F(pool_from_raw)(struct arena_pool *pool) {
    if (pool != NULL && !arena_type_equal(arena_pool_type_of(pool), ARENA_F(type)()))
        arena_panic_type(ARENA_F(type)()->name, arena_pool_type_of(pool));
    return (struct ARENA_POOL *)(void *)pool;
}

/* NULL: out of memory, too large, or options that are not understood. */
ARENA_INLINE ARENA_NODISCARD struct ARENA_POOL *ARENA_F(pool_create_with)(size_t capacity,
                                                                          const struct arena_pool_options *options) {
    struct arena_pool *pool = NULL;
    (void)!arena_pool_create_with(ARENA_F(type)(), capacity, options, &pool);
    return (struct ARENA_POOL *)(void *)pool;
}

ARENA_INLINE ARENA_NODISCARD struct ARENA_POOL *ARENA_F(pool_create)(size_t capacity) {
    return ARENA_F(pool_create_with)(capacity, NULL);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(pool_destroy)(struct ARENA_POOL *pool) {
    return arena_pool_destroy(ARENA_F(pool_raw)(pool));
}

ARENA_INLINE void ARENA_F(pool_trim)(struct ARENA_POOL *pool) { arena_pool_trim(ARENA_F(pool_raw)(pool)); }

ARENA_INLINE size_t ARENA_F(pool_arena_cap)(const struct ARENA_POOL *pool) {
    return arena_pool_arena_cap(ARENA_F(pool_raw)(pool));
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(pool_get_stats)(const struct ARENA_POOL *pool, struct arena_pool_stats *out) {
    return arena_pool_get_stats(ARENA_F(pool_raw)(pool), out);
}

/* --- execute ------------------------------------------------------------------------------------------------------ */

/* The action goes through a function of the right type: to call it through a cast pointer would be undefined. */
struct ARENA_PRIVATE_F(action) {
    void (*action)(struct ARENA_PREFIX *arena, void *user);
    void *user;
};

ARENA_CALLBACK_ void ARENA_PRIVATE_F(run)(ARENA_ARENA_ *arena, void *user) {
    const struct ARENA_PRIVATE_F(action) *call = (const struct ARENA_PRIVATE_F(action) *)user;
    call->action((struct ARENA_PREFIX *)(void *)arena, call->user);
}

ARENA_INLINE ARENA_NODISCARD int
ARENA_F(pool_execute)(struct ARENA_POOL *pool, void (*action)(struct ARENA_PREFIX *arena, void *user), void *user) {
    struct ARENA_PRIVATE_F(action) call;
    call.action = action;
    call.user = user;
    return arena_pool_execute(ARENA_F(pool_raw)(pool), action == NULL ? NULL : ARENA_PRIVATE_F(run), &call);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(pool_execute_context)(struct ARENA_POOL *pool, struct arena_context *context,
                                                               void (*action)(struct ARENA_PREFIX *arena, void *user),
                                                               void *user) {
    struct ARENA_PRIVATE_F(action) call;
    call.action = action;
    call.user = user;
    return arena_pool_execute_context(ARENA_F(pool_raw)(pool), context, action == NULL ? NULL : ARENA_PRIVATE_F(run),
                                      &call);
}

/* --- scopes ------------------------------------------------------------------------------------------------------- */

/* The arena of a scope is a raw one: prefix_from_raw(scope.arena). */
ARENA_INLINE ARENA_NODISCARD int ARENA_F(pool_scope_enter)(struct ARENA_POOL *pool, struct arena_pool_scope *out) {
    return arena_pool_scope_enter(ARENA_F(pool_raw)(pool), out);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(pool_scope_enter_context)(struct ARENA_POOL *pool,
                                                                   struct arena_context *context,
                                                                   struct arena_pool_scope *out) {
    return arena_pool_scope_enter_context(ARENA_F(pool_raw)(pool), context, out);
}

/* --- checkout and return ------------------------------------------------------------------------------------------ */

ARENA_INLINE ARENA_NODISCARD int ARENA_F(pool_checkout)(struct ARENA_POOL *pool, struct ARENA_PREFIX **out) {
    ARENA_ARENA_ *arena = NULL;
    int status = arena_pool_checkout(ARENA_F(pool_raw)(pool), out == NULL ? NULL : &arena);
    if (out != NULL) *out = (struct ARENA_PREFIX *)(void *)arena;
    return status;
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(pool_checkout_context)(struct ARENA_POOL *pool, struct arena_context *context,
                                                                struct ARENA_PREFIX **out) {
    ARENA_ARENA_ *arena = NULL;
    int status = arena_pool_checkout_context(ARENA_F(pool_raw)(pool), context, out == NULL ? NULL : &arena);
    if (out != NULL) *out = (struct ARENA_PREFIX *)(void *)arena;
    return status;
}

ARENA_INLINE void ARENA_F(pool_return)(struct ARENA_POOL *pool, struct ARENA_PREFIX *arena) {
    arena_pool_return(ARENA_F(pool_raw)(pool), ARENA_F(raw)(arena));
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(pool_return_checked)(struct ARENA_POOL *pool, struct ARENA_PREFIX *arena) {
    return arena_pool_return_checked(ARENA_F(pool_raw)(pool), ARENA_F(raw)(arena));
}

ARENA_INLINE struct ARENA_POOL *ARENA_F(pool_of)(const struct ARENA_PREFIX *arena) {
    return (struct ARENA_POOL *)(void *)arena_pool_of(ARENA_F(raw)(arena));
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(pool_claim)(struct ARENA_PREFIX *arena) {
    return arena_pool_claim(ARENA_F(raw)(arena));
}

ARENA_INLINE void ARENA_F(pool_return_claimed)(struct ARENA_PREFIX *arena) {
    arena_pool_return_claimed(ARENA_F(raw)(arena));
}
