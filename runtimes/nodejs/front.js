'use strict';

/** The front: listens, reads requests, lets workers run the function, and stops in good order. */

const fs = require('node:fs');

const { Connections } = require('./connections');
const { LineWriter } = require('./log');
const { CONTENT_TYPE, Metrics } = require('./metrics');
const { Pool } = require('./pool');
const { allowedBy, headersOf } = require('./protocol');
const { EXIT, MIB } = require('./settings');

/** How long workers get to end before the process does. */
const LAST_GRACE = 2_000;

/** Numbers of calls have four bytes on the channel, and begin again. */
const MOST_IDS = 2 ** 32 - 1;

const OK = Buffer.from('OK\n');

/** Holds the connections and the pool together. */
class Front {
  #settings;
  #pool;
  #connections;
  #log = new LineWriter(2);
  #metrics = new Metrics();
  #ids = 0;
  #held = 0;
  #port = 0;
  #ending = null;
  #waiters = new Set();

  constructor(settings, first) {
    this.#settings = settings;
    this.bodyLimit = settings.bodyLimit;
    this.draining = false;
    this.access = settings.accessLog ? new LineWriter(1) : null;
    this.#connections = new Connections(this);
    this.#pool = new Pool(first, {
      settings,
      log: this.#log,
      metrics: this.#metrics,
      onLoaded: (version) => this.#loaded(version),
      onLoadFailed: (sentence) => this.#end(EXIT.loadFailed, sentence),
      onRest: () => this.onRest(),
    });
  }

  /** Serve until a signal or a failure ends the process. */
  async run() {
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => this.#stop());
    const { host, port } = this.#settings;
    try {
      this.#port = await this.#connections.listen(host, port);
      if (this.#settings.portFile) writeWhole(this.#settings.portFile, `${this.#port}\n`);
    } catch (error) {
      await this.#end(EXIT.bindFailed, `listening on ${host}:${port}: ${reason(error)}`);
    }
  }

  /** Answers of the server itself: is it alive, is the function ready, what has it done. */
  ownAnswer(path) {
    if (path === '/healthz') return [200, headersOf(200), OK];
    if (path === '/readyz') return this.#readiness();
    if (path !== '/metrics') return null;
    return [200, ['Content-Type', CONTENT_TYPE], Buffer.from(this.#metrics.render())];
  }

  /** Run the function; throws Unavailable. */
  submit(exchange) {
    const now = performance.now();
    const unixNow = Date.now();
    const allowed = Math.min(this.#settings.timeout * 1000, allowedBy(exchange.head, unixNow));
    this.#ids = (this.#ids % MOST_IDS) + 1;
    const call = {
      id: this.#ids,
      head: exchange.head,
      body: exchange.body,
      peer: exchange.peer,
      reply: exchange,
      received: now,
      deadline: now + allowed,
      unixDeadline: (unixNow + allowed) / 1000,
      link: null,
      streaming: false,
      settled: false,
      grace: 0,
      place: 0,
      turn: null,
    };
    exchange.body = null;
    this.#pool.submit(call);
    return call;
  }

  /** Whether the call has not begun. */
  waits(call) {
    return this.#pool.waits(call);
  }

  /** The call's client has gone before its answer was whole. */
  forget(call) {
    this.#pool.forget(call);
  }

  /** Whether size more bytes of body may be held: four of the largest at once. */
  reserve(size) {
    if (this.#held + size > Math.max(4 * this.bodyLimit, MIB)) return false;
    this.#held += size;
    return true;
  }

  /** Bytes that are held no more. */
  release(size) {
    this.#held -= size;
  }

  /** A call, a connection or a worker has ended: perhaps that was the last to wait for. */
  onRest() {
    for (const check of this.#waiters) check();
  }

  #readiness() {
    if (this.#pool.ready && !this.draining) return [200, headersOf(200), OK];
    const why = this.draining ? 'stopping\n' : 'the function is not loaded yet\n';
    return [503, headersOf(503), Buffer.from(why)];
  }

  #loaded(version) {
    const { host, timeout, title } = this.#settings;
    const address = `${host}:${this.#port}`;
    this.#log.write(`${title}: ready on ${address} (Node.js ${version}, timeout ${timeout} s)`);
  }

  /** Let the calls in flight end. */
  async #stop() {
    if (this.draining) return;
    this.draining = true;
    this.#connections.drain();
    const quiet = () => this.#pool.idle && this.#connections.count === 0;
    await this.#until(quiet, this.#settings.shutdownTimeout * 1000);
    const short = this.#pool.unfinished;
    if (short) await this.#end(EXIT.cutShort, `stopping: ${short} calls were cut short`);
    else await this.#end(EXIT.stopped);
  }

  /** End the workers and say why, last. */
  async #end(code, lastWords = null) {
    if (this.#ending !== null) return;
    this.#ending = code;
    this.draining = true;
    this.#connections.drain();
    this.#pool.close();
    await this.#until(() => this.#pool.empty, LAST_GRACE);
    this.#connections.abort();
    if (lastWords !== null) this.#log.write(`${this.#settings.title}: ${lastWords}`);
    process.exit(code);
  }

  /** Resolves when it holds, or when the time is over. */
  #until(holds, time) {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#waiters.delete(check);
        resolve();
      };
      const timer = setTimeout(finish, time);
      const check = () => holds() && finish();
      this.#waiters.add(check);
      check();
    });
  }
}

function reason(error) {
  const known = {
    EADDRINUSE: 'the address is in use',
    EACCES: 'not permitted',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'no such host',
  };
  return known[error.code] ?? error.code ?? error.message;
}

/** Write a file so that a reader finds all of it or none. */
function writeWhole(path, text) {
  const unfinished = `${path}.${process.pid}`;
  fs.writeFileSync(unfinished, text);
  fs.renameSync(unfinished, path);
}

module.exports = { Front };
