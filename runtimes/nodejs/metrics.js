'use strict';

/** Kubeless's three metrics, in Prometheus's text format. */

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const LABELS = '0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 5.0 10.0 +Inf'.split(' ');
const BOUNDS = LABELS.slice(0, -1).map(Number);
const METHODS = new Set([
  'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT',
]);

/** Calls, failures and durations by method; unknown methods count as `other`. */
class Metrics {
  #rows = new Map();

  /** Count one call that has ended. */
  observe(method, seconds, failed) {
    const row = this.#row(METHODS.has(method) ? method : 'other');
    const at = BOUNDS.findIndex((bound) => seconds <= bound);
    row.buckets[at < 0 ? BOUNDS.length : at] += 1;
    row.seconds += seconds;
    row.calls += 1;
    row.failures += failed ? 1 : 0;
  }

  /** The whole text. */
  render() {
    const rows = [...this.#rows];
    const samples = (name, of) =>
      rows.map(([method, row]) => `${name}{method="${method}"} ${of(row)}`);
    return [
      '# HELP function_duration_seconds Duration of calls in seconds',
      '# TYPE function_duration_seconds histogram',
      ...rows.flatMap(([method, row]) => histogram(method, row)),
      '# HELP function_calls_total Calls that have ended',
      '# TYPE function_calls_total counter',
      ...samples('function_calls_total', (row) => row.calls),
      '# HELP function_failures_total Calls that failed',
      '# TYPE function_failures_total counter',
      ...samples('function_failures_total', (row) => row.failures),
      '',
    ].join('\n');
  }

  #row(method) {
    let row = this.#rows.get(method);
    if (row === undefined) {
      row = { buckets: LABELS.map(() => 0), seconds: 0, calls: 0, failures: 0 };
      this.#rows.set(method, row);
    }
    return row;
  }
}

/** The samples of one method's durations. */
function histogram(method, row) {
  const name = 'function_duration_seconds';
  let total = 0;
  const buckets = LABELS.map((label, at) => {
    total += row.buckets[at];
    return `${name}_bucket{method="${method}",le="${label}"} ${total}`;
  });
  return [
    ...buckets,
    `${name}_sum{method="${method}"} ${row.seconds}`,
    `${name}_count{method="${method}"} ${row.calls}`,
  ];
}

module.exports = { CONTENT_TYPE, Metrics };
