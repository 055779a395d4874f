'use strict';

/** Starts the server: the first worker at once, so that it gets ready while the front loads. */

const { WorkerProcess } = require('./process');

function start(settings, first = new WorkerProcess(settings)) {
  const { Front } = require('./front');
  return new Front(settings, first).run();
}

module.exports = { start };
