'use strict';

/** The calls of one function: who runs which, until when, and what their callers are told. */

const { kinds } = require('./channel');
const { Crew } = require('./crew');

/** Deadlines are swept this often while there are calls: exact enough, and free per call. */
const TICK = 20;

/** The call cannot be taken now; the message is for the client, who may try again. */
class Unavailable extends Error {}

/**
 * Runs calls in workers.
 *
 * A call is waiting -> running -> settled (its client has an answer) -> ended (its worker said
 * so, or is gone). When a call's time is over it is settled with 408 and cancelled; if it has
 * not ended after a grace, its worker retires and is killed as soon as nobody waits for its other
 * calls.
 */
class Pool {
  #around;
  #settings;
  #crew;
  #waiting = [];
  #loaded = false;
  #closing = false;
  #timer = null;

  /** `around` has settings, log, metrics, onLoaded(version), onLoadFailed(sentence), onRest(). */
  constructor(first, around) {
    this.#around = around;
    this.#settings = around.settings;
    this.#crew = new Crew(first, around.settings, this);
  }

  /** Whether a call would be run now or soon. */
  get ready() {
    return this.#loaded && !this.#closing;
  }

  /** Calls that have no answer yet. */
  get unfinished() {
    return this.#crew.running + this.#waiting.length;
  }

  /** Whether no call is running or waiting, with or without an answer. */
  get idle() {
    return this.#waiting.length === 0 && this.#crew.idle;
  }

  /** Whether every worker has ended. */
  get empty() {
    return this.#crew.links.length === 0;
  }

  /** Run the call, or throw Unavailable. */
  submit(call) {
    if (!this.#loaded) throw new Unavailable('the function is not loaded yet');
    if (call.deadline <= call.received) {
      throw new Unavailable("the call's deadline had passed when it came");
    }
    const link = this.#waiting.length ? null : this.#crew.free(call.received);
    if (link) {
      link.begin(call);
    } else if (this.#waiting.length < this.#room()) {
      this.#waiting.push(call);
    } else {
      throw new Unavailable('the function is busy and its queue is full');
    }
    this.#tickSoon();
  }

  /** Whether the call has not begun. */
  waits(call) {
    return call.link === null && !call.settled;
  }

  /** The client has gone: a waiting call is dropped, a streamed answer is stopped.
   *
   * A function that is computing goes on: what it does besides answering is its own.
   */
  forget(call) {
    if (this.#withdraw(call)) {
      call.settled = true;
    } else if (call.streaming && !call.settled) {
      this.#settle(call, false);
      this.#cancel(call);
    }
    this.#rest();
  }

  /** End every worker; `empty` tells when they are gone. */
  close() {
    this.#closing = true;
    this.#crew.close(performance.now());
    this.watch();
    this.#rest();
  }

  /** Keep the sweep going while anything has a time limit. */
  watch() {
    const lacking = this.ready && this.#crew.lacking;
    if (this.#waiting.length || this.#crew.busy || lacking) this.#tickSoon();
    else this.#crew.trimLater();
  }

  /** What a worker says. */
  hear(link, message) {
    switch (message.kind) {
      case kinds.READY:
        return this.#welcome(link, message.fields[0]);
      case kinds.FAILED:
        return this.#refuse(message.bytes.toString());
      case kinds.SPOILT:
        this.#crew.retire(link);
        return this.watch();
      case kinds.PONG:
      case kinds.WAITS:
        return this.#assign();
      default:
        return this.#advance(link, message);
    }
  }

  /** Calls that a worker has not begun, since one before them takes long, are another's. */
  takeBack(link, calls) {
    this.#waiting.unshift(...calls);
    this.#assign();
    this.watch();
  }

  /** A worker has ended: settle what it ran, and replace it where needed. */
  bury(link) {
    this.#crew.remove(link);
    const { title } = this.#settings;
    const { ending, pid } = link.process;
    if (!this.#loaded && !this.#closing) {
      this.#around.onLoadFailed(`loading ${title}: its process ${ending} during import`);
    }
    const lost = [...link.calls].filter((call) => !call.settled);
    for (const call of lost) this.#fail(call, 500, "the function's process ended during the call");
    if (lost.length || !(link.retiring || this.#closing)) {
      const line = `worker ${pid} ${ending} with ${lost.length} calls in flight`;
      this.#around.log.write(`${title}: ${line}`);
    }
    this.#assign();
    this.watch();
    this.#rest();
  }

  #welcome(link, version) {
    this.#crew.welcome(link);
    if (!this.#loaded) {
      this.#loaded = true;
      this.#around.onLoaded(version);
    }
    this.#assign();
  }

  #refuse(sentence) {
    if (!this.#loaded) this.#around.onLoadFailed(sentence);
    else this.#around.log.write(`${this.#settings.title}: a further worker: ${sentence}`);
  }

  /** Take what a worker says of a call that it runs. */
  #advance(link, { kind, call, fields, bytes }) {
    if (call === undefined) return;
    if (kind === kinds.HEAD && !call.settled) {
      const [status, length, ...headers] = fields;
      call.streaming = true;
      call.reply.start(Number(status), headers, length);
    } else if (kind === kinds.CHUNK && !call.settled) {
      call.reply.chunk(bytes, () => call.link?.more(call));
    } else if (kind === kinds.ANSWER || kind === kinds.END) {
      if (!call.settled) this.#finish(call, kind, fields, bytes);
      link.end(call, performance.now());
    }
    if (this.#waiting.length) this.#assign();
    else this.#rest();
  }

  #finish(call, kind, fields, bytes) {
    if (kind === kinds.ANSWER) {
      const [status, failed, ...headers] = fields;
      this.#settle(call, failed !== '');
      call.reply.respond(Number(status), headers, bytes);
      return;
    }
    const failed = fields[0] !== '';
    this.#settle(call, failed);
    if (failed) call.reply.abort();
    else call.reply.finish();
  }

  #settle(call, failed) {
    call.settled = true;
    const seconds = (performance.now() - call.received) / 1000;
    this.#around.metrics.observe(call.head.method, seconds, failed);
  }

