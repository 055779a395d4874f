'use strict';

// Functions that fail beside their results.

const fs = require('node:fs');
const timers = require('node:timers/promises');

const kept = [];

const TROUBLES = {
  pid: () => process.pid,
  nap: ({ seconds }) => timers.setTimeout(seconds * 1000, 'awake'),
  callback: () => {
    setTimeout(() => {
      throw new RangeError('in a callback');
    }, 1);
    return new Promise(() => {});
  },
  rejection: () => {
    Promise.reject(new RangeError('of nobody'));
    return 'fine';
  },
  exit: () => {
    setTimeout(() => process.exit(3), 1);
    return new Promise(() => {});
  },
  leak: () => {
    for (;;) kept.push(new Array(100_000).fill(kept.length));
  },
  print: () => {
    for (;;) console.log('x'.repeat(1000));
  },
  mark: ({ file, name }) => fs.appendFileSync(file, `${name}\n`),
  spin: () => {
    for (;;);
  },
};

exports.trouble = async (event, context) => {
  const { query } = event.extensions.request;
  return TROUBLES[query.do](query);
};
