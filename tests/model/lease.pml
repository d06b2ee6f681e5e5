/*
 * The protocol of leases and results, as a model for spin: what docs/protocol.md says of tasks, epochs and
 * silence, with everything that may go wrong between a broker and its workers.
 *
 *   here                      stands for
 *   Broker: on_hello          broker/peers.c peer_hello, farm_connect
 *           reconcile         broker/reconcile.c reconcile
 *           on_beat           peer_heartbeat, peer_seen
 *           on_result         broker/deliveries.c peer_results, take_result, deliver, store
 *           on_failed         peer_failed; lifecycle.c lifecycle_attempt
 *           lease_out         broker/leases.c peer_lease_all; farm_workers.c farm_lease
 *           lend_again        broker/leases.c lend_stragglers; stragglers.c; farm_workers.c farm_lend_again
 *           drop, drop_second farm_workers.c farm_release, where a lease may have a twin
 *           restart           broker/resume.c resume
 *   Network                   worker/network_messages.c: on_message; network_results.c: network_send_results;
 *                             network_session.c: network_greet_due; held.c
 *   Compute                   worker/compute.c, and held_begin, held_finish
 *   Clock                     the broker's deadlines: peer_expire, lose
 *   Faults                    kill -9 of the broker and of workers, cut connections, false silences
 *
 * Tasks that go together in a `lease`, `results` or `accepted` are one message each here: a handler takes them
 * one after the other, and a crash that comes between two of them here does no more than one that comes
 * before or after all.
 *
 * A handler's transaction and its reply are two steps with room for a crash between them: commit, then
 * reply. A cut connection loses what is on its way in both directions, and what comes over the new one
 * is from nobody until hello. Faults are finite; apart from them every step that can be taken is taken
 * some day (weak fairness). A message queue is short here, and who finds it full waits.
 *
 * Checked: no task is counted twice, a worker forgets only what is in the database (assertions), and
 * every task ends as done or poison if a worker lives (ltl ends).
 *
 * Built with -DSECOND a worker that has nothing may be lent a task that another one has.
 *
 * Built with -DFORGETFUL hello does not say what the worker holds. Then spin finds how a task is lost for
 * ever: the proof that the model sees such a thing.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef TASKS
#define TASKS 2
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 3 /* max_attempts */
#endif
#ifndef CREDIT
#define CREDIT 1
#endif
/* how much goes wrong */
#ifndef BROKER_KILLS
#define BROKER_KILLS 0
#endif
#ifndef WORKER_KILLS
#define WORKER_KILLS 0
#endif
#ifndef CUTS
#define CUTS 0
#endif
#ifndef SILENCES
#define SILENCES 0
#endif
#ifndef FAILURES
#define FAILURES 0
#endif

#define QUEUE 2 /* messages on their way */
#define NOBODY WORKERS
#define HELD(w, t) ((w) * TASKS + (t))

mtype = { hello, beat, result, failed, welcome, refused, lease, accepted };

/* type, task, epoch; hello: the set of held tasks as bits, the newest epoch seen, and the epochs of the held */
chan up[WORKERS] = [QUEUE] of { mtype, byte, byte, byte };
chan down[WORKERS] = [QUEUE] of { mtype, byte, byte, byte };

/* ---- the database ---- */
bool done[TASKS], poison[TASKS];
byte counted[TASKS], attempts[TASKS];
byte newest_epoch; /* in the tables */

/* ---- the broker's memory ---- */
bool broker_up = true;
bool known[WORKERS]; /* the connection has said hello */
bool alive[WORKERS]; /* not thought lost */
byte holder[TASKS];  /* who has the lease */
byte leased_epoch[TASKS], epoch;
bool orphan[TASKS]; /* the lease is of a process that is dead; the broker cannot see that */
byte second[TASKS]; /* who has a second lease of the same task */
byte second_epoch[TASKS];
bool second_orphan[TASKS];
bool tried[TASKS]; /* the lease had a twin that ended without a result: it gets no other */

/* ---- workers' memory ---- */
mtype = { nothing, waiting, running, finished };
mtype work[WORKERS * TASKS];
byte work_epoch[WORKERS * TASKS];
bool unsent[WORKERS * TASKS];     /* finished: to be sent (again) */
byte sent_epoch[WORKERS * TASKS]; /* finished: under which it was sent last */
bool broken[WORKERS * TASKS];     /* beside it: an attempt that failed and is not accepted */
byte broken_epoch[WORKERS * TASKS];
bool broken_unsent[WORKERS * TASKS];
byte newest_seen[WORKERS]; /* the newest epoch of a lease */
bool welcomed[WORKERS], greet[WORKERS]; /* the broker knows us; hello is due */
bool asked[WORKERS];                    /* a heartbeat is not answered yet */
bool dead[WORKERS];                     /* and not started again */

