'use strict';

/** Starts and ends worker processes. */

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const { Sender, kinds } = require('./channel');
const { MIB } = require('./settings');

const SCRIPT = path.join(__dirname, 'worker.js');

/** What a front and a worker take beside the function's heap. */
const OWN_MEMORY = 64 * MIB;
const LEAST_HEAP = 32 * MIB;

const UNITS = {
  '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40,
};

/**
 * A worker's process and the front's end of its channel.
 *
 * Without settings it is a generic one that is told later what to load.
 */
class WorkerProcess {
  /** Whether it has a referee. */
  opened = false;
  #child;
  #ending = null;

  constructor(settings = null) {
    const [command, ...prefix] = dyingWithTheFront();
    this.#child = spawn(command, [...prefix, ...interpreter(settings), SCRIPT], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'],
      detached: true, // a group of its own: what the function starts is killed with it
    });
    // without a process there is no channel: one that has ended takes its place
    const none = [new net.Socket(), new net.Socket()];
    [this.socket, this.referee] = this.#child.stdio?.slice(3) ?? none;
    for (const socket of [this.socket, this.referee]) {
      if (this.#child.pid === undefined) socket.destroy();
      socket.on('error', () => {}); // its end is what counts, and 'close' tells
    }
    this.sender = new Sender(this.socket);
    if (prefix.length === 0) this.open();
    if (settings !== null) this.load(settings);
    else this.sender.send(kinds.REHEARSE);
  }

  /** The process id, for messages. */
  get pid() {
    return this.#child.pid;
  }

  /** How the process ended, in words. */
  get ending() {
    return this.#ending;
  }

  /** Tell it what to load; a generic worker also which environment and folder to take. */
  load(settings, told = null) {
    this.sender.send(kinds.LOAD, 0, [], Buffer.from(JSON.stringify({ settings, told })));
    this.sender.flush();
  }

  /** Let a referee watch over it: it tells what has begun, and ends the worker with the front. */
  open() {
    if (this.opened) return;
    this.opened = true;
    this.sender.send(kinds.OPEN);
  }

  /** End the worker and every process that it started, at once. */
  kill() {
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // it has ended, and so has its group
    }
  }

  /** Call back once the process has ended and its last messages have been read. */
  onEnd(callback) {
    let left = 2;
    const one = () => {
      left -= 1;
      if (left === 0) callback();
    };
    this.socket.once('close', one);
    this.#child.once('error', (error) => this.#end(`could not be started: ${error.code}`, one));
    this.#child.once('exit', (code, signal) => {
      const words = `killed by signal ${os.constants.signals[signal]} (${signal})`;
      this.#end(signal ? words : `exited with code ${code}`, one);
    });
  }

  #end(words, callback) {
    if (this.#ending !== null) return;
    this.#ending = words;
    if (this.#child.pid !== undefined) this.kill(); // what it left behind
    callback();
  }
}

/** The interpreter and its flags: a heap that fails before the kernel ends the container. */
function interpreter(settings) {
  const limit = bytesOf(settings?.memoryLimit ?? '');
  if (limit === 0) return process.execArgv;
  const heap = Math.max(LEAST_HEAP, limit - OWN_MEMORY);
  return [...process.execArgv, `--max-old-space-size=${Math.floor(heap / MIB)}`];
}

/** Bytes of a Kubernetes quantity; 0 when it says none. */
function bytesOf(quantity) {
  const match = /^([0-9]+(?:\.[0-9]+)?)(k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(quantity);
  return match ? Number(match[1]) * UNITS[match[2] ?? ''] : 0;
}

/**
 * The command whose child the kernel kills when the front is gone, whatever the function does.
 *
 * Node has no way to prctl(PR_SET_PDEATHSIG). Where util-linux is missing, the worker's referee
 * does it from the start, a thread that takes some memory.
 */
function dyingWithTheFront() {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder, 'setpriv');
    if (folder && isUtilLinux(file)) return [file, '--pdeathsig', 'KILL', process.execPath];
  }
  return [process.execPath];
}

/** Whether it is there, and not busybox's, which knows no --pdeathsig. */
function isUtilLinux(file) {
  try {
    return path.basename(fs.realpathSync(file)) === 'setpriv';
  } catch {
    return false;
  }
}

module.exports = { WorkerProcess, bytesOf };
