'use strict';

// The design of Kubeless's server for Node.js: express and its usual companions in one process,
// which vm's timeout guards as long as a function computes, and nothing after that. That the
// context is made once, and not for each call, is in its favour. Prints its port.

const vm = require('node:vm');
const bodyParser = require('body-parser');
const express = require('express');
const morgan = require('morgan');
const metrics = require('prom-client');

const TIMEOUT = 10_000;
const labelNames = ['method'];
const seconds = new metrics.Histogram({ name: 'function_duration_seconds', help: 'time', labelNames });
const calls = new metrics.Counter({ name: 'function_calls_total', help: 'calls', labelNames });
const failures = new metrics.Counter({ name: 'function_failures_total', help: 'failures', labelNames });

const functions = {
  context: (event, context) => context,
  wait: () => new Promise((resolve) => setTimeout(() => resolve('awake'), 50)),
};

const name = process.argv[2];
const contextOfFunction = { 'function-name': name, timeout: TIMEOUT / 1000, runtime: 'nodejs' };
const box = vm.createContext({ event: null, context: contextOfFunction, called: functions[name], answer: null });
const script = new vm.Script('answer = called(event, context)');

const app = express();
app.use(morgan('combined', { stream: { write: () => {} } })); // written nowhere
app.use(bodyParser.raw({ type: (req) => !req.is('multipart/*'), limit: '1mb' }));

function eventOf(req, res) {
  const json = req.is('application/json');
  const data = req.body.length ? req.body.toString('utf-8') : {};
  return {
    data: json ? JSON.parse(data) : data,
    'event-id': req.get('event-id'),
    'event-type': req.get('event-type'),
    'event-time': req.get('event-time'),
    'event-namespace': req.get('event-namespace'),
    extensions: { request: req, response: res },
  };
}

app.all('*', async (req, res) => {
  const method = `${req.method}`;
  const stop = seconds.startTimer({ method });
  calls.inc({ method });
  try {
    box.event = eventOf(req, res);
    script.runInContext(box, { timeout: TIMEOUT });
    const answer = await box.answer;
    stop();
    res.json(answer);
  } catch {
    failures.inc({ method });
    res.status(500).send('Internal Server Error');
  }
});

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
