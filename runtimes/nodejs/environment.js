'use strict';

/** What a process that was loaded before it knew its function takes over. */

/** Take an environment and a folder in place of the process's own. */
function become({ env, folder }) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(folder);
  if (env.NODE_PATH) require('node:module').Module._initPaths(); // it is read at the start only
}

module.exports = { become };
