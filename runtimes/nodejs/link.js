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

/** The turn of a worker that was asked. */
const ASKED = Symbol('asked');

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
  calls = new Map();
  ready = false;
  retiring = false;
  stopping = false;
  killAt = Infinity;
  idleSince = performance.now();
  #decoder = new Decoder();
  #sender;
  #turns = new Map();
  #window = 1;
  #handed = 0;
  #frozen = false;
  #waited = 0;
  #heard = performance.now();

  /** `pool` gets what the worker says: hear(link, message, bytes), and bury(link) at its end. */
  constructor(process, pool) {
    this.process = process;
    this.#sender = process.sender;
    const take = (message, bytes) => {
      this.#hear(message);
      pool.hear(this, message, bytes);
    };
    process.socket.on('data', (data) => this.#decoder.feed(data, take));
    process.referee.on('data', (data) => pool.takeBack(this, this.#takenBack(data.readInt32LE(0))));
    process.onEnd(() => pool.bury(this));
  }

  /** Whether it can take a call now; one that was silent is asked, and answers the pool. */
  free(now) {
    if (!this.ready || this.#frozen) return false;
    if (this.#turns.size >= this.#window) return this.#isBusy();
    if (this.calls.size === 0 || now - this.#heard < SILENCE) return true;
    if (!this.#turns.has(ASKED)) {
      this.#turns.set(ASKED, 0);
      this.#sender.send([kinds.PING]);
    }
    return false;
  }

  /** Grow older by a sweep. */
  sweep() {
    for (const [whose, sweeps] of this.#turns) this.#turns.set(whose, sweeps + 1);
    for (const call of this.calls.values()) call.grace -= call.settled ? 1 : 0;
    if (!this.stuck) return;
    this.#window = 1;
    if (this.process.opened && !this.#frozen && this.#turns.size > 1) {
      this.#frozen = true;
      this.process.referee.write('?');
    }
  }

  /** Whether its turn, the oldest, lasts long. */
  get stuck() {
    const [sweeps = 0] = this.#turns.values();
    return sweeps >= STUCK;
  }

  /** Hand a call to the worker. */
  begin(call) {
    this.calls.set(call.id, call);
    call.link = this;
    this.#turns.set(call.id, 0);
    this.#handed += 1;
    call.place = this.#handed;
    const { id, head, peer, unixDeadline } = call;
    const message = [kinds.CALL, id, head.method, head.target, head.headers, peer, unixDeadline];
    this.#sender.send(message, call.body);
  }

  /** The call has ended in the worker. */
  end(call, now) {
    this.calls.delete(call.id);
    call.link = null;
    this.idleSince = now;
  }

  /** Let the worker send one more chunk. */
  more(call) {
    this.#sender.send([kinds.MORE, call.id]);
  }

  /** Stop a call; the worker is given up when it has not ended after the grace. */
  cancel(call) {
    call.grace = GRACE;
    this.#sender.send([kinds.CANCEL, call.id]);
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
    for (const call of this.calls.values()) {
      if (call.settled && call.grace <= 0) return true;
    }
    return false;
  }

  /** Calls that run and whose answer is still wanted. */
  get wanted() {
    let count = 0;
    for (const call of this.calls.values()) count += call.settled ? 0 : 1;
    return count;
  }

  #hear(message) {
    const [kind, whose] = message;
    this.#heard = performance.now();
    if (kind === kinds.LONG) this.#window = 1;
    else if (kind === kinds.THAWED) this.#frozen = false;
    else if (this.#turns.delete(kind === kinds.PONG ? ASKED : whose)) this.#turned(whose);
  }

  #turned(whose) {
    const call = this.calls.get(whose);
    if (call) call.body = null; // it has begun, and will not be taken back
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
    const taken = [...this.calls.values()].filter((call) => call.place > begun);
    for (const call of taken) {
      this.#turns.delete(call.id);
      this.calls.delete(call.id);
      call.link = null;
    }
    this.#countAnew();
    this.#sender.send([kinds.THAW]);
    return taken.filter((call) => !call.settled);
  }

  /** The worker counts the calls that it begins from here on; those before have begun. */
  #countAnew() {
    this.#handed = 0;
    for (const call of this.calls.values()) call.place = 0;
  }
}

module.exports = { WorkerLink };
