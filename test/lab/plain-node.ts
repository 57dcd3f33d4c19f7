/**
 * The words that start Node without the test runner's instrumentation, which is of no use in a
 * program under test, and slow: the runner puts it into every child's NODE_OPTIONS. `env` replaces
 * itself by Node, so the pid is Node's.
 */
export const PLAIN_NODE: readonly [string, ...string[]] = [
  'env',
  '-u',
  'NODE_OPTIONS',
  process.execPath,
];

/** The same for a program in TypeScript. */
export const PLAIN_TSX: readonly [string, ...string[]] = [...PLAIN_NODE, '--import', 'tsx'];
