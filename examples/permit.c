/* SPDX-License-Identifier: MIT */
/* A permit: the arena behind the gate for a task that moves between threads. */
#include <arena/arena.h>

#include <pthread.h>
#include <stdio.h>

ARENA_DEFINE(numbers, int)

struct task {
    struct numbers_concurrent *arena;
    struct arena_permit permit;
};

/* The second half of the task, on whichever thread it goes on. */
static void *finish(void *user) {
    struct task *task = user;
    numbers_alloc(numbers_from_raw(task->permit.arena), 2);
    if (numbers_concurrent_release_permit(task->arena, &task->permit) != ARENA_OK) return NULL;
    puts("released elsewhere");
    return NULL;
}

int main(void) {
    struct task task = {numbers_concurrent_create(10), {NULL, 0}};
    pthread_t thread;
    if (task.arena == NULL) return 1;
    if (numbers_concurrent_acquire_permit(task.arena, NULL, &task.permit) != ARENA_OK) return 1;
    numbers_alloc(numbers_from_raw(task.permit.arena), 1); /* through the permit; anything else waits, here as well */
    if (pthread_create(&thread, NULL, finish, &task) != 0) return 1;
    (void)pthread_join(thread, NULL);
    numbers_concurrent_alloc(task.arena, 3);
    printf("%zu numbers\n", numbers_concurrent_used(task.arena));
    puts(arena_strerror(numbers_concurrent_release_permit(task.arena, &task.permit))); /* once is enough */
    numbers_concurrent_destroy(task.arena);
    return 0;
}
