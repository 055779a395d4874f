'use strict';

/**
 * Decides which calls a worker has begun, while its main thread may be blocked.
 *
 * A worker may be handed calls ahead of their turns. When a turn lasts long, the front takes back
 * those that wait behind it, so that another worker runs them. Nobody may run a call twice: the
 * main thread counts every call that it begins in memory shared with this thread, and the count is
 * taken away from it in the same atomic step that tells the front how far it came.
 */

const fs = require('node:fs');
const { Worker, isMainThread, workerData } = require('node:worker_threads');

/** The descriptor on which the front asks: a byte; the answer is the count, in four. */
const ASKED_ON = 4;

const TAKEN = -1;

/** The main thread's side. */
class Turnstile {
  #count = new Int32Array(new SharedArrayBuffer(4));

  /** Start the thread. */
  open() {
    new Worker(__filename, { workerData: this.#count, stdin: false }).unref();
  }

  /** Whether the next call may begin; if not, the front has taken it back. */
  pass() {
    const begun = Atomics.load(this.#count, 0);
    if (begun === TAKEN) return false;
    return Atomics.compareExchange(this.#count, 0, begun, begun + 1) === begun;
  }

  /** Count from the start again: what was handed over before has begun, or was taken back. */
  reset() {
    Atomics.store(this.#count, 0, 0);
  }
}

/** The thread's side: wait for the front; without it, the process has no use. */
function referee(count) {
  const answer = Buffer.alloc(4);
  while (fs.readSync(ASKED_ON, Buffer.alloc(1)) === 1) {
    answer.writeInt32LE(Atomics.exchange(count, 0, TAKEN));
    fs.writeSync(ASKED_ON, answer);
  }
  process.kill(process.pid, 'SIGKILL');
}

if (isMainThread) module.exports = { Turnstile };
else referee(workerData);
