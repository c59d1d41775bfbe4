/* SPDX-License-Identifier: MIT */
/* The pool (src/api/pool.c, pool_cache.c, pool_store.c; src/runtime/locals.c, src/sync/stack.c) as a protocol: the shared
 * store with its tagged head; what a thread keeps, looked at inside of a bracket; the hot arena, which a scope takes and
 * gives back by a flag alone; trims that visit other threads' caches; threads that end beside the destruction of the pool.
 *
 * One step here is one atomic operation there, or what a thread does to memory that is its own at that moment.  Memory is
 * sequentially consistent here, so the barriers of the bracket are none; tests/model has them.  One store stands for the
 * warm and the cold one.  Room, weights and counts are left out: whether a cache has room is chosen freely.
 *
 *   THREADS threads, each has an arena ROUNDS times, by a scope or by a checkout, with a cache of one arena and a hot
 *   one; then it ends: what it keeps goes to the store under the registry's mutex.
 *   the trimmer, TRIMS times: it closes the pool's entries, waits for who is inside of a bracket, or asks him, and frees
 *   what is idle in the caches and in the store.
 *   the destroyer, when no call is under way any more, destroys the pool while threads still end.
 *
 * Checked by assertions: an arena is in one place (the store, one cache, out, freed); a swap that succeeds takes the node
 * that is linked at that moment (no ABA); a cache is looked at by one at a time; what is freed is idle, and what a thread
 * has is not freed; a thread's share is claimed by the thread or by the destroyer, not by both; nobody touches the store
 * of a pool that was destroyed.  By the search for ends: nobody waits for ever.
 *
 * Planted mistakes: NO_TAG, NO_CLAIM, NO_WAIT (the trimmer does not wait for who is inside), IDLE_EARLY (a scope says that
 * its arena is idle before it is done with it).
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef NODES
#define NODES 2
#endif
#ifndef TRIMS
#define TRIMS 1
#endif

#define NONE 0 /* no arena */
/* where an arena is; else a thread's number + 1: its cache or its hands */
#define FREED 0
#define STORE 100
#define CHAIN 101

/* the head of the store, one word */
byte head = NONE;
byte tag = 0;
byte link[NODES + 1];

byte place[NODES + 1];
bool idle[NODES + 1];

/* the registry, and what each thread has of the pool */
bool registry = false;
bool closed = false;
byte asked = 0;
bool asks[THREADS];
bool busy[THREADS];
bool joined[THREADS];
byte item[THREADS];
byte hot[THREADS];
bool inside[THREADS]; /* for the assertions: somebody looks at the entry */
byte finished = 0;
bool destroyed = false;

#define LOCK atomic { !registry -> registry = true }
#define UNLOCK registry = false

inline push(node) {
    do
    :: true ->
        d_step { assert(!destroyed); old_head = head; old_tag = tag };
        link[node] = old_head;
        if
        :: atomic {
                head == old_head && tag == old_tag ->
                head = node;
                assert(idle[node] && place[node] != STORE && place[node] != FREED);
                place[node] = STORE
            };
            break
        :: atomic { !(head == old_head && tag == old_tag) -> skip }
        fi
    od;
    skip;
    d_step { old_head = 0; old_tag = 0 }
}

/* A node into `node`, which is then at `to`. */
inline pop(node, to) {
    do
    :: true ->
        d_step { assert(!destroyed); old_head = head; old_tag = tag; node = head };
        if
        :: node == NONE -> break
        :: else
        fi;
        after = link[node];
        if
        :: atomic {
                head == old_head && tag == old_tag ->
                head = after;
#ifndef NO_TAG
                tag++;
#endif
                /* what was read long ago is what is there */
                assert(place[node] == STORE && link[node] == after);
                place[node] = to
            };
            break
        :: atomic { !(head == old_head && tag == old_tag) -> skip }
        fi
    od;
    skip;
    d_step { old_head = 0; old_tag = 0; after = 0 }
}

#define ENTER(who) d_step { assert(!inside[who]); inside[who] = true }
#define LEAVE(who) inside[who] = false

/* locals_open: inside of the bracket, or with the mutex, where a question is answered. */
inline open() {
    busy[_pid] = true;
    if
    :: !closed -> ENTER(_pid)
    :: closed ->
        busy[_pid] = false;
        LOCK;
        locked = true;
        ENTER(_pid);
        if
        :: asks[_pid] ->
            d_step { asks[_pid] = false; asked-- };
            flush(_pid);
            if
            :: asked == 0 -> closed = false
            :: else
            fi
        :: else
        fi
    fi
}
inline close() {
    LEAVE(_pid);
    if
    :: locked -> locked = false; UNLOCK
    :: else -> busy[_pid] = false
    fi
}

/* pool_flush: what is idle goes to the store. */
inline flush(who) {
    if
    :: item[who] != NONE -> node = item[who]; item[who] = NONE; push(node)
    :: else
    fi;
    if
    :: hot[who] != NONE && idle[hot[who]] -> node = hot[who]; hot[who] = NONE; push(node)
    :: else -> hot[who] = NONE
    fi;
    node = NONE
}

/* Into the thread's cache, or into the store. */
inline put(keeps_hot) {
    open();
    if
    :: keeps_hot && hot[_pid] == NONE -> hot[_pid] = mine; kept = true
    :: !keeps_hot && item[_pid] == NONE -> item[_pid] = mine; kept = true
    :: true /* no room */
    fi;
    close();
    if
    :: !kept -> push(mine)
    :: else
    fi;
    kept = false
}

