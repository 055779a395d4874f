'use strict';

/** A server, and its worker, that are loaded before they know their function. */

const { become } = require('./environment');
const { WorkerProcess } = require('./process');
const { ConfigError, EXIT, settingsFromEnv } = require('./settings');

/** Load everything but the function, wait for its name on stdin, and run it. */
async function startWarm() {
  const waiting = new WorkerProcess();
  const { Front } = require('./front');
  await require('./rehearsal').rehearse().catch(() => {}); // it only saves time
  const line = await firstLine(process.stdin);
  if (line === null) {
    waiting.kill();
    process.exit(EXIT.stopped);
  }
  const told = JSON.parse(line);
  become(told);
  try {
    const settings = settingsFromEnv(process.env);
    new Front(settings, worker(waiting, settings, told)).run();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    waiting.kill();
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT.badConfiguration);
  }
}

/** The worker that waits, unless its interpreter should have been started with other flags. */
function worker(waiting, settings, told) {
  if (settings.memoryLimit === null) {
    waiting.load(settings, told);
    return waiting;
  }
  waiting.kill();
  return new WorkerProcess(settings);
}

/** The first line of a stream; null when it ends before. */
function firstLine(stream) {
  return new Promise((resolve) => {
    let text = '';
    stream.setEncoding('utf8');
    stream.on('data', (part) => {
      text += part;
      if (!text.includes('\n')) return;
      stream.destroy();
      resolve(text.slice(0, text.indexOf('\n')));
    });
    stream.once('end', () => resolve(null));
  });
}

module.exports = { startWarm };
