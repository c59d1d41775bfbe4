/* SPDX-License-Identifier: MIT */
/* A team of threads that runs rounds together, and times them by the wall.
 *
 * A round begins when all threads have arrived at the start, and lasts from the first thread's first operation to the
 * last thread's last one.  The thread that calls waits asleep, so that it takes no core from the team.  Each thread has
 * a processor given to it, in turn: a round is too short for the scheduler to move one of two that it woke on the same
 * processor, and would then time the scheduler.
 */
#ifndef BENCH_TEAM_HPP
#define BENCH_TEAM_HPP

#include "bench.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include <pthread.h>
#include <sched.h>
#include <time.h>

inline int64_t wall_now() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

/* The median of some rounds, each timed by round(): one that another process interrupts does not count.  As many as
 * fit into 50 ms, from one to five. */
template <class F> int64_t typical_round(F round) {
    std::vector<int64_t> times;
    const int64_t start = wall_now();
    do times.push_back(round());
    while (times.size() < 5 && wall_now() - start < 50000000);
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    return times[times.size() / 2];
}

class team {
public:
    explicit team(unsigned size) : size_(size), begun_(size), ended_(size) {
        for (unsigned id = 0; id < size; id++) threads_.emplace_back([this, id] { serve(id); });
    }
    ~team() {
        round({});
        for (auto &thread : threads_) thread.join();
    }
    /* Runs work(id) on every thread; the nanoseconds of the round.  An empty function ends the threads. */
    int64_t round(const std::function<void(unsigned)> &work) {
        std::unique_lock<std::mutex> lock(mutex_);
        work_ = work;
        arrived_.store(0);
        left_ = size_;
        generation_++;
        go_.notify_all();
        done_.wait(lock, [this] { return left_ == 0; });
        return *std::max_element(ended_.begin(), ended_.end()) - *std::min_element(begun_.begin(), begun_.end());
    }
    unsigned size() const { return size_; }

private:
    /* The id-th of the processors that this process may use, and round again. */
    static void stay(unsigned id) {
        cpu_set_t allowed;
        if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
        unsigned count = static_cast<unsigned>(CPU_COUNT(&allowed));
        unsigned left = id % count;
        for (unsigned processor = 0; processor < CPU_SETSIZE; processor++) {
            if (!CPU_ISSET(processor, &allowed) || left-- != 0) continue;
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(processor, &one);
            (void)pthread_setaffinity_np(pthread_self(), sizeof one, &one);
            return;
        }
    }

    void serve(unsigned id) {
        stay(id);
        uint64_t seen = 0;
        for (;;) {
            std::function<void(unsigned)> work;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                go_.wait(lock, [&] { return generation_ != seen; });
                seen = generation_;
                work = work_;
            }
            arrived_.fetch_add(1);
            for (unsigned spins = 0; work && arrived_.load() < size_; spins++)
                if (spins > 1000) std::this_thread::yield();
            begun_[id] = wall_now();
            if (work) work(id);
            ended_[id] = wall_now();
            std::lock_guard<std::mutex> lock(mutex_);
            if (--left_ == 0) done_.notify_one();
            if (!work) return;
        }
    }

    const unsigned size_;
    std::mutex mutex_;
    std::condition_variable go_, done_;
    std::function<void(unsigned)> work_;
    uint64_t generation_ = 0;
    unsigned left_ = 0;
    std::atomic<unsigned> arrived_{0};
    std::vector<int64_t> begun_, ended_;
    std::vector<std::thread> threads_;
};

#endif
