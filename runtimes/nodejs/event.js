'use strict';

/** From a request to the function's event and context. */

const { isUtf8 } = require('node:buffer');

const { Request, headersByName, percentDecoded } = require('./request');
const { Response } = require('./response');

/** The body is not what its Content-Type says; the message is for the client. */
class BadData extends Error {}

/** What an event hands over beside its data; made when it is asked for, since few functions do. */
class Extensions {
  #request = null;
  #response = null;
  #made;

  /** Of `made` come sent, data and headers of the request, and begin of the response. */
  constructor(made) {
    this.#made = made;
  }

  get request() {
    const { sent, data, headers } = this.#made;
    this.#request ??= new Request(sent, data, headers);
    return this.#request;
  }

  get response() {
    this.#response ??= new Response(this.#made.begin);
    return this.#response;
  }

  /** The response, if the function has ever asked for it. */
  static responseOf(extensions) {
    return extensions.#response;
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
    extensions: new Extensions({ sent, data, headers, begin }),
  };
}

/** CloudEvents attributes of binary mode, percent-decoded. */
function cloudEventAttributes(headers) {
  const attributes = {};
  for (const name of Object.keys(headers)) {
    if (name.startsWith('ce-')) attributes[name.slice(3)] = percentDecoded(headers[name]);
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

/** The context of one call. */
class Context {
  #signal;

  constructor(settings, deadline, signal) {
    this['function-name'] = settings.handler;
    this.timeout = settings.timeout;
    this.runtime = settings.runtime;
    this['memory-limit'] = settings.memoryLimit;
    this.name = settings.name;
    this.namespace = settings.namespace;
    this.deadline = deadline;
    this.#signal = signal;
  }

  /** Aborts when the call's time is over, or its caller has left a stream; no key of JSON. */
  get signal() {
    return this.#signal();
  }
}

module.exports = { BadData, Context, Extensions, eventFromRequest };
