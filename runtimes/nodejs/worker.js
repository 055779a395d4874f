'use strict';

/**
 * One worker: a process that runs the function and nothing else of the server.
 *
 * Many calls run side by side on its event loop. What blocks the loop blocks the calls that have
 * begun, and no others; what cannot be stopped by asking, the front kills. It owns the clients'
 * connections.
 */

const fs = require('node:fs');
const net = require('node:net');

const { Call, SystemExit, running } = require('./call');
const { DESCRIPTOR, Decoder, Sender, kinds } = require('./channel');
const { become } = require('./environment');
const { described, writeTrace } = require('./failure');
const { LoadError, load } = require('./load');
const { Turnstile } = require('./referee');

/** A turn of so many milliseconds is one that others should not wait for. */
const LONG_TURN = 10;

const exit = process.exit.bind(process);

class Worker {
  #socket = new net.Socket({ fd: DESCRIPTOR, readable: true, writable: true });
  #sender = new Sender(this.#socket);
  #decoder = new Decoder();
  #calls = new Map();
  #shared = null;
  #turns = [];
  #turnstile = null;

  run() {
    const take = (...message) => this.#take(...message);
    this.#socket.on('data', (data) => {
      // each in a turn of its own, after which promises of the one before it have had theirs
      this.#decoder.feed(data, (...message) => setImmediate(take, ...message));
    });
    this.#socket.on('error', () => {}); // its end is what counts
    this.#socket.on('close', () => exit(0));
  }

  /** Tell the front soon. */
  send(...message) {
    this.#sender.send(...message);
  }

  /** Tell it now, before the function runs on. */
  sendNow(...message) {
    this.#sender.send(...message);
    this.#sender.flush();
  }

  /** The call has not ended in its first turn: tell the front as soon as the loop turns. */
  waits(call) {
    if (this.#turns.push(call) === 1) setImmediate(() => this.#turned());
  }

  /** The call has sent its last message. */
  ended(call) {
    this.#calls.delete(call.id);
  }

  #turned() {
    for (const call of this.#turns.splice(0)) {
      if (!call.heardOf) this.send(kinds.WAITS, call.id);
    }
    this.#sender.flush();
  }

  #take(kind, id, fields, bytes) {
    switch (kind) {
      case kinds.LOAD:
        return void this.#load(JSON.parse(bytes));
      case kinds.REHEARSE:
        return this.#rehearse();
      case kinds.CALL:
        return this.#begin(id, fields, bytes);
      case kinds.MORE:
        return this.#calls.get(id)?.more();
      case kinds.CANCEL:
        return this.#calls.get(id)?.cancel();
      case kinds.OPEN:
        this.#turnstile = new Turnstile();
        return this.#turnstile.open();
      case kinds.THAW:
        this.#turnstile.reset();
        return this.send(kinds.THAWED);
      default:
        return this.send(kinds.PONG);
    }
  }

  async #load({ settings, told }) {
    if (told) become(told);
    try {
      const run = await load(settings);
      this.#shared = { run, settings, worker: this };
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      this.sendNow(kinds.FAILED, 0, [], Buffer.from(error.message));
      return;
    }
    this.#guard(settings.title);
    this.sendNow(kinds.READY, 0, [process.versions.node]);
  }

  /** Run a call that is nobody's, as the front does (see rehearsal.js). */
  #rehearse() {
    const stage = { send() {}, ended() {}, waits() {} };
    const shared = { run: () => ({}), settings: { kubeless: false }, worker: stage };
    const headers = ['Content-Type', 'application/json'];
    const sent = { method: 'POST', target: '/', headers, peer: '', body: Buffer.from('{}') };
    new Call(0, shared, performance.now()).begin(sent);
  }

  #begin(id, fields, bytes) {
    this.#sender.flush(); // this call may block, which is nothing to those before it
    if (this.#turnstile === null || this.#turnstile.pass()) this.#run(id, fields, bytes);
  }

  #run(id, [method, target, peer, deadline, ...headers], bytes) {
    // a copy, or whoever keeps a small body keeps all that was read with it
    const sent = { method, target, headers, peer, body: Buffer.from(bytes) };
    const call = new Call(id, this.#shared, Number(deadline));
    const began = performance.now();
    this.#calls.set(id, call);
    call.begin(sent);
    if (performance.now() - began >= LONG_TURN) this.send(kinds.LONG);
  }

  /** Let failures beside a call's result fail that call, or nothing, instead of the process. */
  #guard(title) {
    process.exit = (code) => {
      const error = new SystemExit(code ?? process.exitCode ?? 0);
      const call = running.getStore();
      if (call) call.fail(error);
      else this.send(kinds.SPOILT);
      throw error;
    };
    process.on('uncaughtException', (error) => {
      if (error instanceof SystemExit) return;
      this.#told(title, 'uncaught', error);
      running.getStore()?.fail(error);
      this.send(kinds.SPOILT); // what it has left half done is nobody's knowledge
    });
    process.on('unhandledRejection', (error) => {
      if (!(error instanceof SystemExit)) this.#told(title, 'unhandled rejection', error);
    });
  }

  #told(title, what, error) {
    const call = running.getStore();
    const whose = call ? `call ${call.name}: ` : '';
    if (call && !call.answered && what === 'uncaught') return; // its failure is told
    process.stderr.write(`${title}: ${whose}${what}: ${described(error)}\n`);
    writeTrace(error);
  }
}

/** What a function prints waits for its reader: else it would be kept in memory without bound. */
function waitForReaders() {
  for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);
}

/** Let the kernel, when memory runs out, end the worker and not its front. */
function standBack() {
  try {
    fs.writeFileSync('/proc/self/oom_score_adj', '500');
  } catch {
    // elsewhere than on Linux, the two are equals
  }
}

standBack();
waitForReaders();
new Worker().run();
