'use strict';

/** `event.extensions.request`: the request as it came, by the contract's names and express's. */

const { Readable } = require('node:stream');

/** Text with its percent-encoding undone; what is no encoding, or no UTF-8, stays or is marked. */
function percentDecoded(text) {
  if (!text.includes('%')) return text;
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

/** Headers by lower-case name; those that are repeated are joined. */
function headersByName(raw) {
  const headers = {};
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at].toLowerCase();
    const known = Object.hasOwn(headers, name);
    headers[name] = known ? `${headers[name]}, ${raw[at + 1]}` : raw[at + 1];
  }
  return headers;
}

/** Arguments of a query or a form: the last value of a name; all of them with getall. */
class Values {
  #all;

  constructor(encoded) {
    this.#all = new URLSearchParams(encoded);
    for (const [name, value] of this.#all) this[name] = value;
  }

  /** Every value of this name, in order. */
  getall(name) {
    return this.#all.getAll(name);
  }
}

/** The request. What costs something is made when it is asked for. */
class Request {
  method;
  /** Path and query as they came; `url` and `originalUrl` as in express. */
  fullpath;
  query_string;
  path;
  headers;
  rawHeaders;
  /** The bytes of the body. */
  rawBody;
  /** What express's body parser made of them: the event's data. */
  body;
  remote_addr;
  #stream = null;
  #query = null;

  /** `sent` has method, target, headers (flat), peer, body (bytes). */
  constructor(sent, data, headers) {
    const cut = sent.target.indexOf('?');
    this.method = sent.method;
    this.fullpath = sent.target;
    this.query_string = cut < 0 ? '' : sent.target.slice(cut + 1);
    this.path = percentDecoded(cut < 0 ? sent.target : sent.target.slice(0, cut));
    this.rawHeaders = sent.headers;
    this.headers = headers;
    this.rawBody = sent.body;
    this.body = data;
    this.remote_addr = sent.peer;
  }

  get url() {
    return this.fullpath;
  }

  get originalUrl() {
    return this.fullpath;
  }

  /** The arguments in the URL. */
  get query() {
    this.#query ??= new Values(this.query_string);
    return this.#query;
  }

  /** The same by another usual name. */
  get args() {
    return this.query;
  }

  /** The arguments of a form in the body. */
  get forms() {
    return new Values(this.is('application/x-www-form-urlencoded') ? `${this.rawBody}` : '');
  }

  /** The body as JSON, whatever its type; null when empty. */
  get json() {
    return this.rawBody.length ? JSON.parse(this.rawBody.toString()) : null;
  }

  /** As of express's route `*`. */
  get params() {
    return { 0: this.path.replace(/^\//, '') };
  }

  get content_type() {
    return this.headers['content-type'] ?? '';
  }

  get content_length() {
    return this.rawBody.length;
  }

  get ip() {
    return this.remote_addr;
  }

  get protocol() {
    return this.headers['x-forwarded-proto'] ?? 'http';
  }

  get hostname() {
    const host = this.headers['x-forwarded-host'] ?? this.headers.host ?? '';
    return host.replace(/:[0-9]+$/, '');
  }

  /** One header, whatever its case, or the default. */
  get_header(name, otherwise = null) {
    return this.headers[name.toLowerCase()] ?? otherwise;
  }

  /** One header, or undefined, as in express. */
  get(name) {
    return this.headers[name.toLowerCase()];
  }

  header(name) {
    return this.get(name);
  }

  /** Whether the body is of this media type. */
  is(type) {
    const own = this.content_type.split(';', 1)[0].trim().toLowerCase();
    return own === type || own.endsWith(`/${type}`) || own.endsWith(`+${type}`) ? own : false;
  }

  /** The body as a stream, for parsers of multipart bodies. */
  pipe(target, options) {
    return this.#body.pipe(target, options);
  }

  on(event, listener) {
    this.#body.on(event, listener);
    return this;
  }

  once(event, listener) {
    this.#body.once(event, listener);
    return this;
  }

  [Symbol.asyncIterator]() {
    return this.#body[Symbol.asyncIterator]();
  }

  get #body() {
    this.#stream ??= Readable.from([this.rawBody], { objectMode: false });
    return this.#stream;
  }
}

module.exports = { Request, headersByName, percentDecoded };
