'use strict';

/** The entry, `node server.js`: standard library only, and the folder stands alone, anywhere. */

const { ConfigError, EXIT, settingsFromEnv } = require('./settings');

function main() {
  if (process.env.FUNC_WARM === '1') {
    void require('./warm').startWarm();
    return;
  }
  try {
    start(settingsFromEnv(process.env));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = EXIT.badConfiguration;
  }
}

/** The first worker comes first, so that it gets ready while the front loads. */
function start(settings) {
  const { WorkerProcess } = require('./process');
  const first = new WorkerProcess(settings);
  const { Front } = require('./front');
  void new Front(settings, first).run();
}

main();
