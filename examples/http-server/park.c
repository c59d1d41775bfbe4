/* SPDX-License-Identifier: MIT */
#include "park.h"

#include <time.h>

static void wait_until(struct park *park, int64_t due_ns) {
    const struct timespec due = {due_ns / 1000000000, due_ns % 1000000000};
    pthread_cond_timedwait(&park->changed, &park->lock, &due);
}

/* The connection is asked for first: once it goes on the request may be over at any moment. */
static void answer(const struct parked *parked, bool stopping) {
    struct arena_request *request = parked->request;
    struct MHD_Connection *connection = arena_request_connection(request);
    if (stopping) {
        (void)call_answer(request, MHD_HTTP_SERVICE_UNAVAILABLE, CONTENT_TEXT, "the server stops\n");
    } else {
        (void)call_answer(request, MHD_HTTP_OK, CONTENT_TEXT, "waited\n");
    }
    MHD_resume_connection(connection);
    arena_request_release(request); /* and with it goes `parked`, which lies in its arena */
}

static void *run(void *user) {
    struct park *park = user;
    pthread_mutex_lock(&park->lock);
    while (!park->stopping) {
        struct parked *first = park->first;
        if (first == NULL) {
            pthread_cond_wait(&park->changed, &park->lock);
        } else if (arena_clock_now() < first->due_ns) {
            wait_until(park, first->due_ns);
        } else {
            park->first = first->next;
            answer(first, false);
        }
    }
    while (park->first != NULL) {
        struct parked *first = park->first;
        park->first = first->next;
        answer(first, true);
    }
    pthread_mutex_unlock(&park->lock);
    return NULL;
}

bool park_start(struct park *park, bool suspends) {
    pthread_condattr_t attributes;
    park->first = NULL;
    park->stopping = false;
    park->suspends = suspends;
    if (pthread_mutex_init(&park->lock, NULL) != 0) return false;
    /* arena_clock_now's clock. */
    bool made = pthread_condattr_init(&attributes) == 0;
    made = made && pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(&park->changed, &attributes) == 0;
    if (made && pthread_create(&park->thread, NULL, run, park) == 0) return true;
    if (made) pthread_cond_destroy(&park->changed);
    pthread_mutex_destroy(&park->lock);
    return false;
}

void park_stop(struct park *park) {
    pthread_mutex_lock(&park->lock);
    bool first = !park->stopping;
    park->stopping = true;
    pthread_cond_broadcast(&park->changed);
    pthread_mutex_unlock(&park->lock);
    if (first) pthread_join(park->thread, NULL);
}

void park_destroy(struct park *park) {
    park_stop(park);
    pthread_cond_destroy(&park->changed);
    pthread_mutex_destroy(&park->lock);
}

static enum MHD_Result wait_here(struct park *park, struct arena_request *request, int64_t due_ns) {
    pthread_mutex_lock(&park->lock);
    while (!park->stopping && arena_clock_now() < due_ns) wait_until(park, due_ns);
    bool stopping = park->stopping;
    pthread_mutex_unlock(&park->lock);
    if (stopping) return call_answer(request, MHD_HTTP_SERVICE_UNAVAILABLE, CONTENT_TEXT, "the server stops\n");
    return call_answer(request, MHD_HTTP_OK, CONTENT_TEXT, "waited\n");
}

enum MHD_Result park_answer(struct park *park, struct arena_request *request, int64_t wait_ns) {
    int64_t due_ns = arena_clock_now() + wait_ns;
    if (!park->suspends) return wait_here(park, request, due_ns);
    struct parked *parked = arena_bytes_try_alloc_raw(call_arena(request), sizeof(*parked), 0);
    if (parked == NULL) return call_answer(request, MHD_HTTP_CONTENT_TOO_LARGE, CONTENT_TEXT, NULL);
    parked->due_ns = due_ns;
    pthread_mutex_lock(&park->lock);
    bool parks = !park->stopping;
    if (parks) {
        parked->request = arena_request_retain(request);
        struct parked **place = &park->first;
        while (*place != NULL && (*place)->due_ns <= due_ns) place = &(*place)->next;
        parked->next = *place;
        *place = parked;
        MHD_suspend_connection(arena_request_connection(request));
        pthread_cond_signal(&park->changed);
    }
    pthread_mutex_unlock(&park->lock);
    if (parks) return MHD_YES;
    return call_answer(request, MHD_HTTP_SERVICE_UNAVAILABLE, CONTENT_TEXT, "the server stops\n");
}