byte t_; /* loop counters; each loop is inside one atomic step */

#define OVER(t) (done[t] || poison[t])
#if TASKS == 1
#define FINISHED OVER(0)
#else
#define FINISHED (OVER(0) && OVER(1))
#endif
ltl ends { <> FINISHED }

/* A failed attempt of a range that nobody holds any more. */
inline attempt(t) {
	if
	:: !OVER(t) ->
		attempts[t]++;
		if
		:: attempts[t] >= ATTEMPTS -> poison[t] = true
		:: else
		fi
	:: else
	fi
}

/* ---- the broker ---- */

/* A lease ends; where there is a second one, that is the task's now. */
inline drop(t) {
	tried[t] = second[t] != NOBODY;
	holder[t] = second[t];
	leased_epoch[t] = second_epoch[t];
	orphan[t] = second_orphan[t];
	second[t] = NOBODY;
	second_epoch[t] = 0;
	second_orphan[t] = false
}

inline drop_second(t) {
	tried[t] = true;
	second[t] = NOBODY;
	second_epoch[t] = 0;
	second_orphan[t] = false
}

/* An attempt of one of two leases counts as none: the other goes on. */
inline drop_failed(t) {
	drop(t);
	if
	:: holder[t] == NOBODY -> attempt(t)
	:: else
	fi
}

#define EPOCH_BITS 4
#define EPOCH_OF(epochs, t) (((epochs) >> ((t) * EPOCH_BITS)) & ((1 << EPOCH_BITS) - 1))

/* A lease that the worker does not hold goes back, unless it is still under way on this connection; one that
 * it holds goes on under the epoch that it names; a free range that it holds is lent to it. */
inline reconcile(w, t, held, newest, epochs, same_connection) {
	if
	:: holder[t] == w && !orphan[t] && !(same_connection && leased_epoch[t] > newest) ->
		if
		:: held & (1 << t) -> leased_epoch[t] = EPOCH_OF(epochs, t)
		:: else -> drop(t)
		fi
	:: second[t] == w && !second_orphan[t] && !(same_connection && second_epoch[t] > newest) ->
		if
		:: held & (1 << t) -> second_epoch[t] = EPOCH_OF(epochs, t)
		:: else -> drop_second(t)
		fi
	:: holder[t] == NOBODY && !OVER(t) && (held & (1 << t)) ->
		holder[t] = w;
		orphan[t] = false;
		leased_epoch[t] = EPOCH_OF(epochs, t)
	:: else
	fi
}

inline on_hello(w, held, newest, epochs) {
	alive[w] = true;
	if
	:: newest > epoch -> epoch = newest /* of before a restart: no number is given twice */
	:: else
	fi;
	assert(epoch < (1 << EPOCH_BITS));
#ifndef FORGETFUL
	t_ = 0;
	do
	:: t_ < TASKS -> reconcile(w, t_, held, newest, epochs, known[w]); t_++
	:: else -> break
	od;
	t_ = 0;
#endif
	known[w] = true;
	reply_type = welcome
}

inline on_result(w, t, e) {
	if
	:: !known[w] -> reply_type = refused
	:: else ->
		alive[w] = true;
		if
		:: holder[t] == w && !orphan[t] -> /* the first result ends both leases: the twin is revoked */
			if
			:: !done[t] && second[t] != NOBODY -> drop_second(t)
			:: else
			fi;
			drop(t)
		:: second[t] == w && !second_orphan[t] ->
			drop_second(t);
			if
			:: !done[t] -> drop(t)
			:: else
			fi
		:: else
		fi;
		if
		:: !done[t] -> /* the first counts, whoever brings it */
			done[t] = true;
			poison[t] = false;
			counted[t]++;
			assert(counted[t] == 1);
			if
			:: e > newest_epoch -> newest_epoch = e
			:: else
			fi
		:: else /* compared by digest */
		fi;
		reply_type = accepted
	fi
}

