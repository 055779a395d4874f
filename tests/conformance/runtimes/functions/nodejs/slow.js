// A file that is not loaded before it is told.

const fs = require('node:fs');

const never = new Int32Array(new SharedArrayBuffer(4));

while (!fs.existsSync(process.env.LOAD_WHEN)) Atomics.wait(never, 0, 0, 10);

exports.echo = () => 'hi';
