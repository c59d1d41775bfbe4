/* SPDX-License-Identifier: MIT */
/* The pool (src/sync/stack.c, src/api/pool.c, src/runtime/locals.c) as a protocol: the shared store with its tagged head,
 * the caches of threads, and threads that end beside the destruction of the pool.
 *
 * One step here is one atomic operation there.  Popping is: load the head; read the links of up to BATCH nodes; swap the
 * head, with the next tag.  Pushing is: load the head; write the link; swap.
 *
 *   THREADS threads, each checks out and gives back ROUNDS times, with a cache of CACHE arenas, and ends: its cache goes
 *   back to the store under the registry's mutex.
 *   the destroyer, as soon as every checked-out arena is back, destroys the pool while threads still end.
 *
 * Checked by assertions: an arena is in one place (the store, one cache, out); a swap that succeeds takes the nodes that
 * are linked at that moment (no ABA); a thread's share is claimed by the thread or by the destroyer, not by both, and
 * nobody touches the store of a pool that was destroyed; none is lost.
 *
 * Planted mistakes: NO_TAG, NO_CLAIM.
 */
#ifndef THREADS
#define THREADS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef NODES
#define NODES 3
#endif
#ifndef CACHE
#define CACHE 1
#endif
#define BATCH 2

#define NONE 0    /* the index of no node */
#define STORE 100 /* where a node is: the store; a thread's number + 1: its cache or its hands */
#define GONE 101

/* the head of the store, one word */
byte head = NONE;
byte tag = 0;
byte link[NODES + 1];
byte place[NODES + 1]; /* for the assertions */
byte made = 0;

/* the registry */
bool registry = false;
short settled = 0;
short balance[THREADS];
byte cache[THREADS]; /* one node, or NONE */
bool joined[THREADS];
byte finished = 0;
bool destroyed = false;

inline push(node) {
    do
    :: true ->
        d_step { assert(!destroyed); old_head = head; old_tag = tag };
        link[node] = old_head;
        if
        :: atomic {
                head == old_head && tag == old_tag ->
                head = node;
                assert(place[node] == _pid + 1);
                place[node] = STORE
            };
            break
        :: atomic { !(head == old_head && tag == old_tag) -> skip }
        fi
    od;
    skip
}

/* One or two nodes into first and second. */
inline pop() {
    do
    :: true ->
        d_step { assert(!destroyed); old_head = head; old_tag = tag; second = NONE };
        first = old_head;
        if
        :: first == NONE -> break
        :: else
        fi;
        after = link[first];
        if
        :: after != NONE -> second = after; after = link[second]
        :: true /* at most one is wanted */
        fi;
        if
        :: atomic {
                head == old_head && tag == old_tag ->
                head = after;
#ifndef NO_TAG
                tag++;
#endif
                /* what was read long ago is what is there */
                assert(place[first] == STORE && (second == NONE || place[second] == STORE));
                assert(second == NONE -> link[first] == after : link[first] == second && link[second] == after);
                place[first] = _pid + 1;
                if
                :: second != NONE -> place[second] = _pid + 1
                :: else
                fi
            };
            break
        :: atomic { !(head == old_head && tag == old_tag) -> skip }
        fi
    od;
    skip
}

active[THREADS] proctype thread() {
    byte round = 0;
    byte old_head, old_tag, first, second, after, mine;

    /* locals_make */
    atomic { !registry -> registry = true };
    d_step { joined[_pid] = true; balance[_pid] = 0; cache[_pid] = NONE };
    registry = false;

    do
    :: round < ROUNDS ->
        /* checkout */
        if
        :: cache[_pid] != NONE -> d_step { mine = cache[_pid]; cache[_pid] = NONE }
        :: else ->
            pop();
            mine = first;
            if
            :: mine == NONE -> /* make one, or go without */
                if
                :: atomic { made < NODES -> made++; mine = made; place[mine] = _pid + 1 }
                :: atomic { made >= NODES -> skip }
                fi
            :: second != NONE -> assert(cache[_pid] == NONE); cache[_pid] = second
            :: else
            fi
        fi;
        first = NONE;
        second = NONE;
        after = NONE;
        if
        :: mine != NONE ->
            d_step { assert(place[mine] == _pid + 1); balance[_pid]++ };
            /* it is out; and goes back */
            if
            :: cache[_pid] != NONE || CACHE == 0 -> push(mine)
            :: cache[_pid] == NONE && CACHE != 0 -> cache[_pid] = mine
            fi;
            d_step { balance[_pid]--; mine = NONE; old_head = 0; old_tag = 0 }
        :: else
        fi;
        round++
    :: else -> break
    od;
    finished++; /* no call of this thread on the pool comes after this */

    /* thread_ended */
    atomic { !registry -> registry = true };
#ifndef NO_CLAIM
    if
    :: joined[_pid] ->
#else
    if
    :: true ->
#endif
        if
        :: cache[_pid] != NONE -> first = cache[_pid]; cache[_pid] = NONE; push(first); first = NONE
        :: else
        fi;
        assert(!destroyed);
        d_step { settled = settled + balance[_pid]; joined[_pid] = false }
#ifndef NO_CLAIM
    :: else
#endif
    fi;
    registry = false
}

active proctype destroyer() {
    byte i;
    short sum;
    finished == THREADS; /* the contract: no call beside it, but threads may end beside it */
    /* locals_leave */
    atomic { !registry -> registry = true };
    d_step {
        sum = settled;
        i = 0;
        do
        :: i < THREADS -> sum = (joined[i] -> sum + balance[i] : sum); i++
        :: else -> break
        od;
        assert(sum == 0);
        i = 0;
        do
        :: i < THREADS -> joined[i] = false; i++
        :: else -> break
        od
    };
    registry = false;
    /* every node of the table is freed, wherever it hangs: none is out, none is lost */
    d_step {
        i = 1;
        do
        :: i <= made -> assert(place[i] != GONE); place[i] = GONE; i++
        :: else -> break
        od;
        destroyed = true
    }
}