inline on_failed(w, t, e) {
	if
	:: !known[w] -> reply_type = refused
	:: else ->
		alive[w] = true;
		if
		:: holder[t] == w && !orphan[t] && leased_epoch[t] == e -> drop_failed(t)
		:: second[t] == w && !second_orphan[t] && second_epoch[t] == e -> drop_second(t)
		:: else
		fi;
		reply_type = accepted
	fi
}

inline on_beat(w) {
	if
	:: !known[w] -> reply_type = refused
	:: else -> alive[w] = true; reply_type = beat
	fi
}

/* Who has nothing may be lent what another has; when that is slow enough for it is time's to say. */
inline lend_again(w, held_by) {
	t_ = 0;
	do
	:: t_ < TASKS && known[w] && alive[w] && held_by == 0 && len(down[w]) < QUEUE ->
		if
		:: holder[t_] != NOBODY && holder[t_] != w && second[t_] == NOBODY && !tried[t_] && !OVER(t_) ->
			epoch++;
			second[t_] = w;
			second_orphan[t_] = false;
			second_epoch[t_] = epoch;
			held_by++;
			down[w]!lease(t_, epoch, 0)
		:: true
		fi;
		t_++
	:: else -> break
	od
}

/* A task for a worker with credit; none: the step does nothing. */
inline lease_out(w) {
	byte held_by = 0;
	t_ = 0;
	do
	:: t_ < TASKS ->
		if
		:: (holder[t_] == w && !orphan[t_]) || (second[t_] == w && !second_orphan[t_]) -> held_by++
		:: else
		fi;
		t_++
	:: else -> break
	od;
	t_ = 0;
	do
	:: t_ < TASKS && known[w] && alive[w] && held_by < CREDIT && len(down[w]) < QUEUE ->
		if
		:: holder[t_] == NOBODY && !OVER(t_) ->
			epoch++;
			holder[t_] = w;
			orphan[t_] = false;
			leased_epoch[t_] = epoch;
			tried[t_] = false;
			held_by++;
			down[w]!lease(t_, epoch, 0)
		:: else
		fi;
		t_++
	:: else -> break
	od;
#ifdef SECOND
	lend_again(w, held_by);
#endif
	held_by = 0;
	t_ = 0
}

/* Takes back what a silent worker holds: its leases count as attempts. */
inline expire(t) {
	drop_failed(t)
}

proctype Broker() {
	byte turn = 0, task, e, epochs;
	mtype type, reply_type;
again:
	do
	:: !broker_up -> goto restart
	:: atomic { broker_up && up[turn]?[type, task, e, epochs] -> up[turn]?type(task, e, epochs);
		if
		:: type == hello -> on_hello(turn, task, e, epochs)
		:: type == beat -> on_beat(turn)
		:: type == result -> on_result(turn, task, e)
		:: type == failed -> on_failed(turn, task, e)
		fi } /* committed */
		if
		:: !broker_up -> goto restart
		:: atomic { broker_up && nfull(down[turn]) -> down[turn]!reply_type(task, e, 0); reply_type = 0; type = 0; task = 0; e = 0; epochs = 0 }
		fi;
		if
		:: !broker_up -> goto restart
		:: atomic { broker_up -> lease_out(turn); turn = (turn + 1) % WORKERS }
		fi
	:: atomic { broker_up && empty(up[turn]) -> lease_out(turn); turn = (turn + 1) % WORKERS }
	od;
restart:
	atomic {
		turn = 0; type = 0; reply_type = 0; task = 0; e = 0; epochs = 0;
		epoch = newest_epoch;
		broker_up = true
	}
	goto again
}

/* Time: the dead are silent for long enough some day. */
proctype Clock() {
	do
	:: atomic { broker_up && orphan[0] && holder[0] != NOBODY -> expire(0) }
#if TASKS > 1
	:: atomic { broker_up && orphan[1] && holder[1] != NOBODY -> expire(1) }
#endif
#ifdef SECOND
	:: atomic { broker_up && second_orphan[0] && second[0] != NOBODY -> drop_second(0) }
#if TASKS > 1
	:: atomic { broker_up && second_orphan[1] && second[1] != NOBODY -> drop_second(1) }
#endif
#endif
	od
}

/* ---- a worker ---- */

