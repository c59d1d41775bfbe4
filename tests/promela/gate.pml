/* SPDX-License-Identifier: MIT */
/* The gate (src/sync/gate.c) as a protocol.
 *
 * One step here is one operation on the gate's word there, together with what is done to the fields that the gate's
 * mutex guards; a loop around a compare and swap is one step, because only its last round changes anything.  Names are
 * those of the source.
 *
 *   waiters     WAITERS threads that enter, hold a permit, and leave: each as often as ROUNDS says; 0: waiter 0 once, the
 *               others for ever
 *   cancellers  CANCELLERS, each cancels one wait of its choice: first the cause, later the signal (cancel_trigger)
 *   a timer     lets TIMERS deadlines pass, which nobody signals
 *   a killer    cancels KILLS threads in their wait (pthread_cancel: abandon)
 *   the clock   lets the head of the queue have waited for GATE_HANDOFF_NS
 *   a holder    gives LATE of the HELD permits back that were taken at the start
 *
 * Checked by assertions, in every state: as many are inside as there are permits, at most; permits are conserved; a free
 * permit beside a head of the queue that looked in vain has somebody on the way to it; a head that has waited long is
 * woken at most once more without being granted (bounded overtaking); at the end the gate is as it was at the start.
 * By the absence of invalid end states: nobody sleeps for ever.  By ltl, with weak fairness, where the others never stop:
 * every wait ends; and where nobody gives back: every cancelled wait ends.
 *
 * Planted mistakes, to see that the model notices: NO_CHAIN, NO_PASS_ON, NO_HANDOFF, KEEP_MARK.
 */
#ifndef WAITERS
#define WAITERS 3
#endif
#ifndef PERMITS
#define PERMITS 1
#endif
#ifndef HELD /* permits that a holder never gives back */
#define HELD 0
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef CANCELLERS
#define CANCELLERS 0
#endif
#ifndef TIMERS
#define TIMERS 0
#endif
#ifndef KILLS
#define KILLS 0
#endif

#ifndef LATE /* of these, how many it does give back in the end */
#define LATE 0
#endif

#define NOBODY 255

/* A lock under which nobody starves, for the runs with fairness: the mutex is held for a few instructions, and the
 * question is not whether it is fair. */
#ifdef FAIR
#define TICKETS (WAITERS + 2)
byte tickets = 0;
byte serving = 0;
#define LINE_UP atomic { mine = tickets; tickets = (tickets + 1) % TICKETS }
#define FREE (!mutex && serving == mine)
#define UNLOCK mutex = false; mine = 0; serving = (serving + 1) % TICKETS
#else
#define LINE_UP skip
#define FREE (!mutex)
#define UNLOCK mutex = false
#endif

/* the word */
byte permits = PERMITS - HELD;
bool marked_waiters = false;
bool marked_woken = false;

/* under the mutex */
bool mutex = false;
byte queue[WAITERS + 1];
byte queued = 0;
bool granted[WAITERS];
bool woken[WAITERS];
bool old = false; /* the head has waited for GATE_HANDOFF_NS */

/* of the waiters */
bool signalled[WAITERS];
bool waits[WAITERS];   /* registered with its context */
bool ended[WAITERS];   /* the context of its wait: cancelled or past its deadline */
bool expired[WAITERS]; /* past its deadline: the waiter sees to that itself */
bool killed[WAITERS];
byte done = 0; /* how many waiters have done their rounds */
bool first_done = false;

/* for the assertions */
byte inside = 0;
byte taken = HELD;
bool looked[WAITERS]; /* in vain, since it joined the queue */
byte woken_when_old = 0;

#define CONSERVED assert(permits + taken == PERMITS)

