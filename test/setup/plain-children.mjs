/**
 * Loaded into every test file by .taprc. tap's process tracker loads itself into each Node process
 * that a test starts: it slows their start, handles their signals and writes into the checkout,
 * also as another user. Tests start programs as users do, so the tracker stops at the test file.
 */
const TRACKER = /@tapjs\/processinfo/;
const SPAWN_HOOK = Symbol.for('process-on-spawn@*:singletonId');

globalThis[SPAWN_HOOK]?.unwrap();
const options = (process.env.NODE_OPTIONS ?? '').split(' ').filter((one) => !TRACKER.test(one));
process.env.NODE_OPTIONS = options.join(' ');
