'use strict';

/** From what a function returns, yields or throws to an answer. */

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';
const BYTES = 'application/octet-stream';

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// eslint-disable-next-line no-control-regex
const VALUE = /^[^\x00-\x08\x0a-\x1f\x7f]*$/;
const BEYOND_LATIN_1 = /[^\x00-\xff]/g;
const SERVERS_OWN = new Set([
  'connection', 'content-length', 'date', 'keep-alive', 'te', 'trailer', 'transfer-encoding',
  'upgrade',
]);

/** The function returned what cannot be sent; the message names it. */
class Unanswerable extends Error {
  name = 'Unanswerable';
}

/**
 * The answer for a returned value, with what the function's response says, if it used that:
 * `{ status, headers, body }` or `{ status, headers, stream }`; throws Unanswerable.
 */
function answerFromResult(result, response) {
  let status = response?.statusCode ?? 200;
  let headers = pairsOf(response?.headers);
  if (isResponse(result)) {
    status = statusOf(result);
    headers = merged(headers, pairsOf(result.headerlist ?? result.headers));
    result = result.body;
  }
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    const rule = 'the status must be a whole number from 200 to 599';
    throw new Unanswerable(`${rule}, not ${told(status)}`);
  }
  if (isStream(result)) return { status, headers: headerList(headers, TEXT), stream: result };
  const [body, contentType] = bodyOf(result);
  return { status, headers: headerList(headers, contentType), body };
}

/** The answer that the function has sent, or has begun to write, by its response. */
function answerFromResponse(response) {
  return answerFromResult(response.streamed ? response : response.whole.body, response);
}

/**
 * Whether a value is a response: an object of a class, or an error, with a body and a status.
 * A plain object with such keys is JSON, as it always was.
 */
function isResponse(value) {
  if (typeof value !== 'object' || value === null || isStream(value)) return false;
  const parent = Object.getPrototypeOf(value);
  if (parent === null || parent === Object.prototype || Array.isArray(value)) {
    return false;
  }
  return 'body' in value && ('status' in value || 'status_code' in value || 'statusCode' in value);
}

function statusOf(response) {
  return response.status_code ?? response.statusCode ?? response.status;
}

/** Names and values of headers: an object, a map, a list of pairs, or the fetch API's. */
function pairsOf(headers) {
  if (headers === null || headers === undefined) return [];
  const isIterable = typeof headers[Symbol.iterator] === 'function';
  const entries = isIterable ? headers : Object.entries(headers);
  return [...entries].flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
}

/** Headers where those of `more` replace others of their names. */
function merged(headers, more) {
  const names = new Set(more.map(([name]) => name.toLowerCase()));
  return [...headers.filter(([name]) => !names.has(name.toLowerCase())), ...more];
}

/** Whether a value comes in parts: a generator, a stream, or another iterator. */
function isStream(value) {
  if (typeof value !== 'object' || value === null) return false;
  return typeof value.next === 'function' || typeof value[Symbol.asyncIterator] === 'function';
}

/** The body's bytes and the content type that goes with the value. */
function bodyOf(value) {
  if (typeof value === 'string') return [Buffer.from(value), TEXT];
  if (value === undefined || value === null) return [Buffer.alloc(0), null];
  const bytes = bytesOf(value);
  if (bytes !== null) return [bytes, BYTES];
  const text = jsonOf(value);
  if (text === undefined) throw new Unanswerable(`a ${typeof value} cannot be written as JSON`);
  return [Buffer.from(text), JSON_TYPE];
}

function jsonOf(value) {
  try {
    return JSON.stringify(value);
  } catch (error) {
    const reason = error.message.split('\n', 1)[0];
    throw new Unanswerable(`the returned ${told(value)} cannot be written as JSON: ${reason}`);
  }
}

/** A value that is bytes as a Buffer, else null. */
function bytesOf(value) {
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (!ArrayBuffer.isView(value)) return null;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** One part of a stream. */
function partOf(value) {
  const bytes = typeof value === 'string' ? Buffer.from(value) : bytesOf(value);
  if (bytes !== null) return bytes;
  throw new Unanswerable(`a streamed part must be a string or bytes, not ${told(value)}`);
}

/** Headers as a flat list, without those that are the server's own. */
function headerList(headers, contentType) {
  const list = [];
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (SERVERS_OWN.has(lower)) continue;
    if (lower === 'content-type') contentType = null;
    list.push(name, headerValue(name, value));
  }
  if (contentType !== null) list.push('Content-Type', contentType);
  return list;
}

function headerValue(name, value) {
  const text = String(value);
  if (!NAME.test(name) || !VALUE.test(text)) {
    const what = `the response header '${name}'`;
    throw new Unanswerable(`${what} has a character that HTTP does not allow`);
  }
  return text.replace(BEYOND_LATIN_1, '?');
}

/** A value's kind, for messages: its text may be confidential. */
function told(value) {
  if (typeof value === 'number' || value === null || value === undefined) return String(value);
  return typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value;
}

module.exports = { Unanswerable, answerFromResponse, answerFromResult, isResponse, partOf };
