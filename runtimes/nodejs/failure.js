'use strict';

/** How failures are told to the log. */

const TEXT_LIMIT = 500;

/** The error's kind and text, on one line of bounded length. */
function described(error) {
  if (!(error instanceof Error)) return oneLine(`thrown: ${String(error)}`);
  const kind = error.name === 'Error' ? (error.constructor?.name ?? 'Error') : error.name;
  return oneLine(`${kind}: ${error.message}`);
}

/** The error's stack on stderr, and those of its causes, without the frames of the server. */
function writeTrace(error) {
  const lines = [];
  for (let depth = 0; error instanceof Error && depth < 5; depth += 1) {
    const stack = String(error.stack ?? error);
    lines.push(depth ? `caused by ${stack}` : stack);
    error = error.cause;
  }
  const kept = lines.join('\n').split('\n').filter((line) => !isOwnFrame(line));
  if (kept.length) process.stderr.write(`${kept.join('\n')}\n`);
}

function isOwnFrame(line) {
  return /^\s+at /.test(line) && (line.includes(__dirname) || line.includes('node:'));
}

function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim().slice(0, TEXT_LIMIT);
}

module.exports = { described, writeTrace };
