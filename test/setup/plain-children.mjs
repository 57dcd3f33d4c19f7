/**
 * Keeps tap's process tracker out of the Node processes that a test starts; .taprc loads this file
 * into every test file. In such processes the tracker slows the start, handles signals and writes
 * into the checkout, also as another user. Without it they run as a user's do.
 */
const TRACKER = /@tapjs\/processinfo|\/setup\/untracked\.mjs/;
const SPAWN_HOOK = Symbol.for('process-on-spawn@*:singletonId');

globalThis[SPAWN_HOOK]?.unwrap();
const options = (process.env.NODE_OPTIONS ?? '').split(' ').filter((one) => !TRACKER.test(one));
process.env.NODE_OPTIONS = options.join(' ');
