'use strict';

/** The front's log lines, which never make it wait. */

const fs = require('node:fs');

/** POSIX promises that a pipe takes this much whole or not at all. */
const LINE_LIMIT = 4000;

/**
 * Writes lines to a descriptor that functions share and may fill. A line that does not fit at
 * once is dropped and counted: answering calls goes before telling.
 */
class LineWriter {
  #descriptor;
  #dropped = 0;

  constructor(descriptor) {
    this.#descriptor = withoutWaiting(descriptor);
  }

  /** One line, without its end. */
  write(line) {
    const lost = this.#dropped ? `(${this.#dropped} lines dropped: the log was not read) ` : '';
    const text = Buffer.from(`${lost}${line}`).subarray(0, LINE_LIMIT);
    try {
      fs.writeSync(this.#descriptor, Buffer.concat([text, Buffer.from('\n')]));
      this.#dropped = 0;
    } catch {
      this.#dropped += 1;
    }
  }
}

/**
 * A descriptor for the same log that refuses instead of blocking.
 *
 * Whether a pipe blocks is a matter of its opening, which workers share with the front: ours has
 * to be another one. Files never block, and a socket cannot be opened again.
 */
function withoutWaiting(descriptor) {
  try {
    if (!fs.fstatSync(descriptor).isFIFO()) return descriptor;
    const flags = fs.constants.O_WRONLY | fs.constants.O_NONBLOCK;
    return fs.openSync(`/proc/self/fd/${descriptor}`, flags);
  } catch {
    return descriptor;
  }
}

module.exports = { LineWriter };
