import benny from 'benny';

const inLines = benny.complete(({ results }) => {
  for (const { name, ops, margin } of results) console.log(`  ${name}: ${ops} ops/s, ±${margin}%`);
});

/** How a suite shows its results: as they come on a terminal, else in plain lines at its end. */
export function report() {
  return process.stdout.isTTY ? [benny.cycle(), benny.complete()] : [inLines];
}
