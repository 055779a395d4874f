'use strict';

/**
 * What a server does while it waits for its function, so that it is practised when it knows it:
 * Node.js loads and compiles what a request takes when the first one comes.
 */

const { once } = require('node:events');
const net = require('node:net');

const { Connections } = require('./connections');

const HOST = '127.0.0.1';

/** Milliseconds without a byte, after which a function starts without it. */
const PATIENCE = 1_000;

const REQUEST =
  'POST / HTTP/1.1\r\nHost: rehearsal\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}';
const ANSWER = Buffer.from('{}');

/** Stands in for the front (see Exchange): answers at once, and has no worker. */
class Stage {
  bodyLimit = REQUEST.length;
  draining = false;
  access = null;

  ownAnswer() {
    return null;
  }

  submit(exchange) {
    exchange.respond(200, ['Content-Type', 'application/json'], ANSWER);
    return { received: performance.now(), settled: true };
  }

  waits() {
    return false;
  }

  reserve() {
    return true;
  }

  release() {}

  onRest() {}
}

/** Answer one request of one's own; rejects when that takes longer than `PATIENCE`. */
async function rehearse() {
  const connections = new Connections(new Stage());
  try {
    const client = net.connect(await connections.listen(HOST, 0), HOST);
    client.setTimeout(PATIENCE, () => client.destroy(new Error('no answer in time')));
    client.resume().write(REQUEST);
    await once(client, 'close');
  } finally {
    connections.abort();
    connections.close();
  }
}

module.exports = { rehearse };
