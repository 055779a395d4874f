'use strict';

/**
 * The messages between the front and a worker, over a socket pair: a list in JSON, and bytes.
 *
 *     front -> worker   [LOAD, settings, { env, folder } or null]
 *                       [CALL, id, method, target, headers, peer, deadline]  + the body
 *                       [MORE, id]      one more chunk may come
 *                       [CANCEL, id]    stop the call; its last message is still awaited
 *                       [PING]          do you turn?
 *                       [OPEN]          let a referee say what has begun (see referee.js)
 *                       [THAW]          begin what comes from here on; the rest was taken back
 *     worker -> front   [READY, version] | [FAILED, sentence]
 *                       [WAITS, id]     the call's turn is over, and it waits for something
 *                       [ANSWER, id, status, headers, failed]  + the body
 *                       [HEAD, id, status, headers, length or null]
 *                       [CHUNK, id]     + bytes …
 *                       [END, id, failed]
 *                       [PONG] | [THAWED]
 *                       [LONG]          a turn took long
 *                       [SPOILT]        let me end: something outside of a call failed
 *
 * A call ends with exactly one ANSWER or END. Headers are a flat list: name, value, name, value.
 */

const fs = require('node:fs');

const KINDS = [
  'LOAD', 'CALL', 'MORE', 'CANCEL', 'PING', 'OPEN', 'THAW',
  'READY', 'FAILED', 'WAITS', 'ANSWER', 'HEAD', 'CHUNK', 'END', 'PONG', 'THAWED', 'LONG', 'SPOILT',
];
const kinds = Object.freeze(Object.fromEntries(KINDS.map((name, at) => [name, at])));

/** The worker's descriptor of its end. */
const DESCRIPTOR = 3;

/** Chunks of one call that may be on their way; the worker waits for MORE beyond that. */
const WINDOW = 4;

const CHUNK_SIZE = 64 * 1024;

/** A frame is two lengths (of all that follows the first, and of the JSON), JSON, and bytes. */
const PREFIX = 8;

/** Bytes up to this size are copied into the frame: cheaper than a second write. */
const SMALL = 16 * 1024;

const NOTHING = Buffer.alloc(0);

/**
 * Writes messages. Those of one turn of the event loop go together: a system call, and the waking
 * of the other process, cost more than all else.
 */
class Sender {
  #socket;
  #descriptor;
  #frames = [];

  /** With a descriptor, what the system takes at once does not go through the socket's stream. */
  constructor(socket, descriptor = null) {
    this.#socket = socket;
    this.#descriptor = descriptor;
  }

  /** Send soon. */
  send(message, bytes = NOTHING) {
    if (this.#frames.length === 0) setImmediate(() => this.flush());
    const inline = bytes.length <= SMALL;
    this.#frames.push(frameOf(message, bytes, inline));
    if (!inline) this.#frames.push(bytes);
  }

  /** Send what waits. */
  flush() {
    const frames = this.#frames;
    if (frames.length === 0) return;
    this.#frames = [];
    const data = frames.length === 1 ? frames[0] : Buffer.concat(frames);
    const sent = this.#writeAtOnce(data);
    if (sent < data.length) this.#socket.write(sent ? data.subarray(sent) : data);
  }

  /** Send what waits, and no more. */
  end() {
    this.flush();
    this.#socket.end();
  }

  /** Bytes that the system took. */
  #writeAtOnce(data) {
    if (this.#descriptor === null || this.#socket.writableLength) return 0;
    try {
      return fs.writeSync(this.#descriptor, data);
    } catch {
      return 0; // it is full, or closed, which the socket will tell
    }
  }
}

/** The frame of a message, with its bytes or only their length. */
function frameOf(message, bytes, inline) {
  const text = JSON.stringify(message);
  const size = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(PREFIX + size + (inline ? bytes.length : 0));
  frame.writeUInt32LE(4 + size + bytes.length, 0);
  frame.writeUInt32LE(size, 4);
  frame.write(text, PREFIX);
  if (inline) frame.set(bytes, PREFIX + size);
  return frame;
}

/** Turns bytes as they come into messages. */
class Decoder {
  #parts = [];
  #held = 0;
  #wanted = PREFIX;

  /** Call `take(message, bytes)` for each message that data completes, in order. */
  feed(data, take) {
    this.#parts.push(data);
    this.#held += data.length;
    if (this.#held < this.#wanted) return;
    const buffer = this.#parts.length === 1 ? data : Buffer.concat(this.#parts, this.#held);
    this.#keep(buffer, this.#takeAll(buffer, take));
  }

  #takeAll(buffer, take) {
    let at = 0;
    while (buffer.length - at >= PREFIX) {
      const end = at + 4 + buffer.readUInt32LE(at);
      if (end > buffer.length) break;
      const text = at + PREFIX + buffer.readUInt32LE(at + 4);
      take(JSON.parse(buffer.toString('utf8', at + PREFIX, text)), buffer.subarray(text, end));
      at = end;
    }
    return at;
  }

  /** What is left waits until its frame is whole: a large one is put together once. */
  #keep(buffer, at) {
    const rest = buffer.subarray(at);
    this.#parts = rest.length ? [rest] : [];
    this.#held = rest.length;
    this.#wanted = rest.length >= 4 ? 4 + rest.readUInt32LE(0) : PREFIX;
  }
}

module.exports = { CHUNK_SIZE, DESCRIPTOR, Decoder, Sender, WINDOW, kinds };
