// A file named like what other modules are called, next to one of a standard module's name.

const { pathToFileURL } = require('node:url');

exports.handler = (event, context) => String(pathToFileURL('/').pathname.length);
