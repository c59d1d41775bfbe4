/* SPDX-License-Identifier: MIT */
/* platform/stack.h by pthread_getattr_np, which glibc and musl have. */
#define _GNU_SOURCE
#include "platform/stack.h"

#include <pthread.h>
#include <signal.h>

bool stack_holds(uintptr_t one, uintptr_t other) {
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return false;
    void *address = NULL;
    size_t size = 0; /* where it is not known: nothing lies in it */
    (void)pthread_attr_getstack(&attributes, &address, &size);
    (void)pthread_attr_destroy(&attributes);
    uintptr_t begin = (uintptr_t)address;
    return one - begin < size && other - begin < size;
}

bool stack_of_signals(void) {
    stack_t stack = {.ss_flags = 0};
    (void)sigaltstack(NULL, &stack);
    return (stack.ss_flags & SS_ONSTACK) != 0;
}
