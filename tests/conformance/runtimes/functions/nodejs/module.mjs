// A function in an ES module, which may await while it is loaded.

import { setImmediate } from 'node:timers/promises';

await setImmediate();

export const handler = async (event, context) => `${context['function-name']} of a module`;
