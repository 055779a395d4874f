'use strict';

// The least that answers HTTP in Node.js. Prints its port.

const http = require('node:http');

const server = http.createServer((req, res) => {
  req.resume();
  req.once('end', () => {
    res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 5 });
    res.end('hello');
  });
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
