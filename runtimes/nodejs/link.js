'use strict';

/** The front's end of one worker: its channel, its calls, its life. */

const { Decoder, kinds } = require('./channel');

/** How many sweeps a cancelled call may take to end before its worker is given up: 240 ms. */
const GRACE = 12;

/** How long an idle worker may take to exit (its 'exit' listeners) before it is killed. */
const STOP_GRACE = 1000;

/** A worker with calls that was silent for so long is asked whether it turns. */
const SILENCE = 10;

/** A turn that outlives so many sweeps keeps its worker from others. */
const STUCK = 2;

/** So many calls at most may wait in a worker for their turns. */
const LARGEST_WINDOW = 32;

/** So many calls had to wait for a turn before a worker gets a referee, which takes memory. */
const BUSY = 200;

/**
 * One worker as the pool sees it; times are milliseconds of performance.now().
 *
 * A worker runs many calls, but one *turn* at a time: the synchronous part of a call, during
 * which it can do nothing else. By default a call is handed over when the turn before it is over.
 * Under load that costs more than the call, so some are handed over ahead: like the window of a
 * network connection, their number grows by one with each turn, and falls to one with a long one.
 * Then those that have not begun are taken back, for another worker (see referee.js).
 */
class WorkerLink {
  /**
   * In the order of their places. A list: the tables that a Map outgrows keep what has passed
   * through it until V8 collects its whole heap.
   */
  calls = [];
  ready = false;
  retiring = false;
  stopping = false;
  killAt = Infinity;
  idleSince = performance.now();
  #decoder = new Decoder();
  #sender;
  #sweeps = 0;
  #turns = 0;
  #askedAt = null;
  #window = 1;
  #handed = 0;
  #frozen = false;
  #waited = 0;
  #heard = performance.now();

  /** `pool` gets what the worker says: hear(link, message, bytes), and bury(link) at its end. */
  constructor(process, pool) {
    this.process = process;
    this.#sender = process.sender;
    const take = (kind, id, fields, bytes) => {
      const call = id ? this.calls.find((one) => one.id === id) : undefined;
      this.#hear(kind, call);
      pool.hear(this, { kind, call, fields, bytes });
    };
    process.socket.on('data', (data) => this.#decoder.feed(data, take));
    process.referee.on('data', (data) => pool.takeBack(this, this.#takenBack(data.readInt32LE(0))));
    process.onEnd(() => pool.bury(this));
  }

  /** Whether it can take a call now; one that was silent is asked, and answers the pool. */
  free(now) {
    if (!this.ready || this.#frozen) return false;
    if (this.#turns >= this.#window) return this.#isBusy();
    if (this.calls.length === 0 || now - this.#heard < SILENCE) return true;
    if (this.#askedAt === null) {
      this.#askedAt = this.#sweeps;
      this.#turns += 1;
      this.#sender.send(kinds.PING);
    }
    return false;
  }

  /** Grow older by a sweep. */
  sweep() {
    this.#sweeps += 1;
    for (const call of this.calls) call.grace -= call.settled ? 1 : 0;
    if (!this.stuck) return;
    this.#window = 1;
    if (this.process.opened && !this.#frozen && this.#turns > 1) {
      this.#frozen = true;
      this.process.referee.write('?');
    }
  }

  /** Whether its turn, the oldest, lasts long. */
  get stuck() {
    const oldest = this.calls.find((call) => call.turn !== null);
    const since = Math.min(oldest?.turn ?? this.#sweeps, this.#askedAt ?? this.#sweeps);
    return this.#sweeps - since >= STUCK;
  }

  /** Hand a call to the worker. */
  begin(call) {
    this.calls.push(call);
    call.link = this;
    call.turn = this.#sweeps;
    this.#turns += 1;
    this.#handed += 1;
    call.place = this.#handed;
    const { id, head, peer, unixDeadline } = call;
    const fields = [head.method, head.target, peer, unixDeadline, ...head.headers];
    this.#sender.send(kinds.CALL, id, fields, call.body);
  }

  /** The call has ended in the worker. */
  end(call, now) {
    this.#let(call);
    this.idleSince = now;
  }

  #let(call) {
    if (call.turn !== null) this.#endTurn(call);
    this.calls.splice(this.calls.indexOf(call), 1);
    call.link = null;
  }

  /** Let the worker send one more chunk. */
  more(call) {
    this.#sender.send(kinds.MORE, call.id);
  }

  /** Stop a call; the worker is given up when it has not ended after the grace. */
  cancel(call) {
    call.grace = GRACE;
    this.#sender.send(kinds.CANCEL, call.id);
  }

  /** Take no more calls; the worker is killed at killAt, or earlier when none is left. */
  retire(killAt) {
    this.ready = false;
    this.retiring = true;
    this.killAt = killAt;
  }

  /** Let an idle worker exit by itself. */
  stop(now) {
    this.retire(now + STOP_GRACE);
    this.stopping = true;
    this.#sender.end();
  }

  /** Whether a call has outlived its cancellation. */
  get overdue() {
    for (const call of this.calls) {
      if (call.settled && call.grace <= 0) return true;
    }
    return false;
  }

  /** Calls that run and whose answer is still wanted. */
  get wanted() {
    let count = 0;
    for (const call of this.calls) count += call.settled ? 0 : 1;
    return count;
  }

  #hear(kind, call) {
    this.#heard = performance.now();
    if (kind === kinds.LONG) this.#window = 1;
    else if (kind === kinds.THAWED) this.#frozen = false;
    else if (kind === kinds.PONG) this.#answered();
    else this.#turned(call);
  }

  #answered() {
    this.#askedAt = null;
    this.#turns -= 1;
    this.#widen();
  }

  #turned(call) {
    if ((call?.turn ?? null) === null) return;
    this.#endTurn(call);
    call.body = null; // it has begun, and will not be taken back
    this.#widen();
  }

  #endTurn(call) {
    call.turn = null;
    this.#turns -= 1;
  }

  #widen() {
    if (this.process.opened) this.#window = Math.min(this.#window + 1, LARGEST_WINDOW);
  }

  /** A call has to wait for its turn. */
  #isBusy() {
    this.#waited += 1;
    if (this.#waited === BUSY && !this.process.opened) {
      this.process.open();
      this.#countAnew();
    }
    return false;
  }

  /** The calls that had not begun when so many had. */
  #takenBack(begun) {
    const taken = this.calls.filter((call) => call.place > begun);
    for (const call of taken) this.#let(call);
    this.#countAnew();
    this.#sender.send(kinds.THAW);
    return taken.filter((call) => !call.settled);
  }

  /** The worker counts the calls that it begins from here on; those before have begun. */
  #countAnew() {
    this.#handed = 0;
    for (const call of this.calls) call.place = 0;
  }
}

module.exports = { WorkerLink };