inline on_message(w, type, t, e) {
	asked[w] = false;
	if
	:: type == welcome ->
		welcomed[w] = true;
		greet[w] = false;
		t_ = 0;
		do
		:: t_ < TASKS ->
			unsent[HELD(w, t_)] = (work[HELD(w, t_)] == finished);
			broken_unsent[HELD(w, t_)] = broken[HELD(w, t_)];
			t_++
		:: else -> break
		od;
		t_ = 0
	:: type == refused -> welcomed[w] = false; greet[w] = true
	:: type == beat
	:: type == lease ->
		newest_seen[w] = e;
		work_epoch[HELD(w, t)] = e; /* what is held already goes on under the new epoch */
		if
		:: work[HELD(w, t)] == nothing -> work[HELD(w, t)] = waiting
		:: work[HELD(w, t)] == finished -> unsent[HELD(w, t)] = true
		:: else
		fi
	:: type == accepted ->
		if
		:: broken[HELD(w, t)] && !broken_unsent[HELD(w, t)] && broken_epoch[HELD(w, t)] == e ->
			broken[HELD(w, t)] = false;
			broken_epoch[HELD(w, t)] = 0
		:: !(broken[HELD(w, t)] && !broken_unsent[HELD(w, t)] && broken_epoch[HELD(w, t)] == e) &&
		   work[HELD(w, t)] == finished && !unsent[HELD(w, t)] && sent_epoch[HELD(w, t)] == e ->
			assert(done[t]);
			work[HELD(w, t)] = nothing;
			work_epoch[HELD(w, t)] = 0;
			sent_epoch[HELD(w, t)] = 0
		:: else
		fi
	fi
}

#define TO_SEND(w, t) (unsent[HELD(w, t)] || broken_unsent[HELD(w, t)])
#if TASKS == 1
#define SOMETHING_TO_SEND(w) TO_SEND(w, 0)
#define HELD_BITS(w) (work[HELD(w, 0)] != nothing)
#define HELD_EPOCHS(w) work_epoch[HELD(w, 0)]
#else
#define SOMETHING_TO_SEND(w) (TO_SEND(w, 0) || TO_SEND(w, 1))
#define HELD_BITS(w) ((work[HELD(w, 0)] != nothing) + 2 * (work[HELD(w, 1)] != nothing))
#define HELD_EPOCHS(w) (work_epoch[HELD(w, 0)] + (work_epoch[HELD(w, 1)] << EPOCH_BITS))
#endif

inline send_one(w, t) {
	if
	:: unsent[HELD(w, t)] ->
		unsent[HELD(w, t)] = false;
		sent_epoch[HELD(w, t)] = work_epoch[HELD(w, t)];
		up[w]!result(t, work_epoch[HELD(w, t)], 0)
	:: else ->
		broken_unsent[HELD(w, t)] = false;
		up[w]!failed(t, broken_epoch[HELD(w, t)], 0)
	fi
}

proctype Network(byte w) {
	byte t, e;
	mtype type;
	do
	:: atomic { !dead[w] && down[w]?[type, t, e, _] -> down[w]?type(t, e, _); on_message(w, type, t, e); type = 0; t = 0; e = 0 }
	:: atomic { !dead[w] && empty(down[w]) && greet[w] && nfull(up[w]) -> greet[w] = false; up[w]!hello(HELD_BITS(w), newest_seen[w], HELD_EPOCHS(w)) }
	/* Nothing is on its way and nobody answers: silence. */
	:: atomic { !dead[w] && empty(down[w]) && empty(up[w]) && !welcomed[w] && !greet[w] -> greet[w] = true }
	:: atomic { !dead[w] && welcomed[w] && empty(down[w]) && nfull(up[w]) && TO_SEND(w, 0) -> send_one(w, 0) }
#if TASKS > 1
	:: atomic { !dead[w] && welcomed[w] && empty(down[w]) && nfull(up[w]) && !TO_SEND(w, 0) && TO_SEND(w, 1) -> send_one(w, 1) }
#endif
	:: atomic { !dead[w] && welcomed[w] && empty(down[w]) && empty(up[w]) && !asked[w] && !SOMETHING_TO_SEND(w) -> asked[w] = true; up[w]!beat(0, 0, 0) }
	od
}

byte failures = FAILURES;

inline finish(w, t) {
	if
	:: work[HELD(w, t)] = finished; unsent[HELD(w, t)] = true
	:: failures > 0 && !broken[HELD(w, t)] ->
		failures--;
		broken[HELD(w, t)] = true;
		broken_epoch[HELD(w, t)] = work_epoch[HELD(w, t)];
		broken_unsent[HELD(w, t)] = true;
		work[HELD(w, t)] = nothing;
		work_epoch[HELD(w, t)] = 0
	fi
}

