import benny from 'benny';

const inLines = benny.complete(({ results }) => {
  for (const { name, ops, margin } of results) console.log(`  ${name}: ${ops} ops/s, ±${margin}%`);
});

/** Returns the handlers that print results: on a terminal one by one, else as lines at the end. */
export function report() {
  return process.stdout.isTTY ? [benny.cycle(), benny.complete()] : [inLines];
}
