import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ROOT, sourceFiles } from '../house/source-files.js';

/** Files in which `event` is not a log event: of a peer, the data plane, a leg or the demo. */
const NO_LOG =
  /^src\/(client|native\/(?!forwarding-log|worker-watchdog|xdp-log)|lab|cli\/demo|overlay\/leg-t)/;

/** Events of Node's emitters. */
const EMITTED = new Set(['close', 'message']);

/** `event: 'a'`, `event = ends ? 'a' : 'b'`. */
const EVENT = /\bevent(?::| =) (?:[^,;{}\n]*\? )?'([a-z-]+)'(?: [:|] '([a-z-]+)')?/g;

function eventsOf(text: string): string[] {
  return [...text.matchAll(EVENT)].flatMap(([, ...names]) => names.filter((name) => name));
}

t.test('docs/cli.md lists exactly the events of the log', async (t) => {
  const files = sourceFiles(['src'], ['.ts']).filter(({ path }) => !NO_LOG.test(path));
  const said = new Set(
    files.flatMap(({ text }) => eventsOf(text)).filter((name) => !EMITTED.has(name)),
  );
  const page = readFileSync(join(ROOT, 'docs', 'cli.md'), 'utf8');
  const [, table = ''] = /\n(\| `event` \|[\s\S]*?)\n\n/.exec(page) ?? [];
  const rows = table.split('\n').slice(2);
  const listed = rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map(([, name = '']) => name),
  );
  t.ok(said.size > 40, 'events were found');
  t.strictSame([...said].filter((name) => !listed.includes(name)).sort(), [], 'none is missing');
  t.strictSame([...new Set(listed)].filter((name) => !said.has(name)).sort(), [], 'none is stale');
});

t.test('events are found in object literals and assignments, also with a condition', async (t) => {
  t.strictSame(eventsOf("info({ event: 'a-b', id })"), ['a-b']);
  t.strictSame(eventsOf("const event = doubt === 'x' ? 'c' : 'd';"), ['c', 'd']);
  t.strictSame(eventsOf("{ event: late ? 'e' : 'f' }"), ['e', 'f']);
});