proctype Compute(byte w) {
	do
	:: atomic { !dead[w] && work[HELD(w, 0)] == waiting -> work[HELD(w, 0)] = running }
	:: atomic { !dead[w] && work[HELD(w, 0)] == running -> finish(w, 0) }
#if TASKS > 1
	:: atomic { !dead[w] && work[HELD(w, 1)] == waiting && work[HELD(w, 0)] != running -> work[HELD(w, 1)] = running }
	:: atomic { !dead[w] && work[HELD(w, 1)] == running -> finish(w, 1) }
#endif
	od
}

/* ---- what goes wrong ---- */

inline empty_channels(w) {
	do
	:: nempty(up[w]) -> up[w]?_, _, _, _
	:: empty(up[w]) -> break
	od;
	do
	:: nempty(down[w]) -> down[w]?_, _, _, _
	:: empty(down[w]) -> break
	od
}

inline cut(w) {
	empty_channels(w);
	asked[w] = false; /* the next one is due in time */
	known[w] = false /* of the connection that comes next */
}

inline kill_broker() {
	broker_up = false;
	t_ = 0;
	do
	:: t_ < TASKS ->
		holder[t_] = NOBODY; leased_epoch[t_] = 0; orphan[t_] = false;
		second[t_] = NOBODY; second_epoch[t_] = 0; second_orphan[t_] = false;
		tried[t_] = false;
		t_++
	:: else -> break
	od;
	t_ = 0;
	do
	:: t_ < WORKERS -> alive[t_] = false; cut(t_); t_++
	:: else -> break
	od;
	t_ = 0
}

inline kill_worker(w) {
	cut(w);
	t_ = 0;
	do
	:: t_ < TASKS ->
		work[HELD(w, t_)] = nothing;
		work_epoch[HELD(w, t_)] = 0;
		unsent[HELD(w, t_)] = false;
		sent_epoch[HELD(w, t_)] = 0;
		broken[HELD(w, t_)] = false;
		broken_epoch[HELD(w, t_)] = 0;
		broken_unsent[HELD(w, t_)] = false;
		if
		:: holder[t_] == w -> orphan[t_] = true
		:: second[t_] == w -> second_orphan[t_] = true
		:: else
		fi;
		t_++
	:: else -> break
	od;
	t_ = 0;
	newest_seen[w] = 0;
	welcomed[w] = false;
	greet[w] = true; /* started again … */
	if
	:: WORKERS > 1 && w == 0 -> dead[w] = true /* … or not; one lives */
	:: skip
	fi
}

/* A living worker is taken for dead, by a pause or a slow network. */
inline false_silence(w) {
	alive[w] = false;
	t_ = 0;
	do
	:: t_ < TASKS ->
		if
		:: holder[t_] == w && !orphan[t_] -> expire(t_)
		:: second[t_] == w && !second_orphan[t_] -> drop_second(t_)
		:: else
		fi;
		t_++
	:: else -> break
	od;
	t_ = 0
}

proctype Faults() {
	byte broker_kills = BROKER_KILLS, worker_kills = WORKER_KILLS, cuts = CUTS, silences = SILENCES, w;
	do
	:: atomic { broker_kills > 0 && broker_up -> broker_kills--; kill_broker() }
	:: atomic { worker_kills > 0 -> worker_kills--; select(w : 0 .. WORKERS - 1);
		if
		:: !dead[w] -> kill_worker(w)
		:: else
		fi; w = 0 }
	:: atomic { cuts > 0 -> cuts--; select(w : 0 .. WORKERS - 1); cut(w); w = 0 }
	:: atomic { silences > 0 && broker_up -> silences--; select(w : 0 .. WORKERS - 1);
		if
		:: alive[w] -> false_silence(w)
		:: welcomed[w] && !dead[w] -> welcomed[w] = false; greet[w] = true /* the broker is taken for silent */
		:: else
		fi; w = 0 }
	:: break
	od
}

init {
	atomic {
		byte i = 0;
		do
		:: i < TASKS -> holder[i] = NOBODY; second[i] = NOBODY; i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < WORKERS * TASKS -> work[i] = nothing; i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < WORKERS -> greet[i] = true; run Network(i); run Compute(i); i++
		:: else -> break
		od;
		i = 0;
		run Broker();
		run Clock();
		run Faults()
	}
}
