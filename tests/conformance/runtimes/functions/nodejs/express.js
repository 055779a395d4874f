'use strict';

// Functions in the style of Kubeless's Node.js: they answer by the response.

const { Readable } = require('node:stream');
const timers = require('node:timers/promises');

const PAGES = {
  '/json': (request, response) => response.status(201).set('X-A', '1').json({ made: request.body }),
  '/send': (request, response) => {
    response.type('html').append('Set-Cookie', 'a=1').append('Set-Cookie', 'b=2').send('<p>');
  },
  '/later': async (request, response) => {
    await timers.setTimeout(10);
    response.status(202).end('later');
  },
  /** Answers, and never returns. */
  '/never': (request, response) => new Promise(() => response.send('answered')),
  '/written': async (request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/csv' });
    response.write('a,');
    await timers.setTimeout(10);
    response.end('b');
  },
  '/piped': (request, response) => {
    request.pipe(response);
  },
  '/chained': (request, response) => response.status(204),
  '/broken': async (request, response) => {
    response.write('a,');
    await timers.setTimeout(10);
    throw new Error('the reason');
  },
  '/head': (request, response) => {
    response.set('X-Back', request.get('X-There')).set('X-Empty', '');
    return request.rawHeaders.slice(2);
  },
  '/readable': () => Readable.from(['one ', Buffer.from('two')]),
  '/request': (request) => ({
    url: request.url,
    body: request.body,
    accept: request.get('Accept'),
    json: request.is('json'),
    hostname: request.hostname,
    all: request.query.getall('x'),
  }),
};

exports.page = (event, context) => {
  const { request, response } = event.extensions;
  return PAGES[request.path](request, response);
};

exports.data = (event, context) => event.data;
