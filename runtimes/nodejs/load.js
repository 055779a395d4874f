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
  if (isModule(file)) return import(pathToFileURL(file));
  try {
    return require(file) ?? {};
  } catch (error) {
    // a newer Node takes an ES module by its syntax, but cannot require one that awaits
    if (error.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
    return import(pathToFileURL(file));
  }
}

/** Whether a file says that it is an ES module, by its suffix or its package. */
function isModule(file) {
  if (!file.endsWith('.js')) return file.endsWith('.mjs');
  try {
    const about = fs.readFileSync(path.join(path.dirname(file), 'package.json'), 'utf8');
    return JSON.parse(about).type === 'module';
  } catch {
    return false; // there is none, or npm has said what is wrong with it
  }
}

module.exports = { LoadError, load };
