'use strict';

/**
 * The messages between the front and a worker, over a socket pair: a kind, the number of a call or
 * 0, fields of text, and bytes.
 *
 *     front -> worker   REHEARSE          run a call that is nobody's
 *                       LOAD              + { settings, told: { env, folder } or null } in JSON
 *                       CALL id           method, target, peer, deadline, headers… + the body
 *                       MORE id           one more chunk may come
 *                       CANCEL id         stop the call; its last message is still awaited
 *                       PING              do you turn?
 *                       OPEN              let a referee say what has begun (see referee.js)
 *                       THAW              begin what comes from here on; the rest was taken back
 *     worker -> front   READY             version
 *                       FAILED            + a sentence
 *                       WAITS id          the call's turn is over, and it waits for something
 *                       ANSWER id         status, whether it failed, headers… + the body
 *                       HEAD id           status, length or nothing, headers…
 *                       CHUNK id          + bytes
 *                       END id            whether it failed
 *                       PONG | THAWED
 *                       LONG              a turn took long
 *                       SPOILT            let me end: something outside of a call failed
 *
 * A call ends with exactly one ANSWER or END. Headers are name, value, name, value. Fields are
 * what HTTP allows in a head: Latin-1 without line ends; a truth is '1', what is not is ''.
 */

const fs = require('node:fs');

const KINDS = [
  'REHEARSE', 'LOAD', 'CALL', 'MORE', 'CANCEL', 'PING', 'OPEN', 'THAW',
  'READY', 'FAILED', 'WAITS', 'ANSWER', 'HEAD', 'CHUNK', 'END', 'PONG', 'THAWED', 'LONG', 'SPOILT',
];
const kinds = Object.freeze(Object.fromEntries(KINDS.map((name, at) => [name, at])));

/** The worker's descriptor of its end. */
const DESCRIPTOR = 3;

/** Chunks of one call that may be on their way; the worker waits for MORE beyond that. */
const WINDOW = 4;

const CHUNK_SIZE = 64 * 1024;

/**
 * A frame begins with two lengths (of all that follows the first, and of the text), the number,
 * and the kind. The fields are joined by line feeds: to write and read JSON takes twice as long.
 */
const PREFIX = 13;
const LENGTH_SIZE = 4;

/** Bytes up to this size are copied into the frame: cheaper than a second write. */
const SMALL = 16 * 1024;

const NOTHING = Buffer.alloc(0);
const NO_FIELDS = Object.freeze([]);

/**
 * Writes messages. Those of one turn of the event loop go together: a system call, and the waking
 * of the other process, cost more than all else.
 */
class Sender {
  #socket;
  #frames = [];
  #scheduled = false;

  constructor(socket) {
    this.#socket = socket;
  }

  /** Send soon. */
  send(kind, id = 0, fields = NO_FIELDS, bytes = NOTHING) {
    this.#flushSoon();
    const inline = bytes.length <= SMALL;
    const frame = frameOf(fields.join('\n'), bytes, inline);
    frame.writeUInt32LE(id, 8);
    frame[12] = kind;
    this.#frames.push(frame);
    if (!inline) this.#frames.push(bytes);
  }

  #flushSoon() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
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

  /** Bytes that the system took at once, without the work of the socket's stream. */
  #writeAtOnce(data) {
    // of a socket that is destroyed, the number may be another's by now
    const descriptor = this.#socket.destroyed ? -1 : (this.#socket._handle?.fd ?? -1);
    if (descriptor < 0 || this.#socket.writableLength) return 0;
    try {
      return fs.writeSync(descriptor, data);
    } catch {
      return 0; // it is full, or closed, which the socket will tell
    }
  }
}

/** The frame of a message, with its bytes or only their length. */
function frameOf(text, bytes, inline) {
  const end = PREFIX + text.length;
  const frame = Buffer.allocUnsafe(end + (inline ? bytes.length : 0));
  frame.writeUInt32LE(end - LENGTH_SIZE + bytes.length, 0);
  frame.writeUInt32LE(text.length, 4);
  frame.write(text, PREFIX, 'latin1');
  if (inline) frame.set(bytes, end);
  return frame;
}

/** Turns bytes as they come into messages. */
class Decoder {
  #parts = [];
  #held = 0;
  #wanted = PREFIX;

  /** Call `take(kind, id, fields, bytes)` for each message that data completes, in order. */
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
      const end = at + LENGTH_SIZE + buffer.readUInt32LE(at);
      if (end > buffer.length) break;
      const textEnd = at + PREFIX + buffer.readUInt32LE(at + 4);
      const fields = buffer.toString('latin1', at + PREFIX, textEnd).split('\n');
      take(buffer[at + 12], buffer.readUInt32LE(at + 8), fields, buffer.subarray(textEnd, end));
      at = end;
    }
    return at;
  }

  /** What is left waits until its frame is whole: a large one is put together once. */
  #keep(buffer, at) {
    const rest = buffer.subarray(at);
    this.#parts = rest.length ? [rest] : [];
    this.#held = rest.length;
    this.#wanted = rest.length < PREFIX ? PREFIX : LENGTH_SIZE + rest.readUInt32LE(0);
  }
}

module.exports = { CHUNK_SIZE, DESCRIPTOR, Decoder, Sender, WINDOW, kinds };
