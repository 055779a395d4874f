'use strict';

/** The clients' connections: how many, what they ask for in which order, and when they end. */

const http = require('node:http');
const net = require('node:net');

const { Exchange } = require('./exchange');
const { BadRequest, HEAD_LIMIT, badRequestOf, rawRefusal } = require('./protocol');

const CONNECTION_LIMIT = 1024;
const BACKLOG = 1024;

/** How long a connection is kept between requests: longer than its clients keep it. */
const IDLE_TIMEOUT = 75_000;

/** How long a head may take as a whole. */
const HEAD_TIMEOUT = 30_000;

const SWEEP = 5_000;

/** Pipelined requests that are read ahead of their turn. */
const READ_AHEAD = 16;

const OPTIONS = {
  maxHeaderSize: HEAD_LIMIT,
  requireHostHeader: false, // Node's own refusal has no sentence; ours has
  keepAliveTimeout: IDLE_TIMEOUT,
  headersTimeout: HEAD_TIMEOUT,
  requestTimeout: 0, // a large body may take longer, as long as it comes
  connectionsCheckingInterval: SWEEP,
  noDelay: true,
};

/** The state of one connection: the exchange that has its turn, and what comes after it. */
class Line {
  current = null;
  next = [];
}

/** Serves connections for a service (see Exchange). */
class Connections {
  #service;
  #lines = new Map();
  #server;

  constructor(service) {
    this.#service = service;
    this.#server = http.createServer(OPTIONS);
    this.#server.maxHeadersCount = 0; // Node would drop the rest silently: counted in protocol.js
    this.#server.httpAllowHalfOpen = true;
    this.#server.on('connection', (socket) => this.#connected(socket));
    for (const name of ['request', 'checkContinue', 'checkExpectation']) {
      this.#server.on(name, (req, res) => this.#take(req, res));
    }
    this.#server.on('clientError', (error, socket) => this.#broken(error, socket));
    this.#server.on('connect', (_, socket) => {
      socket.end(rawRefusal(new BadRequest(400, 'the request target is not a path')));
    });
  }

  /** How many there are. */
  get count() {
    return this.#lines.size;
  }

  /** Accept connections; resolves to the port, or rejects with the reason. */
  listen(host, port) {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        resolve(this.#server.address().port);
      });
    });
  }

  /** Accept no more, and close those that wait for nothing. */
  drain() {
    // http's own close ends idle connections first: a client that is sent away could come back
    net.Server.prototype.close.call(this.#server);
    for (const [socket, line] of this.#lines) {
      if (line.current === null) socket.destroy();
    }
  }

  /** Accept no more, where none is open. */
  close() {
    this.#server.close();
  }

  /** Close all. */
  abort() {
    for (const socket of this.#lines.keys()) socket.destroy();
  }

  #connected(socket) {
    if (this.#lines.size >= CONNECTION_LIMIT) {
      socket.end(rawRefusal(new BadRequest(503, 'too many connections at once: try again')));
      socket.destroySoon();
      return;
    }
    const line = new Line();
    this.#lines.set(socket, line);
    socket.once('end', () => line.current?.clientEnded());
    socket.once('close', () => {
      this.#lines.delete(socket);
      this.#service.onRest();
    });
  }

  /** Pipelined requests wait for their turn: Node hands them over as they come. */
  #take(req, res) {
    const { socket } = req;
    const line = this.#lines.get(socket);
    if (line === undefined) return;
    const exchange = new Exchange(this.#service, req, res);
    res.on('close', () => {
      exchange.closed();
      this.#advance(socket, line);
    });
    if (line.current === null) {
      line.current = exchange;
      exchange.begin();
      return;
    }
    line.next.push({ exchange, begin: () => exchange.begin() });
    if (line.next.length >= READ_AHEAD) socket.pause();
  }

  #advance(socket, line) {
    line.current = null;
    if (socket.destroyed) return;
    const next = line.next.shift();
    if (next !== undefined) {
      line.current = next.exchange;
      next.begin();
    } else if (this.#service.draining) {
      socket.destroySoon();
    }
    if (line.next.length < READ_AHEAD) socket.resume();
  }

  /** What comes cannot be parsed: say so once the requests before it are answered, and close. */
  #broken(error, socket) {
    const line = this.#lines.get(socket);
    const refuse = () => {
      if (socket.writable) socket.end(rawRefusal(badRequestOf(error)));
      socket.destroySoon();
    };
    if (line === undefined || error.code === 'ECONNRESET') socket.destroy();
    else if (line.current === null || line.current.reading) refuse();
    else line.next.push({ exchange: null, begin: refuse });
  }
}

module.exports = { Connections };
