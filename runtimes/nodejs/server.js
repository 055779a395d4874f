'use strict';

/** The entry, `node server.js`: standard library only, and the folder stands alone, anywhere. */

const { ConfigError, EXIT, settingsFromEnv } = require('./settings');

function main() {
  if (process.env.FUNC_ZYGOTE_SOCKET) {
    require('./zygote').run(process.env.FUNC_ZYGOTE_SOCKET);
    return;
  }
  try {
    require('./start').start(settingsFromEnv(process.env));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = EXIT.badConfiguration;
  }
}

main();