  /** Answer a call that failed beyond the function's own doing. */
  #fail(call, status, sentence) {
    this.#settle(call, true);
    if (call.streaming) call.reply.abort();
    else call.reply.say(status, sentence);
  }

  /** Give waiting calls to workers that have room. */
  #assign() {
    if (this.#waiting.length === 0) return;
    const now = performance.now();
    let link = this.#crew.free(now);
    while (link && this.#waiting.length) {
      link.begin(this.#waiting.shift());
      link = this.#crew.free(now);
    }
  }

  /** How many calls may wait: the queue, and those that could run but for a worker's turn. */
  #room() {
    return this.#settings.queue + Math.max(0, this.#settings.concurrency - this.#crew.running);
  }

  #withdraw(call) {
    const at = call.link === null ? this.#waiting.indexOf(call) : -1;
    if (at >= 0) this.#waiting.splice(at, 1);
    return at >= 0;
  }

  #cancel(call) {
    call.link?.cancel(call);
    this.watch();
  }

  /** Tell those who wait for it that every call has its answer, or every worker its end. */
  #rest() {
    this.#around.onRest();
  }

  /** A sweep; what workers have said meanwhile is heard first, however late it is. */
  #tickSoon() {
    this.#timer ??= setTimeout(() => setImmediate(() => this.#tick()), TICK);
  }

  #tick() {
    this.#timer = null;
    const now = performance.now();
    for (const call of this.#waiting.filter((one) => now >= one.deadline)) {
      this.#withdraw(call);
      call.settled = true;
      call.reply.refuse("the function was busy until the call's deadline");
    }
    for (const link of [...this.#crew.links]) this.#tickLink(link, now);
    this.#assign();
    if (this.ready) this.#crew.grow(now, this.#waiting.length);
    this.watch();
    this.#rest();
  }

  #tickLink(link, now) {
    link.sweep();
    for (const call of [...link.calls]) {
      if (!call.settled && now >= call.deadline) this.#expire(call, now);
    }
    this.#crew.review(link, now);
  }

  #expire(call, now) {
    const seconds = ((now - call.received) / 1000).toFixed(3);
    const what = `${call.head.method} ${call.head.path}`;
    const line = `${what}: stopped after ${seconds} s: its time is over`;
    this.#around.log.write(`${this.#settings.title}: ${line}`);
    this.#fail(call, 408, 'the function took longer than its timeout');
    this.#cancel(call);
  }
}

module.exports = { Pool, Unavailable };
