import t from 'tap';
import { parseCoturnFile } from '../../../src/cli/coturn/coturn-file.js';

/** Returns the only setting of a text as key and value. */
function only(text: string): [string, string] | undefined {
  const entries = parseCoturnFile('x.conf', text);
  t.ok(entries.length <= 1, JSON.stringify(text));
  return entries[0] && [entries[0].key, entries[0].value];
}

t.test('a line is read as coturn reads it', async (t) => {
  const table: readonly [string, [string, string] | undefined][] = [
    ['realm=example.org', ['realm', 'example.org']],
    ['realm example.org', ['realm', 'example.org']],
    ['realm\t=\t example.org', ['realm', 'example.org']],
    ['  realm = example.org  \t\r', ['realm', 'example.org']],
    ['realm==x', ['realm', 'x']],
    ['static-auth-secret=a=b c', ['static-auth-secret', 'a=b c']],
    ['no-tcp', ['no-tcp', '']],
    ['no-tcp=', ['no-tcp', '']],
    ['realm="a b"', ['realm', 'a b']],
    ['realm="a b" ', ['realm', 'a b']],
    ['realm="a', ['realm', 'a']],
    ['realm="a" # b', ['realm', 'a" # b']],
    ['realm=""', ['realm', '']],
    ['realm="', ['realm', '']],
    ["realm='a'", ['realm', "'a'"]],
    ['realm=a # b', ['realm', 'a # b']],
    ['realm=a;', ['realm', 'a;']],
    ['# realm=a', undefined],
    [' \t# realm=a', undefined],
    ['', undefined],
    [' \t\v\f\r', undefined],
    ['=x', ['', 'x']],
    ['\ufeffrealm=x', ['realm', 'x']],
    ['\ufeff# realm=x', undefined],
    ['"realm"=x', ['"realm"', 'x']],
    ['\u00a0realm=x', ['\u00a0realm', 'x']],
  ];
  for (const [text, wanted] of table) t.strictSame(only(text), wanted, JSON.stringify(text));
});

t.test('lines are counted from 1, with comments and CRLF', async (t) => {
  t.match(parseCoturnFile('x.conf', '# one\r\n\r\nrealm=a\r\n\nuser=b:c'), [
    { key: 'realm', line: 3, isSeparated: true },
    { key: 'user', value: 'b:c', line: 5 },
  ]);
});

t.test('a setting that coturn would cut is an error with its line', async (t) => {
  t.equal(only(`user=${'x'.repeat(1_018)}`)?.[1].length, 1_018);
  t.equal(only(`# ${'x'.repeat(5_000)}`), undefined);
  for (const name of ['x'.repeat(1_019), 'é'.repeat(600)]) {
    t.throws(() => parseCoturnFile('x.conf', `no-tcp\nuser=${name}`), {
      code: 'ERR_TURNPIKE_CONFIG',
      message: /^x\.conf:2: it is longer than 1023 bytes/,
    });
  }
});
