'use strict';

/** One call in a worker: runs the function, and tells the front what comes of it. */

const { AsyncLocalStorage } = require('node:async_hooks');

const {
  Unanswerable, answerFromResponse, answerFromResult, isResponse, partOf,
} = require('./answer');
const { CHUNK_SIZE, WINDOW, kinds } = require('./channel');
const { BadData, Context, Extensions, eventFromRequest } = require('./event');
const { described, writeTrace } = require('./failure');

/** Larger bodies go in chunks: the front holds no more than a window of each. */
const WHOLE_LIMIT = 1024 * 1024;

const TEXT = Object.freeze(['Content-Type', 'text/plain; charset=utf-8']);
const FAILURE = 'the function failed; its log says why\n';
const KUBELESS_HEADERS = Object.freeze({ 'Access-Control-Allow-Origin': '*' });

/** The call to which the running code belongs. */
const running = new AsyncLocalStorage();

/** The function has asked its process to exit. */
class SystemExit extends Error {
  name = 'SystemExit';

  constructor(code) {
    super(String(code));
  }
}

/**
 * A call is begun, answered (once), and ended. It is cancelled by its signal; the front kills the
 * worker of a call that does not care.
 */
class Call {
  answered = false;
  /** Whether the front has heard of it since it began. */
  heardOf = false;
  #shared;
  #deadline;
  #event = null;
  #controller = null;
  #cancelled = false;
  #credit = WINDOW;
  #wake = null;
  #source = null;

  /** `shared` has run(event, context), settings and worker. */
  constructor(id, shared, deadline) {
    this.id = id;
    this.#shared = shared;
    this.#deadline = deadline;
  }

  /** How log lines call it. */
  get name() {
    return this.#event?.['event-id'] ?? 'without an id';
  }

  /** Run the function. */
  begin(sent) {
    const { kubeless } = this.#shared.settings;
    try {
      this.#event = eventFromRequest(sent, () => this.#answerByResponse(), kubeless);
    } catch (error) {
      if (!(error instanceof BadData)) throw error;
      this.#say(400, `${error.message}\n`, false);
      return;
    }
    if (kubeless) Object.assign(this.#event.extensions.response.headers, KUBELESS_HEADERS);
    if (kubeless && sent.method === 'OPTIONS') this.#preflight(sent);
    else running.run(this, () => this.#run());
    if (!this.heardOf) this.#shared.worker.waits(this);
  }

  /** The front takes one more chunk. */
  more() {
    this.#credit += 1;
    this.#wake?.();
  }

  /** Nobody waits for the answer any more. */
  cancel() {
    this.#cancelled = true;
    const reason = new DOMException("the call's time is over", 'TimeoutError');
    this.#controller?.abort(reason);
    this.#source?.destroy?.(reason);
    this.#wake?.();
  }

  /** The function has failed. */
  fail(error) {
    if (this.answered) return;
    if (!this.#cancelled) this.#tell(error);
    this.#say(500, FAILURE, true);
  }

  #run() {
    const { run, settings } = this.#shared;
    let result;
    try {
      result = run(this.#event, new Context(settings, this.#deadline, () => this.#signal()));
    } catch (error) {
      this.#raised(error);
      return;
    }
    if (typeof result?.then === 'function') {
      result.then((value) => this.#answer(value), (error) => this.#raised(error));
    } else {
      this.#answer(result);
    }
  }

  #signal() {
    this.#controller ??= new AbortController();
    if (this.#cancelled) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Kubeless answered such requests itself. */
  #preflight(sent) {
    const { response } = this.#event.extensions;
    const asked = this.#event.extensions.request.get('access-control-request-headers');
    response.set('Access-Control-Allow-Methods', 'GET,HEAD,PUT,PATCH,POST,DELETE');
    if (asked) response.set('Access-Control-Allow-Headers', asked);
    response.status(204).send();
  }

  #raised(error) {
    if (this.answered) this.#source?.destroy?.(error);
    else if (isResponse(error)) this.#answer(error);
    else this.fail(error);
  }

  /** The function has returned: what it has said by its response goes before that. */
  #answer(result) {
    if (this.answered) return;
    const response = Extensions.responseOf(this.#event.extensions);
    try {
      this.#reply(answerFromResult(result === response ? undefined : result, response));
    } catch (error) {
      this.fail(error);
    }
  }

  #answerByResponse() {
    if (this.answered) return;
    try {
      this.#reply(answerFromResponse(this.#event.extensions.response));
    } catch (error) {
      this.fail(error);
    }
  }

  #reply({ status, headers, body, stream }) {
    this.answered = true;
    const length = stream ? '' : body.length;
    if (stream || length > WHOLE_LIMIT) {
      void this.#send([status, length, ...headers], stream ?? one(body));
    } else {
      this.#last(kinds.ANSWER, [status, '', ...headers], body);
    }
  }

  /** An answer of the server's own. */
  #say(status, text, failed) {
    this.answered = true;
    this.#last(kinds.ANSWER, [status, failed ? '1' : '', ...TEXT], Buffer.from(text));
  }

  /** An answer in parts; its head once the first part is there. */
  async #send(head, source) {
    const parts = source[Symbol.asyncIterator]?.() ?? source;
    let started = false;
    const start = () => {
      if (started) return;
      started = true;
      this.heardOf = true;
      this.#shared.worker.send(kinds.HEAD, this.id, head);
    };
    this.#source = source;
    try {
      for (let part = await parts.next(); !part.done; part = await parts.next()) {
        const bytes = partOf(part.value);
        start();
        await this.#sendChunks(bytes);
      }
      start();
      this.#last(kinds.END, ['']);
    } catch (error) {
      if (!this.#cancelled) this.#tell(error);
      if (started) this.#last(kinds.END, ['1']);
      else this.#say(500, FAILURE, true);
      this.#close(parts);
    }
  }

  /** Run the generator's `finally` blocks; their failure is logged, the answer has gone. */
  async #close(parts) {
    try {
      await parts.return?.();
    } catch (error) {
      writeTrace(error);
    }
  }

  async #sendChunks(bytes) {
    for (let at = 0; at < bytes.length; at += CHUNK_SIZE) {
      while (this.#credit === 0 && !this.#cancelled) {
        await new Promise((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.#cancelled) throw new Error('nobody waits for the answer any more');
      this.#credit -= 1;
      const chunk = bytes.subarray(at, at + CHUNK_SIZE);
      this.#shared.worker.sendNow(kinds.CHUNK, this.id, [], chunk);
    }
  }

  #last(kind, fields, bytes) {
    this.heardOf = true;
    this.#shared.worker.ended(this);
    this.#shared.worker.send(kind, this.id, fields, bytes);
  }

  #tell(error) {
    const { title } = this.#shared.settings;
    process.stderr.write(`${title}: call ${this.name} failed: ${described(error)}\n`);
    if (!(error instanceof Unanswerable) && !(error instanceof SystemExit)) writeTrace(error);
  }
}

function* one(body) {
  yield body;
}

module.exports = { Call, SystemExit, running };
