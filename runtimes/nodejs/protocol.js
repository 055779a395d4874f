'use strict';

/** What the contract asks of a request's head beyond Node's parser, and the server's own words. */

const { STATUS_CODES } = require('node:http');

const HEAD_LIMIT = 64 * 1024;
const HEADER_COUNT_LIMIT = 200;
const TEXT = 'text/plain; charset=utf-8';

/** The client broke the protocol or a limit; the status and a sentence say how. */
class BadRequest extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/** Headers that may come once. */
const ONCE = new Set(['host', 'content-length', 'transfer-encoding', 'content-type']);

/** The head of a request that Node has parsed; throws BadRequest. */
function headOf(req) {
  const headers = req.rawHeaders;
  if (headers.length / 2 > HEADER_COUNT_LIMIT) {
    throw new BadRequest(431, `the request has more than ${HEADER_COUNT_LIMIT} headers`);
  }
  const noted = req.headers;
  if (Object.keys(noted).length < headers.length / 2) refuseRepeated(headers);
  const modern = req.httpVersionMinor === 1;
  if (req.httpVersionMajor !== 1) throw new BadRequest(400, 'the only protocol is HTTP/1.1');
  if (modern && noted.host === undefined) {
    throw new BadRequest(400, 'the request has no Host header');
  }
  const target = originForm(req.url);
  return {
    method: req.method,
    target,
    path: target.split('?', 1)[0],
    version: `1.${req.httpVersionMinor}`,
    headers,
    noted,
    modern,
    length: bodyLength(noted, modern),
  };
}

/** Some header is there twice, of which Node has kept the first or joined them. */
function refuseRepeated(headers) {
  const names = headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
  for (const name of ONCE) {
    if (names.indexOf(name) !== names.lastIndexOf(name)) {
      throw new BadRequest(400, `the ${name} header is repeated`);
    }
  }
}

/** The target as path and query; absolute targets lose scheme and host. */
function originForm(target) {
  if (target.startsWith('/') || target === '*') return target;
  const match = /^https?:\/\/[^/?]*(.*)$/i.exec(target);
  if (match === null) throw new BadRequest(400, 'the request target is not a path');
  return match[1].startsWith('/') ? match[1] : `/${match[1]}`;
}

/** Bytes of body that follow, or null for a chunked body. */
function bodyLength(noted, modern) {
  const encoding = noted['transfer-encoding'];
  if (encoding === undefined) return Number(noted['content-length'] ?? 0);
  if (noted['content-length'] !== undefined) {
    throw new BadRequest(400, 'the request has both Content-Length and Transfer-Encoding');
  }
  if (encoding.toLowerCase() !== 'chunked' || !modern) {
    throw new BadRequest(501, 'the only transfer encoding understood is chunked, in HTTP/1.1');
  }
  return null;
}

/** What a parse error of Node's says to the client: status and sentence. */
function badRequestOf(error) {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new BadRequest(431, `the request's head is larger than ${HEAD_LIMIT} bytes`);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new BadRequest(408, 'the request did not arrive in time');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new BadRequest(413, 'the chunk extensions are too large');
    default:
      return new BadRequest(400, `the request is malformed: ${error.reason ?? error.code}`);
  }
}

/** Headers of an answer of the server's own: one sentence. */
function headersOf(status) {
  const headers = ['Content-Type', TEXT];
  if (status === 503) headers.push('Retry-After', '1');
  return headers;
}

/** The bytes of a refusal, for a connection on which no request could be read. */
function rawRefusal({ status, message }) {
  const body = `${message}\n`;
  const headers = [
    ...headersOf(status),
    'Date', new Date().toUTCString(),
    'Content-Length', Buffer.byteLength(body),
    'Connection', 'close',
  ];
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${head}\r\n${body}`;
}

/** Milliseconds that the request's own deadline leaves; infinite without one. */
function allowedBy(head, unixNow) {
  const text = head.noted['x-tidegate-deadline']?.trim();
  const deadline = text ? Number(text) : NaN;
  return Number.isFinite(deadline) ? Math.max(0, deadline * 1000 - unixNow) : Infinity;
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** The request in Apache's combined format. */
function accessLine(peer, head, status, size) {
  const iso = new Date().toISOString();
  const day = `${iso.slice(8, 10)}/${MONTHS[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}`;
  const quoted = (text) => `"${text.replace(/["\\]/g, '\\$&')}"`;
  const request = quoted(`${head.method} ${head.target} HTTP/${head.version}`);
  const referer = quoted(head.noted.referer ?? '-');
  const agent = quoted(head.noted['user-agent'] ?? '-');
  const when = `[${day}:${iso.slice(11, 19)} +0000]`;
  return `${peer} - - ${when} ${request} ${status} ${size} ${referer} ${agent}`;
}

module.exports = {
  BadRequest, HEAD_LIMIT, accessLine, allowedBy, badRequestOf, headOf, headersOf, rawRefusal,
};
