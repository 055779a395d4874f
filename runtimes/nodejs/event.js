'use strict';

/** From a request to the function's event and context. */

const { isUtf8 } = require('node:buffer');

const { Request, headersByName, percentDecoded } = require('./request');
const { Response } = require('./response');

/** The body is not what its Content-Type says; the message is for the client. */
class BadData extends Error {}

/** What an event hands over beside its data; made when it is asked for, since few functions do. */
class Extensions {
  #made = {};
  #make;

  constructor(request, response) {
    this.#make = { request, response };
  }

  get request() {
    this.#made.request ??= this.#make.request();
    return this.#made.request;
  }

  get response() {
    this.#made.response ??= this.#make.response();
    return this.#made.response;
  }

  /** The response, if the function has ever asked for it. */
  static responseOf(extensions) {
    return extensions.#made.response ?? null;
  }
}

/**
 * The event of one request; throws BadData.
 *
 * `sent` has method, target, headers (flat), peer and body; `begin` is called when the function
 * answers by its response.
 */
function eventFromRequest(sent, begin, kubeless) {
  const headers = headersByName(sent.headers);
  const attributes = 'ce-id' in headers ? cloudEventAttributes(headers) : null;
  const type = headers['content-type'] ?? '';
  const data = kubeless ? oldData(type, sent.body) : dataOf(type, sent.body);
  return {
    data,
    'event-id': headers['event-id'] ?? attributes?.id ?? null,
    'event-type': headers['event-type'] ?? attributes?.type ?? null,
    'event-time': headers['event-time'] ?? attributes?.time ?? null,
    'event-namespace': headers['event-namespace'] ?? null,
    cloudevent: attributes,
    extensions: new Extensions(
      () => new Request(sent, data, headers),
      () => new Response(begin),
    ),
  };
}

/** CloudEvents attributes of binary mode, percent-decoded. */
function cloudEventAttributes(headers) {
  const attributes = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('ce-')) attributes[name.slice(3)] = percentDecoded(value);
  }
  if ('content-type' in headers) attributes.datacontenttype = headers['content-type'];
  return attributes;
}

/** The body as the function sees it: JSON parsed, everything else as bytes. */
function dataOf(contentType, body) {
  if (!isJson(contentType)) return body;
  if (body.length === 0) return null;
  const promise = 'the body is not the JSON that its Content-Type promises';
  if (!isUtf8(body)) throw new BadData(`${promise}: it is not UTF-8`);
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    const place = /at position ([0-9]+)/.exec(error.message); // the rest may quote the body
    throw new BadData(place ? `${promise}: see character ${place[1]}` : promise);
  }
}

/** The same as Kubeless's Node had it: text as a string, and an object where there is no body. */
function oldData(contentType, body) {
  if (body.length === 0) return {};
  if (isJson(contentType)) return dataOf(contentType, body);
  return contentType.startsWith('multipart/') ? body : body.toString();
}

/** Whether a media type, with or without parameters, is JSON. */
function isJson(contentType) {
  const type = contentType.split(';', 1)[0].trim().toLowerCase();
  return type === 'application/json' || type.endsWith('+json');
}

/** What is the same for every call of a function. */
function contextOf(settings) {
  return {
    'function-name': settings.handler,
    timeout: settings.timeout,
    runtime: settings.runtime,
    'memory-limit': settings.memoryLimit,
    name: settings.name,
    namespace: settings.namespace,
  };
}

/** The context of one call. */
class Context {
  #signal;

  constructor(common, deadline, signal) {
    Object.assign(this, common);
    this.deadline = deadline;
    this.#signal = signal;
  }

  /** Aborts when the call's time is over, or its caller has left a stream; no key of JSON. */
  get signal() {
    return this.#signal();
  }
}

module.exports = { BadData, Context, Extensions, contextOf, eventFromRequest };
