'use strict';

/** The workers of one function: who runs which call, until when, and who replaces whom. */

const { kinds } = require('./channel');
const { WorkerLink } = require('./link');
const { WorkerProcess } = require('./process');

/** Deadlines are swept this often while there are calls: exact enough, and free per call. */
const TICK = 20;

/** So many processes at most, however many calls may run. */
const MOST_WORKERS = 10;

/** Workers beyond the first are stopped after being idle so long. */
const IDLE_LIFE = 60_000;

const FIRST_RESPAWN = 100;
const LAST_RESPAWN = 10_000;

/** The call cannot be taken now; the message is for the client, who may try again. */
class Unavailable extends Error {}

/**
 * Runs calls in workers.
 *
 * A call is waiting -> running -> settled (its client has an answer) -> ended (its worker said
 * so, or is gone). A worker is starting -> ready -> retiring (no new calls) -> ended. When a
 * call's time is over it is settled with 408 and cancelled; if it has not ended after a grace,
 * its worker retires and is killed as soon as nobody waits for its other calls.
 */
class Pool {
  #around;
  #settings;
  #links = [];
  #waiting = [];
  #loaded = false;
  #closing = false;
  #respawnAt = 0;
  #respawnDelay = FIRST_RESPAWN;
  #timer = null;
  #trimmer = null;

  /** `around` has settings, log, metrics, onLoaded(version), onLoadFailed(sentence), onRest(). */
  constructor(first, around) {
    this.#around = around;
    this.#settings = around.settings;
    this.#adopt(first);
  }

  /** Whether a call would be run now or soon. */
  get ready() {
    return this.#loaded && !this.#closing;
  }

  /** Calls that have no answer yet. */
  get unfinished() {
    return this.#running() + this.#waiting.length;
  }

  /** Whether no call is running or waiting, with or without an answer. */
  get idle() {
    return this.#waiting.length === 0 && this.#links.every((link) => link.calls.size === 0);
  }

  /** Whether every worker has ended. */
  get empty() {
    return this.#links.length === 0;
  }

  /** Run the call, or throw Unavailable. */
  submit(call) {
    if (!this.#loaded) throw new Unavailable('the function is not loaded yet');
    if (call.deadline <= call.received) {
      throw new Unavailable("the call's deadline had passed when it came");
    }
    const link = this.#waiting.length ? null : this.#freeLink(call.received);
    if (link) {
      link.begin(call);
    } else if (this.#waiting.length < this.#room(call.received)) {
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
    const now = performance.now();
    for (const link of this.#links) {
      if (link.calls.size || !link.ready) link.process.kill();
      else link.stop(now);
    }
    this.#watch();
    this.#rest();
  }

  /** What a worker says. */
  hear(link, message, bytes) {
    switch (message[0]) {
      case kinds.READY:
        return this.#welcome(link, message[1]);
      case kinds.FAILED:
        return this.#refuse(message[1]);
      case kinds.SPOILT:
        return this.#retire(link);
      case kinds.PONG:
      case kinds.WAITS:
        return this.#assign();
      default:
        return this.#advance(link, message, bytes);
    }
  }

  /** Calls that a worker has not begun, since one before them takes long, are another's. */
  takeBack(link, calls) {
    this.#waiting.unshift(...calls);
    this.#assign();
    this.#watch();
  }

  /** A worker has ended: settle what it ran, and replace it where needed. */
  bury(link) {
    this.#links.splice(this.#links.indexOf(link), 1);
    const { title } = this.#settings;
    const { ending, pid } = link.process;
    if (!this.#loaded && !this.#closing) {
      this.#around.onLoadFailed(`loading ${title}: its process ${ending} during import`);
    }
    const lost = [...link.calls.values()].filter((call) => !call.settled);
    for (const call of lost) this.#fail(call, 500, "the function's process ended during the call");
    if (lost.length || !(link.retiring || this.#closing)) {
      const line = `worker ${pid} ${ending} with ${lost.length} calls in flight`;
      this.#around.log.write(`${title}: ${line}`);
    }
    if (!link.ready && !link.retiring) this.#delayRespawn();
    this.#assign();
    this.#watch();
    this.#rest();
  }

  #adopt(process) {
    this.#links.push(new WorkerLink(process, this));
  }

  #welcome(link, version) {
    link.ready = true;
    this.#respawnDelay = FIRST_RESPAWN;
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

  #retire(link) {
    if (!link.retiring) link.retire(performance.now() + this.#settings.shutdownTimeout * 1000);
    this.#watch();
  }

  /** Take what a worker says of a call that it runs. */
  #advance(link, message, bytes) {
    const [kind, id] = message;
    const call = link.calls.get(id);
    if (call === undefined) return;
    if (kind === kinds.HEAD && !call.settled) {
      call.streaming = true;
      call.reply.start(message[2], message[3], message[4]);
    } else if (kind === kinds.CHUNK && !call.settled) {
      call.reply.chunk(bytes, () => call.link?.more(call));
    } else if (kind === kinds.ANSWER || kind === kinds.END) {
      this.#finish(call, message, bytes);
      link.end(call, performance.now());
    }
    if (this.#waiting.length) this.#assign();
    else this.#rest();
  }

  #finish(call, message, bytes) {
    if (call.settled) return;
    if (message[0] === kinds.ANSWER) {
      this.#settle(call, message[4]);
      call.reply.respond(message[2], message[3], bytes);
    } else {
      this.#settle(call, message[2]);
      if (message[2]) call.reply.abort();
      else call.reply.finish();
    }
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
    let link = this.#freeLink(now);
    while (link && this.#waiting.length) {
      link.begin(this.#waiting.shift());
      link = this.#freeLink(now);
    }
  }

  /** The first worker with room: the others stay idle and can be stopped. */
  #freeLink(now) {
    if (this.#running() >= this.#settings.concurrency) return null;
    return this.#links.find((link) => link.free(now)) ?? null;
  }

  #running() {
    let count = 0;
    for (const link of this.#links) count += link.wanted;
    return count;
  }

  /** How many calls may wait: the queue, and those that could run but for a worker's turn. */
  #room() {
    return this.#settings.queue + Math.max(0, this.#settings.concurrency - this.#running());
  }

  #withdraw(call) {
    const at = call.link === null ? this.#waiting.indexOf(call) : -1;
    if (at >= 0) this.#waiting.splice(at, 1);
    return at >= 0;
  }