active[THREADS] proctype thread() {
    byte round = 0;
    byte mine, node, old_head, old_tag, after;
    bool locked, kept, scope;

    LOCK;
    joined[_pid] = true;
    if
    :: d_step {
            _pid == 0 && NODES == 2 && place[1] == FREED && place[2] == FREED -> /* it has had two at a time */
            place[1] = 1; idle[1] = true; item[0] = 1; place[2] = 1; idle[2] = true; hot[0] = 2
        }
    :: true
    fi;
    UNLOCK;

    do
    :: round < ROUNDS ->
        if
        :: scope = true
        :: scope = false
        fi;
        /* the steady state of a scope, and else what the cache has */
        open();
        if
        :: scope && hot[_pid] != NONE && idle[hot[_pid]] -> d_step { mine = hot[_pid]; idle[mine] = false }
        :: else ->
            if
            :: item[_pid] != NONE -> d_step { mine = item[_pid]; item[_pid] = NONE }
            :: item[_pid] == NONE && hot[_pid] != NONE && idle[hot[_pid]] ->
                d_step { mine = hot[_pid]; hot[_pid] = NONE }
            :: else
            fi
        fi;
        close();
        if
        :: mine == NONE -> pop(mine, _pid + 1)
        :: else
        fi;
        if
        :: mine == NONE -> /* make one, or go without */
            if
            :: atomic { place[1] == FREED -> mine = 1; place[1] = _pid + 1 }
            :: atomic { NODES > 1 && place[NODES] == FREED -> mine = NODES; place[NODES] = _pid + 1 }
            :: true
            fi
        :: else
        fi;
        if
        :: mine != NONE ->
            d_step { assert(place[mine] == _pid + 1); idle[mine] = false };
            if
            :: scope && hot[_pid] != mine -> /* pool_warm */
                open();
                if
                :: hot[_pid] == NONE -> hot[_pid] = mine
                :: else
                fi;
                close()
            :: else
            fi;
            /* it is out; and goes back */
            if
            :: hot[_pid] == mine -> /* by the flag alone */
#ifdef IDLE_EARLY
                idle[mine] = true;
                assert(place[mine] == _pid + 1)
#else
                d_step { assert(place[mine] == _pid + 1); idle[mine] = true }
#endif
            :: hot[_pid] == mine -> /* it leaves its place, unless an answer took it out, is weighed, and comes back */
                open();
                if
                :: hot[_pid] == mine -> hot[_pid] = NONE
                :: else
                fi;
                close();
                d_step { assert(place[mine] == _pid + 1); idle[mine] = true };
                put(true)
            :: hot[_pid] != mine ->
                d_step { assert(place[mine] == _pid + 1); idle[mine] = true };
                put(false)
            fi
        :: else
        fi;
        d_step { mine = NONE; scope = false; round++ }
    :: else -> break
    od;
    finished++; /* no call of this thread on the pool comes after this */

    /* thread_exit_hook */
    LOCK;
#ifndef NO_CLAIM
    if
    :: joined[_pid] ->
#else
    if
    :: true ->
#endif
        ENTER(_pid);
        flush(_pid);
        assert(!destroyed);
        if
        :: asks[_pid] ->
            d_step { asks[_pid] = false; asked--; closed = (asked != 0) }
        :: else
        fi;
        joined[_pid] = false;
        LEAVE(_pid)
#ifndef NO_CLAIM
    :: else
#endif
    fi;
    UNLOCK
}

inline release(node) {
    d_step { assert(idle[node] && place[node] != STORE); place[node] = FREED }
}

/* The thread's arena goes to the chain. */
inline take_idle(node) {
    d_step { assert(place[node] == i + 1); place[node] = CHAIN; link[node] = chain; chain = node }
}

active proctype trimmer() {
    byte trim = 0;
    byte i, node, chain, old_head, old_tag, after;

    do
    :: trim < TRIMS ->
        LOCK;
        closed = true;
        i = 0;
        do
        :: i < THREADS && !joined[i] -> i++
        :: i < THREADS && joined[i] ->
            if
#ifdef NO_WAIT
            :: true ->
#else
            :: !busy[i] ->
#endif
                ENTER(i);
                if
                :: asks[i] -> asks[i] = false; asked--
                :: else
                fi;
                if
                :: item[i] != NONE -> take_idle(item[i]); item[i] = NONE
                :: else
                fi;
                if
                :: hot[i] != NONE && idle[hot[i]] -> take_idle(hot[i]); hot[i] = NONE
                :: else
                fi;
                LEAVE(i)
            :: busy[i] -> /* for too long */
                if
                :: !asks[i] -> asks[i] = true; asked++
                :: else
                fi
            fi;
            i++
        :: else -> break
        od;
        if
        :: asked == 0 -> closed = false
        :: else
        fi;
        UNLOCK;
        do
        :: chain != NONE -> d_step { node = chain; chain = link[chain] }; release(node)
        :: else -> break
        od;
        do
        :: pop(node, CHAIN);
            if
            :: node == NONE -> break
            :: else -> release(node)
            fi
        od;
        skip;
        d_step { i = 0; node = NONE; trim++ }
    :: else -> break
    od;
    finished++
}

active proctype destroyer() {
    byte i;
    finished == THREADS + 1; /* the contract: no call beside it, but threads may end beside it */
    LOCK;
    d_step {
        i = 1;
        do
        :: i <= NODES -> assert(place[i] == FREED || idle[i]); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < THREADS -> joined[i] = false; i++
        :: else -> break
        od
    };
    UNLOCK;
    /* every arena is freed, wherever it is: none is out, none is lost in a chain */
    d_step {
        i = 1;
        do
        :: i <= NODES -> assert(place[i] != CHAIN); place[i] = FREED; i++
        :: else -> break
        od;
        destroyed = true
    }
}