/* In one step with what comes before. */
inline queue_remove(who) {
    at = 0;
    do
    :: at < queued && queue[at] != who -> at++
    :: else -> break
    od;
    if
    :: at < queued ->
        if
        :: at == 0 -> old = false; woken_when_old = 0
        :: else
        fi;
        queued--;
        looked[who] = false;
        do
        :: at < queued -> queue[at] = queue[at + 1]; at++
        :: else -> break
        od;
        queue[queued] = 0
    :: else
    fi;
    at = 0
}

/* The last of the queue clears the mark: a step on the word. */
inline clear_waiters() {
    if
    :: queued == 0 -> marked_waiters = false
    :: else
    fi
}

inline wake_head() {
    next = queue[0];
    woken[next] = true;
    if
    :: old -> woken_when_old++; assert(woken_when_old <= 1)
    :: else
    fi
}

/* In one step: the read of the word told what only the mutex can change. */
inline put_back() {
    if
    :: queued == 0 || marked_woken -> d_step { permits++; taken--; CONSERVED; UNLOCK }
#ifndef NO_HANDOFF
    :: queued != 0 && !marked_woken && old ->
        d_step { next = queue[0]; queue_remove(next); granted[next] = true };
        d_step { clear_waiters(); UNLOCK }
    :: queued != 0 && !marked_woken && !old ->
#else
    :: queued != 0 && !marked_woken ->
#endif
        d_step { wake_head(); permits++; taken--; marked_woken = true; CONSERVED; UNLOCK }
    fi
}

/* WOKEN has just been cleared.  The last step frees the mutex. */
inline wake_next() {
#ifndef NO_CHAIN
    if
    :: atomic { queued != 0 && permits != 0 -> skip }; d_step { wake_head(); marked_woken = true; UNLOCK }
    :: atomic { queued == 0 || permits == 0 -> UNLOCK }
    fi
#else
    d_step { UNLOCK }
#endif
}

inline signal_next() {
    if
    :: next != NOBODY -> d_step { signalled[next] = true; next = NOBODY }
    :: else
    fi
}

inline leave() {
    if
    :: atomic { !(marked_waiters && !marked_woken) -> permits++; taken--; CONSERVED }
    :: atomic { marked_waiters && !marked_woken -> skip };
        LINE_UP;
        atomic { FREE -> mutex = true };
        put_back();
        signal_next()
    fi
}

inline withdraw(who) {
    LINE_UP;
    atomic {
        FREE -> mutex = true;
        queue_remove(who);
        had = granted[who];
        granted[who] = false
    };
    clear_waiters();
    if
    :: woken[who] ->
#ifndef KEEP_MARK
        d_step { woken[who] = false; marked_woken = false };
#else
        woken[who] = false;
#endif
        wake_next()
    :: d_step { !woken[who] -> UNLOCK }
    fi;
    signal_next();
    if
    :: had ->
        had = false;
#ifndef NO_PASS_ON
        leave()
#endif
    :: !had
    fi
}

inline look(who) {
    LINE_UP;
    if
    :: atomic { FREE && granted[who] -> granted[who] = false; got = true; mutex = true; UNLOCK }
    :: atomic {
            FREE && !granted[who] && permits != 0 ->
            mutex = true;
            permits--;
            taken++;
            CONSERVED;
            got = true;
            queue_remove(who)
        };
        clear_waiters();
        if
        :: woken[who] -> d_step { woken[who] = false; marked_woken = false }; wake_next()
        :: d_step { !woken[who] -> UNLOCK }
        fi;
        signal_next()
    :: atomic {
            FREE && !granted[who] && permits == 0 ->
            marked_waiters = true;
            if
            :: woken[who] -> marked_woken = false; woken[who] = false
            :: else
            fi;
            looked[who] = true;
            mutex = true;
            UNLOCK
        }
    fi
}

