'use strict';

/** What the environment says about the function and its server: read once, checked whole. */

const EXIT = Object.freeze({
  stopped: 0,
  badConfiguration: 2,
  loadFailed: 3,
  bindFailed: 4,
  cutShort: 5,
});

const MIB = 1024 * 1024;
const WHOLE = /^[0-9]+$/;
const FRACTION = /^[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$|^\.[0-9]+$/;

/** The environment is wrong; the message names the variable and what to write instead. */
class ConfigError extends Error {}

/** Settings of one function in seconds, bytes and counts; throws ConfigError with one sentence. */
function settingsFromEnv(env) {
  const oldBodyLimit = whole(env, 'FUNC_MEMFILE_MAX', 100 * MIB, [0, 2048 * MIB]);
  const module = required(env, 'MOD_NAME', "the function's file without its suffix");
  const handler = required(env, 'FUNC_HANDLER', 'the name of the function in that file');
  return Object.freeze({
    module,
    handler,
    folder: env.KUBELESS_INSTALL_VOLUME || '/kubeless',
    host: env.FUNC_HOST || '0.0.0.0',
    port: whole(env, 'FUNC_PORT', 8080, [0, 65535]),
    portFile: env.FUNC_PORT_FILE || null,
    timeout: number(env, 'FUNC_TIMEOUT', 180, [0.001, 86400]),
    concurrency: whole(env, 'FUNC_CONCURRENCY', 0, [0, 10000]) || 100,
    queue: whole(env, 'FUNC_QUEUE', 100, [0, 100000]),
    bodyLimit: whole(env, 'FUNC_BODY_LIMIT', oldBodyLimit, [0, 2048 * MIB]),
    shutdownTimeout: number(env, 'FUNC_SHUTDOWN_TIMEOUT', 10, [0, 3600]),
    accessLog: !['', '0', 'false'].includes(env.FUNC_ACCESS_LOG ?? ''),
    kubeless: compatibility(env),
    runtime: env.FUNC_RUNTIME || null,
    memoryLimit: env.FUNC_MEMORY_LIMIT || null,
    name: env.FUNC_NAME || null,
    namespace: env.FUNC_NAMESPACE || null,
    /** How log lines call the function. */
    title: env.FUNC_NAME || `${module}.${handler}`,
  });
}

function required(env, variable, meaning) {
  if (!env[variable]) throw new ConfigError(`${variable} is not set: set it to ${meaning}`);
  return env[variable];
}

function compatibility(env) {
  const text = env.FUNC_COMPAT || '';
  if (text !== '' && text !== 'kubeless') {
    throw new ConfigError(`FUNC_COMPAT is '${text}': set it to kubeless, or not at all`);
  }
  return text === 'kubeless';
}

function whole(env, variable, absent, bounds) {
  return bounded(env, variable, absent, { shape: WHOLE, noun: 'a whole number', bounds });
}

function number(env, variable, absent, bounds) {
  return bounded(env, variable, absent, { shape: FRACTION, noun: 'a number', bounds });
}

/** The variable as a number of that shape within bounds, or `absent` when there is none. */
function bounded(env, variable, absent, { shape, noun, bounds: [low, high] }) {
  const text = env[variable];
  if (!text) return absent;
  const value = shape.test(text.trim()) ? Number(text) : NaN;
  if (!(value >= low && value <= high)) {
    const advice = `set it to ${noun} from ${low} to ${high}`;
    throw new ConfigError(`${variable} is '${text}': ${advice}`);
  }
  return value;
}

module.exports = { ConfigError, EXIT, MIB, settingsFromEnv };
