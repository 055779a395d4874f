/** What a function gets and may return. `import type { Handler } from 'tidegate-nodejs'`. */

import type { Duplex, Writable } from 'node:stream';

/** The attributes of a CloudEvent, extensions among them. */
export interface CloudEvent {
  specversion?: string;
  id: string;
  source?: string;
  type?: string;
  time?: string;
  subject?: string;
  datacontenttype?: string;
  [attribute: string]: string | undefined;
}

/** The event. `Data` is what its JSON holds; a body of another type is a Buffer. */
export interface Event<Data = unknown> {
  readonly data: Data;
  readonly 'event-id': string | null;
  readonly 'event-type': string | null;
  readonly 'event-time': string | null;
  readonly 'event-namespace': string | null;
  readonly cloudevent: CloudEvent | null;
  readonly extensions: { readonly request: Request; readonly response: Response };
}

/** The context of one call. */
export interface Context {
  readonly 'function-name': string;
  /** Seconds. */
  readonly timeout: number;
  readonly runtime: string | null;
  readonly 'memory-limit': string | null;
  readonly name: string | null;
  readonly namespace: string | null;
  /** When this call will be stopped, in seconds of Unix time. */
  readonly deadline: number;
  /** Aborts when the call's time is over, or when its caller has left a stream. */
  readonly signal: AbortSignal;
}

/** The last value of each name; all of them with getall. */
export type Values = { readonly [name: string]: string } & { getall(name: string): string[] };

/** The request, by the contract's names and express's. */
export interface Request extends AsyncIterable<Buffer> {
  readonly method: string;
  readonly path: string;
  readonly url: string;
  readonly originalUrl: string;
  readonly fullpath: string;
  readonly query_string: string;
  readonly query: Values;
  readonly args: Values;
  readonly forms: Values;
  readonly params: { readonly 0: string };
  /** The event's data. */
  readonly body: unknown;
  readonly rawBody: Buffer;
  readonly json: unknown;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Name, value, name, value, as they came. */
  readonly rawHeaders: readonly string[];
  readonly content_type: string;
  readonly content_length: number;
  readonly remote_addr: string;
  readonly ip: string;
  readonly protocol: string;
  readonly hostname: string;
  get_header(name: string, otherwise?: string | null): string | null;
  get(name: string): string | undefined;
  header(name: string): string | undefined;
  is(type: string): string | false;
  pipe<Target extends Writable>(target: Target, options?: { end?: boolean }): Target;
  on(event: string, listener: (...given: any[]) => void): this;
  once(event: string, listener: (...given: any[]) => void): this;
}

export type HeaderValue = string | number | readonly string[];

/** The answer to shape, or to write, by the contract's names and express's. */
export interface Response extends Duplex {
  statusCode: number;
  /** `status(201)`; an assignment of a number does the same. */
  get status(): (code: number) => this;
  set status(code: number);
  get content_type(): HeaderValue | null;
  set content_type(value: string);
  headers: Record<string, HeaderValue>;
  readonly headersSent: boolean;
  readonly finished: boolean;
  set(name: string, value: HeaderValue): this;
  set(headers: Record<string, HeaderValue>): this;
  header(name: string, value: HeaderValue): this;
  setHeader(name: string, value: HeaderValue): this;
  set_header(name: string, value: HeaderValue): this;
  append(name: string, value: HeaderValue): this;
  add_header(name: string, value: HeaderValue): this;
  get(name: string): HeaderValue | undefined;
  getHeader(name: string): HeaderValue | undefined;
  removeHeader(name: string): void;
  type(mediaType: string): this;
  send(body?: unknown): this;
  json(value: unknown): this;
  sendStatus(code: number): this;
  redirect(url: string): this;
  redirect(status: number, url: string): this;
  writeHead(status: number, headers?: Record<string, HeaderValue>): this;
  writeHead(status: number, reason: string, headers?: Record<string, HeaderValue>): this;
  flushHeaders(): void;
}

/** A part of a streamed answer. */
export type Part = string | Uint8Array;

/** A body with a status and headers: an object of a class, or an error that is thrown. */
export interface Answer {
  body: unknown;
  status: number;
  headers?: Record<string, HeaderValue> | Iterable<readonly [string, HeaderValue]>;
}

/** Anything that JSON can hold, bytes, parts, or nothing. */
export type Result =
  | Answer
  | Part
  | ArrayBuffer
  | Iterator<Part>
  | AsyncIterable<Part>
  | globalThis.Response
  | object
  | number
  | boolean
  | null
  | undefined
  | void;

/** A function. */
export type Handler<Data = unknown> = (
  event: Event<Data>,
  context: Context,
) => Result | Promise<Result>;
