import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ROOT, sourceFiles } from '../house/source-files.js';

/** There `event` is a peer's, a data plane's or a leg's, or a report of the demo to its output. */
const NO_LOG = /^src\/(client|native|lab|cli\/demo|overlay\/leg-transitions)/;

/** What Node's emitters are asked for. */
const EMITTED = new Set(['close', 'message']);

/** `event: 'a'`, `event = ends ? 'a' : 'b'`. */
const EVENT = /\bevent(?::| =) (?:[^,;{}\n]*\? )?'([a-z-]+)'(?: [:|] '([a-z-]+)')?/g;

function eventsOf(text: string): string[] {
  return [...text.matchAll(EVENT)].flatMap(([, ...names]) => names.filter((name) => name));
}

t.test('docs/cli.md lists every event of the log, and no other', async (t) => {
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
  t.strictSame([...new Set(listed)].filter((name) => !said.has(name)).sort(), [], 'none is gone');
});

t.test('the events of a text are found however they are written', async (t) => {
  t.strictSame(eventsOf("info({ event: 'a-b', id })"), ['a-b']);
  t.strictSame(eventsOf("const event = doubt === 'x' ? 'c' : 'd';"), ['c', 'd']);
  t.strictSame(eventsOf("{ event: late ? 'e' : 'f' }"), ['e', 'f']);
});
