'use strict';

/** The workers of one function: which of them has room, when another starts, and when one ends. */

const { WorkerLink } = require('./link');
const { WorkerProcess } = require('./process');

/** So many processes at most, however many calls may run. */
const MOST_WORKERS = 10;

/** Workers beyond the first are stopped after being idle so long. */
const IDLE_LIFE = 60_000;

const FIRST_RESPAWN = 100;
const LAST_RESPAWN = 10_000;

/** A worker is starting -> ready -> retiring (no new calls) -> ended. */
class Crew {
  links = [];
  #settings;
  #pool;
  #respawnAt = 0;
  #respawnDelay = FIRST_RESPAWN;
  #trimmer = null;

  /** `pool` gets what the workers say (see WorkerLink). */
  constructor(first, settings, pool) {
    this.#settings = settings;
    this.#pool = pool;
    this.#adopt(first);
  }

  /** Calls that run and whose answer is still wanted. */
  get running() {
    let count = 0;
    for (const link of this.links) count += link.wanted;
    return count;
  }

  /** Whether no worker has a call, with or without an answer. */
  get idle() {
    return this.links.every((link) => link.calls.length === 0);
  }

  /** Whether no worker takes calls, now or soon. */
  get lacking() {
    return this.links.every((link) => link.retiring);
  }

  /** Whether a worker has what has to be watched: calls, or a start. */
  get busy() {
    return this.links.some((link) => link.calls.length || !link.ready);
  }

  /** The first worker with room, or null: the others stay idle and can be stopped. */
  free(now) {
    if (this.running >= this.#settings.concurrency) return null;
    return this.links.find((link) => link.free(now)) ?? null;
  }

  /** The worker has loaded the function. */
  welcome(link) {
    link.ready = true;
    this.#respawnDelay = FIRST_RESPAWN;
  }

  /** Let the worker take no more calls. */
  retire(link) {
    if (!link.retiring) link.retire(performance.now() + this.#settings.shutdownTimeout * 1000);
  }

  /** The worker has ended. */
  remove(link) {
    this.links.splice(this.links.indexOf(link), 1);
    if (link.ready || link.retiring) return;
    this.#respawnAt = performance.now() + this.#respawnDelay;
    this.#respawnDelay = Math.min(this.#respawnDelay * 2, LAST_RESPAWN);
  }

  /** Give up the worker of a call that did not end when it was asked to. */
  review(link, now) {
    if (link.overdue) this.retire(link);
    if (link.retiring && now >= link.killAt) link.process.kill();
    else if (link.retiring && !link.stopping && link.wanted === 0) this.#dismiss(link, now);
  }

  /** Start a worker: the one that must be there, or another where calls wait and all are stuck. */
  grow(now, waiting) {
    if (now < this.#respawnAt) return;
    const living = this.links.filter((link) => !link.retiring);
    const room = living.length < Math.min(this.#settings.concurrency, MOST_WORKERS);
    const stuck = living.every((link) => link.ready && link.stuck);
    const short = waiting > 0 && this.running < this.#settings.concurrency;
    if (living.length === 0 || (short && stuck && room)) {
      this.#adopt(new WorkerProcess(this.#settings));
    }
  }

  /** Stop workers that have nothing to do for long, but for the first. */
  trimLater() {
    if (this.links.length > 1) this.#trimmer ??= setTimeout(() => this.#trim(), IDLE_LIFE);
  }

  /** End every worker. */
  close(now) {
    for (const link of this.links) {
      if (link.ready) this.#dismiss(link, now);
      else link.process.kill();
    }
  }

  #adopt(process) {
    this.links.push(new WorkerLink(process, this.#pool));
  }

  /** Nobody waits for what the worker does: it ends by itself, if it can. */
  #dismiss(link, now) {
    if (link.calls.length) link.process.kill();
    else link.stop(now);
  }

  #trim() {
    this.#trimmer = null;
    const now = performance.now();
    const idle = this.links.filter((link) => link.ready && link.calls.length === 0);
    for (const link of idle.slice(1)) {
      if (now - link.idleSince >= IDLE_LIFE) link.stop(now);
    }
    this.#pool.watch();
  }
}

module.exports = { Crew };
