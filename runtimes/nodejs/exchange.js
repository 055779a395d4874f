'use strict';

/** One request and its answer. */

const { BadRequest, accessLine, headOf, headersOf } = require('./protocol');
const { Unavailable } = require('./pool');

/** How long a body may take between two pieces. */
const READ_TIMEOUT = 30_000;

/** How long a client may take to read the rest of an answer that breaks off. */
const LINGER = 1_000;

/** A body up to this size is handed over as text, which Node.js sends with the head. */
const SMALL = 16 * 1024;

const CONTINUE = '100-continue';

/**
 * Reads a request's body, lets the service run its call, and is the reply that takes the answer.
 *
 * `service` has bodyLimit, draining, access, ownAnswer(path), submit(exchange) -> call,
 * reserve(size), release(size), more(call), forget(call).
 */
class Exchange {
  head = null;
  body = null;
  peer;
  call = null;
  #service;
  #req;
  #res;
  #parts = [];
  #size = 0;
  #held = 0;
  #status = 0;
  #sent = 0;

  constructor(service, req, res) {
    this.#service = service;
    this.#req = req;
    this.#res = res;
    this.peer = req.socket.remoteAddress ?? '';
  }

  /** Whether the request is still being read. */
  get reading() {
    return this.call === null && !this.#res.headersSent;
  }

  /** Read the request and answer it. */
  begin() {
    try {
      this.head = headOf(this.#req);
      if (!this.head.modern) this.#res.shouldKeepAlive = false;
      this.#begin();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #begin() {
    const own = this.#service.ownAnswer(this.head.path);
    if (own !== null) {
      this.respond(...own);
      return;
    }
    this.#expectBody();
    if (this.head.length === 0) this.#serve();
    else process.nextTick(() => this.#readWhole());
  }

  /** Mostly the body came with the head, and is here by now: to take it costs less than to wait. */
  #readWhole() {
    if (!this.#req.complete) {
      this.#read();
      return;
    }
    const body = this.#req.read();
    if (body === null || this.#take(body)) this.#serve();
  }

  /** Make room for the body, and ask for it where the client waits to be asked. */
  #expectBody() {
    const { length, noted } = this.head;
    if (length > this.#service.bodyLimit) throw this.#tooLarge();
    if (length) this.#hold(length);
    if (noted.expect === undefined || length === 0) return;
    if (noted.expect.toLowerCase() !== CONTINUE) {
      throw new BadRequest(417, `the only expectation understood is ${CONTINUE}`);
    }
    this.#res.writeContinue();
  }

  #read() {
    this.#req.setTimeout(READ_TIMEOUT, () => {
      this.#refuse(new BadRequest(408, 'the request did not arrive in time'));
    });
    this.#req.on('data', (part) => this.#take(part));
    this.#req.once('end', () => {
      this.#req.setTimeout(0);
      if (this.reading) this.#serve();
    });
  }

  /** Keep a part of the body; whether there is room for it. */
  #take(part) {
    this.#size += part.length;
    try {
      if (this.#size > this.#service.bodyLimit) throw this.#tooLarge();
      if (this.#size > this.#held) this.#hold(this.#size - this.#held);
      this.#parts.push(part);
      return true;
    } catch (error) {
      this.#refuse(error);
      return false;
    }
  }

  #serve() {
    this.body = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#parts = [];
    try {
      this.call = this.#service.submit(this);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      this.refuse(error.message);
    }
  }

  /** The whole answer. */
  respond(status, headers, body) {
    this.start(status, headers, body.length);
    const sent = this.#hasBody;
    if (sent) this.#sent = body.length;
    if (sent && body.length <= SMALL) this.#res.end(body.toString('latin1'), 'latin1');
    else this.#res.end(sent ? body : undefined);
  }

  /** An answer of the server's own. */
  say(status, sentence) {
    this.respond(status, headersOf(status), Buffer.from(`${sentence}\n`));
  }

  /** The call could not be run; the client may try again. */
  refuse(sentence) {
    this.say(503, sentence);
  }

  /** The head of an answer whose body follows in chunks; their length together, or ''. */
  start(status, headers, length) {
    this.#status = status;
    if (this.#service.draining) this.#res.shouldKeepAlive = false;
    if (length !== '' && status !== 204 && status !== 304) {
      headers.push('Content-Length', `${length}`);
    }
    this.#res.writeHead(status, headers);
  }

  /** A part of the body; `more` is called when another may come. */
  chunk(part, more) {
    if (!this.#hasBody) {
      more();
      return;
    }
    this.#sent += part.length;
    if (this.#res.write(part)) more();
    else this.#res.once('drain', more);
  }

  /** The body is whole. */
  finish() {
    this.#res.end();
  }

  /** The body will not be whole: close after what was sent, so that the client can tell. */
  abort() {
    const { socket } = this.#res;
    socket?.destroySoon();
    setTimeout(() => socket?.destroy(), LINGER).unref();
  }

  /** The client has closed its side; it may still want the answer of a call that runs. */
  clientEnded() {
    if (this.call !== null && this.#service.waits(this.call)) this.abort();
  }

  get #hasBody() {
    return this.#req.method !== 'HEAD' && this.#status !== 204 && this.#status !== 304;
  }

  #tooLarge() {
    return new BadRequest(413, `the body is larger than ${this.#service.bodyLimit} bytes`);
  }

  #hold(size) {
    if (!this.#service.reserve(size)) {
      throw new BadRequest(503, 'too many large bodies at once: try again');
    }
    this.#held += size;
  }

  /** Answer a request that cannot be read to its end, and close. */
  #refuse(error) {
    if (!(error instanceof BadRequest)) throw error;
    if (this.#res.headersSent) return;
    this.#parts = [];
    this.#res.shouldKeepAlive = false;
    this.say(error.status, error.message);
  }

  /** The answer has been sent, or the connection is gone. */
  closed() {
    this.#service.release(this.#held);
    if (this.call !== null && !this.call.settled) this.#service.forget(this.call);
    if (this.#service.access && this.#res.writableFinished && this.head) {
      this.#service.access.write(accessLine(this.peer, this.head, this.#status, this.#sent));
    }
  }
}

module.exports = { Exchange };