  #cancel(call) {
    call.link?.cancel(call);
    this.#watch();
  }

  /** Keep the sweep going while anything has a time limit. */
  #watch() {
    const busy = this.#links.some((link) => link.calls.size || !link.ready);
    const lasting = this.#waiting.length || busy;
    if (lasting || this.#lacking()) this.#tickSoon();
    else if (this.#links.length > 1) this.#trimmer ??= setTimeout(() => this.#trim(), IDLE_LIFE);
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
    for (const link of [...this.#links]) this.#tickLink(link, now);
    this.#assign();
    this.#grow(now);
    this.#watch();
    this.#rest();
  }

  #tickLink(link, now) {
    link.sweep();
    for (const call of [...link.calls.values()]) {
      if (!call.settled && now >= call.deadline) this.#expire(call, now);
    }
    if (link.overdue) this.#retire(link);
    if (link.retiring && now >= link.killAt) link.process.kill();
    else if (link.retiring && !link.stopping && link.wanted === 0) this.#dismiss(link, now);
  }

  /** Nobody waits for what a retiring worker does: it ends by itself, if it can. */
  #dismiss(link, now) {
    if (link.calls.size) link.process.kill();
    else link.stop(now);
  }

  #expire(call, now) {
    const seconds = ((now - call.received) / 1000).toFixed(3);
    const what = `${call.head.method} ${call.head.path}`;
    const line = `${what}: stopped after ${seconds} s: its time is over`;
    this.#around.log.write(`${this.#settings.title}: ${line}`);
    this.#fail(call, 408, 'the function took longer than its timeout');
    this.#cancel(call);
  }

  /** Whether there is no worker to take a call. */
  #lacking() {
    return this.ready && this.#links.every((link) => link.retiring);
  }

  /** Start a worker: the one that must be there, or another where the others are stuck. */
  #grow(now) {
    if (!this.ready || now < this.#respawnAt) return;
    const living = this.#links.filter((link) => !link.retiring);
    const room = living.length < Math.min(this.#settings.concurrency, MOST_WORKERS);
    const stuck = living.every((link) => link.ready && link.stuck);
    const short = this.#waiting.length > 0 && this.#running() < this.#settings.concurrency;
    if (living.length === 0 || (short && stuck && room)) {
      this.#adopt(new WorkerProcess(this.#settings));
    }
  }

  #delayRespawn() {
    this.#respawnAt = performance.now() + this.#respawnDelay;
    this.#respawnDelay = Math.min(this.#respawnDelay * 2, LAST_RESPAWN);
  }

  /** Stop workers that have had nothing to do for long, but for the first. */
  #trim() {
    this.#trimmer = null;
    const now = performance.now();
    const idle = this.#links.filter((link) => link.ready && link.calls.size === 0);
    for (const link of idle.slice(1)) {
      if (now - link.idleSince >= IDLE_LIFE) link.stop(now);
    }
    this.#watch();
  }
}

module.exports = { Pool, Unavailable };
