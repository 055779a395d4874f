'use strict';

/** Ends a worker whose front is gone, where no signal of the kernel does. */

const fs = require('node:fs');
const { Worker } = require('node:worker_threads');

/** The descriptor whose other end the front holds, when there is need of it. */
const LIFELINE = 4;

/** A thread, since the function may keep the main one for itself. */
const WATCH = `
  require('node:fs').readSync(${LIFELINE}, Buffer.alloc(1));
  process.kill(process.pid, 'SIGKILL');
`;

function endWithTheFront() {
  if (fs.fstatSync(LIFELINE).isSocket()) new Worker(WATCH, { eval: true }).unref();
}

module.exports = { endWithTheFront };
