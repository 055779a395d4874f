'use strict';

// The functions that every language's contract suite runs, in JavaScript: what users write, good
// and bad on purpose.

const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const timers = require('node:timers/promises');

/** What the function was given, as JSON. */
exports.echo = (event, context) => {
  const { request } = event.extensions;
  const { data } = event;
  return {
    data: Buffer.isBuffer(data) ? { bytes: data.toString('latin1') } : { json: data },
    'event-id': event['event-id'],
    'event-type': event['event-type'],
    'event-time': event['event-time'],
    'event-namespace': event['event-namespace'],
    cloudevent: event.cloudevent,
    request: {
      method: request.method,
      path: request.path,
      query_string: request.query_string,
      query: { ...request.query },
    },
  };
};

exports.context = (event, context) => context;

class Teapot extends Error {
  status = 418;
  headers = { 'X-Kind': 'teapot' };
  body = 'short and stout';
}

function* parts() {
  yield 'one ';
  yield Buffer.from('two');
}

const TEAPOT = { status: 418, headers: { 'X-Kind': 'teapot' } };

const ANSWERS = {
  '/text': () => 'grüße',
  '/bytes': () => Buffer.from([0x00, 0xff]),
  '/object': () => ({ a: [1, null, true] }),
  '/list': () => ['a', 1],
  '/number': () => 42,
  '/false': () => false,
  '/nothing': () => undefined,
  '/status': (response) => response.status(201) && 'made',
  '/status-headers': (response) => response.redirect('/elsewhere'),
  '/response': () => new Response('short and stout', TEAPOT),
  '/raised': () => {
    throw new Teapot();
  },
  '/shaped': (response) => {
    response.status = 201;
    response.headers['X-Shaped'] = 'yes';
    response.content_type = 'text/csv';
    return 'a,b';
  },
  '/parts': () => parts(),
  '/no-content': (response) => void response.status(204),
  '/unwritable': () => () => 'a function',
  '/bad-header': (response) => response.set('X-Bad', 'a\r\nSet-Cookie: b').send(''),
  '/bad-status': (response) => response.status(99).send(''),
  '/large': () => 'x'.repeat(3_000_000),
};

exports.reply = (event, context) => {
  const { request, response } = event.extensions;
  return ANSWERS[request.path](response);
};

exports.reply_async = async (event, context) => {
  await timers.setImmediate();
  return exports.reply(event, context);
};

let counter = 0;
const never = new Int32Array(new SharedArrayBuffer(4));

/** Block the thread in native code: no JavaScript gets in. */
function block(seconds) {
  Atomics.wait(never, 0, 0, seconds === undefined ? Infinity : seconds * 1000);
}

const kept = [];

const ACTS = {
  count: () => ({ count: (counter += 1), pid: process.pid }),
  fail: () => {
    throw new TypeError('the reason');
  },
  spin: () => {
    for (;;);
  },
  sleep: ({ seconds }) => block(seconds),
  block: () => block(),
  swallow: () => {
    for (;;) {
      try {
        block(1);
        throw new Error('a timeout');
      } catch {
        // on and on
      }
    }
  },
  exit: () => process.exit(7),
  die: () => process.reallyExit(7),
  crash: () => process.kill(process.pid, 'SIGSEGV'),
  leak: () => {
    for (;;) kept.push(Buffer.alloc(1_000_000, 'x'));
  },
  /** Start programs that go on, and leave them alone. */
  litter: () => [1, 2, 3].map(() => spawn('sleep', ['1000']).pid),
  chatter: () => {
    for (let line = 0; line < 20_000; line += 1) console.log('x'.repeat(1000));
    return 'said';
  },
  /** Wait until the other party has come, too: only calls that run side by side meet. */
  meet: ({ folder, me, other }) => {
    fs.writeFileSync(path.join(folder, me), '');
    while (!fs.existsSync(path.join(folder, other))) block(0.005);
    return 'met';
  },
  endless: function* () {
    for (;;) yield Buffer.alloc(65536, 'x');
  },
  broken: function* () {
    yield 'one';
    throw new Error('the reason');
  },
  stuck: function* () {
    yield 'one';
    block();
  },
  nap: ({ file, seconds }) => {
    try {
      fs.writeFileSync(file, '');
      block(Number(seconds));
    } finally {
      fs.writeFileSync(`${file}.unwound`, '');
    }
    return 'awake';
  },
};

exports.ACTS = ACTS;

/** Do what the query says, as good and bad functions do. */
exports.act = (event, context) => {
  const { query } = event.extensions.request;
  return ACTS[query.do](query);
};

const ASYNC_ACTS = {
  /** Waits for what never comes, and can be asked to stop. */
  hang: (query, { signal }) => timers.setTimeout(2 ** 30, null, { signal }),
  swallow: () => new Promise(() => {}),
  sleep: async ({ seconds }) => {
    await timers.setTimeout(Number(seconds) * 1000);
    return 'slept';
  },
};

exports.act_async = async (event, context) => {
  const { query } = event.extensions.request;
  return (ASYNC_ACTS[query.do] ?? ACTS[query.do])(query, context);
};

exports.parts_async = async function* (event, context) {
  yield 'one ';
  await timers.setImmediate();
  yield Buffer.from('two');
};