active[WAITERS] proctype waiter() {
    byte round = 0;
    byte at = 0;
    byte next = NOBODY;
    bool got = false;
    bool had = false;
#ifdef FAIR
    byte mine = 0;
#endif

again:
    if
    :: atomic { permits != 0 -> permits--; taken++; CONSERVED }; goto entered
    :: atomic { permits == 0 -> signalled[_pid] = false; waits[_pid] = true }
    fi;
    LINE_UP;
    atomic { FREE -> mutex = true; queue[queued] = _pid; queued++; UNLOCK };

waiting:
    look(_pid);
    if
    :: got -> d_step { got = false; waits[_pid] = false }; goto entered
    :: !got
    fi;
    if
    :: ended[_pid] -> withdraw(_pid); goto refused
    :: !ended[_pid]
    fi;
    if
    :: atomic { signalled[_pid] -> signalled[_pid] = false }; goto waiting
    :: expired[_pid] -> goto waiting
    :: killed[_pid] -> withdraw(_pid); goto refused
    fi;

entered:
    if
    :: ended[_pid] -> leave(); goto refused
    :: d_step { !ended[_pid] -> inside++; assert(inside <= PERMITS) }
    fi;
    inside--;
    leave();

refused:
    skip;
    /* What ended this wait does not count for the next. */
    d_step {
        waits[_pid] = false;
        ended[_pid] = false;
        expired[_pid] = false;
        killed[_pid] = false;
        signalled[_pid] = false;
        round++
    };
    if
    :: d_step { ROUNDS != 0 && round == ROUNDS -> round = 0; done++; first_done = (_pid == 0 -> true : first_done) }
    :: d_step { ROUNDS == 0 && _pid == 0 -> round = 0; first_done = true }
    :: ROUNDS == 0 && _pid != 0 -> round = 0; goto again
    :: ROUNDS != 0 && round < ROUNDS -> goto again
    fi
}

#if LATE != 0
active proctype holder() {
    byte at = 0;
    byte next = NOBODY;
    byte left = LATE;
#ifdef FAIR
    byte mine = 0;
#endif
    do
    :: left != 0 -> leave(); left--
    :: left == 0 -> break
    od
}
#endif

#if CANCELLERS != 0
active[CANCELLERS] proctype canceller() {
    byte whom = NOBODY;
    if
    :: atomic { waits[0] -> whom = 0; ended[0] = true }
    :: atomic { waits[1] -> whom = 1; ended[1] = true }
#if WAITERS > 2
    :: atomic { waits[2] -> whom = 2; ended[2] = true }
#endif
    :: true -> goto over
    fi;
    d_step { signalled[whom] = true; whom = NOBODY };
over:
    skip
}
#endif

#if TIMERS != 0
active[TIMERS] proctype timer() {
    if
    :: atomic { waits[0] -> expired[0] = true; ended[0] = true }
    :: atomic { waits[1] -> expired[1] = true; ended[1] = true }
#if WAITERS > 2
    :: atomic { waits[2] -> expired[2] = true; ended[2] = true }
#endif
    :: true
    fi
}
#endif

#if KILLS != 0
active[KILLS] proctype killer() {
    if
    :: waits[0] -> killed[0] = true
    :: waits[1] -> killed[1] = true
#if WAITERS > 2
    :: waits[2] -> killed[2] = true
#endif
    :: true
    fi
}
#endif

active proctype clock() {
end_clock:
    do
    :: atomic { queued != 0 && !old -> old = true }
    od
}

active proctype observer() {
end_observer:
    do
    :: atomic { !mutex && permits != 0 && queued != 0 && !marked_woken && looked[queue[0]] -> assert(false) }
    :: atomic {
            ROUNDS != 0 && done == WAITERS && permits + HELD == PERMITS + LATE ->
            assert(permits == PERMITS - HELD + LATE && queued == 0 && !marked_waiters && !marked_woken && !mutex);
            done = 0
        }
    od
}

#if ROUNDS == 0
ltl ends { <> first_done }
#endif
#if HELD == PERMITS
ltl cancelled_end { [] (ended[0] -> <> first_done) }
#endif
