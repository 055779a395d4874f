'use strict';

/** The front's end of one worker: its channel, its calls, its life. */

const { Decoder, kinds, send } = require('./channel');

/** How long a cancelled call may take to end before its worker is given up. */
const GRACE = 250;

/** How long an idle worker may take to exit (its 'exit' listeners) before it is killed. */
const STOP_GRACE = 1000;

/** A worker with calls that was silent for so long is asked whether it turns, before it gets one. */
const SILENCE = 10;

/**
 * One worker as the pool sees it; times are milliseconds of performance.now().
 *
 * A worker runs many calls, but one *turn* at a time: the synchronous part of a call, during
 * which it can do nothing else. It gets no second call before it has said that the turn is over,
 * so that a call never waits behind a function that blocks.
 */
class WorkerLink {
  calls = new Map();
  ready = false;
  retiring = false;
  stopping = false;
  killAt = Infinity;
  turn = null;
  turnSince = 0;
  idleSince = performance.now();
  #decoder = new Decoder();
  #heard = performance.now();
  #asked = false;

  /** `pool` gets what the worker says: hear(link, message, bytes), and bury(link) at its end. */
  constructor(process, pool) {
    this.process = process;
    const take = (message, bytes) => {
      this.#hear(message);
      pool.hear(this, message, bytes);
    };
    process.socket.on('data', (data) => this.#decoder.feed(data, take));
    process.onEnd(() => pool.bury(this));
  }

  /** Whether it can take a call now; one that was silent is asked, and answers the pool. */
  free(now) {
    if (!this.ready || this.retiring || this.turn !== null) return false;
    if (this.calls.size === 0 || now - this.#heard < SILENCE) return true;
    if (!this.#asked) {
      this.#asked = true;
      this.turnSince = now;
      send(this.process.socket, [kinds.PING]);
    }
    return false;
  }

  /** Whether it has not turned for so long. */
  stuck(now, since) {
    return (this.turn !== null || this.#asked) && now - this.turnSince >= since;
  }

  /** Hand a call to the worker. */
  begin(call, now) {
    this.calls.set(call.id, call);
    call.link = this;
    this.turn = call;
    this.turnSince = now;
    const { id, head, peer, unixDeadline } = call;
    const message = [kinds.CALL, id, head.method, head.target, head.headers, peer, unixDeadline];
    send(this.process.socket, message, call.body);
    call.body = null;
  }

  /** The call has ended in the worker. */
  end(call, now) {
    this.calls.delete(call.id);
    call.link = null;
    this.idleSince = now;
  }

  /** Let the worker send one more chunk. */
  more(call) {
    send(this.process.socket, [kinds.MORE, call.id]);
  }

  /** Stop a call; the worker is given up when it has not ended after the grace. */
  cancel(call, now) {
    call.graceEnds = now + GRACE;
    send(this.process.socket, [kinds.CANCEL, call.id]);
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
    this.process.socket.end();
  }

  /** Whether a call has outlived its cancellation. */
  overdue(now) {
    for (const call of this.calls.values()) {
      if (call.settled && now >= call.graceEnds) return true;
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
    this.#heard = performance.now();
    if (message[0] === kinds.PONG) this.#asked = false;
    else if (this.turn !== null && message[1] === this.turn.id) this.turn = null;
  }
}

module.exports = { WorkerLink };
