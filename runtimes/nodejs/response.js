'use strict';

/** `event.extensions.response`: the answer to shape, or to write, by express's names. */

const { PassThrough } = require('node:stream');

const TYPES = {
  json: 'application/json', html: 'text/html', text: 'text/plain', txt: 'text/plain',
};

/**
 * What a function says of its answer beside the value that it returns.
 *
 * Status and headers apply to a returned value. A body that is sent here is the answer, as soon as
 * it is there; one that is written in parts is streamed from the first part on. `begin` is called
 * at that moment.
 */
class Response extends PassThrough {
  statusCode = 200;
  /** Names and values; a list stands for a header that is repeated. */
  headers = {};
  /** `{ body }` when the body was sent in one. */
  whole = null;
  /** Whether the body is written in parts. */
  streamed = false;
  #begin;

  constructor(begin) {
    super();
    this.#begin = begin;
    this.on('error', () => {}); // whoever reads the parts is told, too
    this.once('pipe', () => this.flushHeaders()); // a function may return before the first part
  }

  /** `status(201)` as in express; `status = 201` as in the contract. */
  get status() {
    const set = (code) => {
      this.statusCode = code;
      return this;
    };
    set.valueOf = () => this.statusCode;
    return set;
  }

  set status(code) {
    this.statusCode = code;
  }

  get content_type() {
    return this.getHeader('content-type') ?? null;
  }

  set content_type(value) {
    this.set('Content-Type', value);
  }

  get headersSent() {
    return this.whole !== null || this.streamed;
  }

  get finished() {
    return this.writableEnded;
  }

  /** Set a header, or all of an object, replacing others of its name. */
  set(name, value) {
    if (typeof name === 'object') {
      for (const [one, text] of Object.entries(name)) this.set(one, text);
      return this;
    }
    this.removeHeader(name);
    this.headers[name] = value;
    return this;
  }

  header(name, value) {
    return this.set(name, value);
  }

  setHeader(name, value) {
    return this.set(name, value);
  }

  set_header(name, value) {
    return this.set(name, value);
  }

  /** Add a header beside others of its name. */
  append(name, value) {
    const before = this.getHeader(name);
    return this.set(name, before === undefined ? value : [before, value].flat());
  }

  add_header(name, value) {
    return this.append(name, value);
  }

  getHeader(name) {
    return this.headers[this.#key(name)];
  }

  get(name) {
    return this.getHeader(name);
  }

  removeHeader(name) {
    delete this.headers[this.#key(name)];
  }

  type(mediaType) {
    const type = TYPES[mediaType] ?? mediaType;
    return this.set('Content-Type', type.startsWith('text/') ? `${type}; charset=utf-8` : type);
  }

  /** Send a body as a returned value would be sent. */
  send(body) {
    if (this.headersSent) throw new Error('sending a response: it was sent before');
    this.whole = { body };
    super.end();
    this.#begin();
    return this;
  }

  json(value) {
    if (this.getHeader('content-type') === undefined) this.type('json');
    return this.send(JSON.stringify(value));
  }

  sendStatus(code) {
    return this.status(code).send(String(code));
  }

  redirect(...parts) {
    const [status, url] = parts.length === 2 ? parts : [302, parts[0]];
    return this.status(status).set('Location', url).send();
  }

  writeHead(status, ...rest) {
    this.statusCode = status;
    const headers = rest.at(-1);
    return typeof headers === 'object' ? this.set(headers) : this;
  }

  /** Begin to stream. */
  flushHeaders() {
    if (this.headersSent) return;
    this.streamed = true;
    this.#begin();
  }

  write(...part) {
    this.flushHeaders();
    return super.write(...part);
  }

  end(body, ...rest) {
    if (this.streamed || this.headersSent) return super.end(body, ...rest);
    if (typeof body === 'function') this.once('finish', body);
    const callback = rest.at(-1);
    if (typeof callback === 'function') this.once('finish', callback);
    return this.send(typeof body === 'function' ? undefined : body);
  }

  #key(name) {
    const lower = name.toLowerCase();
    return Object.keys(this.headers).find((key) => key.toLowerCase() === lower) ?? name;
  }
}

module.exports = { Response };
