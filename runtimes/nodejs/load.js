'use strict';

/** Finds the function that the environment names. */

const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const { described, writeTrace } = require('./failure');

const SUFFIXES = ['.js', '.mjs', '.cjs'];

/** The function cannot be loaded; the message is one sentence for its author. */
class LoadError extends Error {}

/** The function `handler` of the file `module` in `folder`. */
async function load({ folder, module, handler }) {
  const title = `loading ${module}.${handler}`;
  const file = fileOf(folder, module);
  if (!fs.existsSync(file)) throw new LoadError(`${title}: there is no file ${file}`);
  let loaded;
  try {
    loaded = await evaluate(file);
  } catch (error) {
    writeTrace(error);
    throw new LoadError(`${title}: ${file} failed at import: ${described(error)}`);
  }
  const found = loaded[handler];
  if (found === undefined) throw new LoadError(`${title}: ${file} defines no '${handler}'`);
  if (typeof found !== 'function') {
    throw new LoadError(`${title}: '${handler}' in ${file} is not a function`);
  }
  return found;
}

function fileOf(folder, module) {
  const files = SUFFIXES.map((suffix) => path.resolve(folder, `${module}${suffix}`));
  return files.find((file) => fs.existsSync(file)) ?? files[0];
}

/** What a file exports, CommonJS or ES module. */
async function evaluate(file) {
  try {
    return require(file) ?? {};
  } catch (error) {
    // also what an ES module throws that a newer Node cannot require: one that awaits
    if (error.code !== 'ERR_REQUIRE_ESM' && error.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    return import(pathToFileURL(file));
  }
}

module.exports = { LoadError, load };
