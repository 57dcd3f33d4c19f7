import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ROOT, sourceFiles } from '../house/source-files.js';
import { seededRandom } from '../setup/seeded-random.js';
import { readCorpus } from './corpus.js';
import { fuzz } from './fuzzer.js';
import { assertThat, type FuzzTarget } from './target.js';
import { TARGETS } from './targets/index.js';

/** Parsers without untrusted input, or that another target covers. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'src/stun/address-coding.ts decodeAddress': 'every address of target stun',
  'src/stun/leg-quality.ts decodeLegQuality': 'LEG-QUALITY of target stun',
  'src/trunk/bind-message.ts decodeBind': 'messages of method ChannelBind of target trunk-control',
  'src/lab/logged-process.ts parseObject': 'lines of our own programs',
};

t.test('every parser has a target', async (t) => {
  const targets = sourceFiles(['test/fuzz/targets'], ['.ts']);
  const text = targets.map((file) => file.text).join('\n');
  const parsers = sourceFiles(['src'], ['.ts']).flatMap((file) =>
    [...file.text.matchAll(/^export function ((?:decode|parse)\w+)\(/gm)].map(
      ([, name = '']) => `${file.path} ${name}`,
    ),
  );
  t.ok(parsers.length > 10);
  const without = parsers.filter((parser) => {
    const [, name = ''] = parser.split(' ');
    return !(parser in ELSEWHERE) && !new RegExp(`\\b${name}\\(`).test(text);
  });
  t.strictSame(without, []);
  t.strictSame(
    Object.keys(ELSEWHERE).filter((parser) => !parsers.includes(parser)),
    [],
  );
});

t.test('each target passes with its seeds, its corpus and mutations for 0.1 s', async (t) => {
  for (const target of TARGETS) {
    const corpus = readCorpus(target.name);
    const { runs, fault } = fuzz(target, { seconds: 0.1, random: seededRandom(1), corpus });
    t.equal(fault?.error, undefined, `${target.name}: ${runs} inputs, ${corpus.length} kept`);
    t.ok(runs > corpus.length);
  }
});

t.test('every corpus belongs to a target', async (t) => {
  const { fuzz: native } = JSON.parse(readFileSync(join(ROOT, 'native/sources.json'), 'utf8'));
  const names = [
    ...TARGETS.map(({ name }) => name),
    ...native.map((file: string) => file.replace(/^.*\/|\.cc$/g, '')),
  ];
  const kept = readdirSync(join(ROOT, 'test/fuzz/corpus')).map((file) => file.replace('.txt', ''));
  t.ok(kept.length > 0);
  t.strictSame(
    kept.filter((name) => !names.includes(name)),
    [],
  );
});

t.test('the fuzzer finds a parser that trusts a length, and shortens the input', async (t) => {
  const believing: FuzzTarget = {
    name: 'believing',
    about: 'a length, then so many bytes',
    seeds: () => [Uint8Array.of(3, 1, 2, 3)],
    run: (input) => {
      assertThat((input[0] ?? 0) < 200 || input.length > 200, 'reads behind its input');
      return 'fine';
    },
  };
  const { fault } = fuzz(believing, { seconds: 30, random: seededRandom(2), corpus: [] });
  t.match(fault?.error, { message: 'reads behind its input' });
  t.equal(fault?.input.length, 1, 'one byte is enough');
});

t.test('an input with a new outcome is kept in shortened form', async (t) => {
  const counting: FuzzTarget = {
    name: 'counting',
    about: 'how many of three letters there are',
    seeds: () => [Buffer.from('xxxxxx')],
    words: ['a', 'b', 'c'],
    run: (input) =>
      ['a', 'b', 'c'].filter((letter) => Buffer.from(input).includes(letter)).join(''),
  };
  const { found } = fuzz(counting, { seconds: 0.3, random: seededRandom(3), corpus: [] });
  const texts = found.map((input) => Buffer.from(input).toString());
  t.equal(texts.length, 7, 'each of the eight outcomes except that of the seed');
  t.ok(texts.includes('a'));
  const again = fuzz(counting, { seconds: 0.1, random: seededRandom(4), corpus: found });
  t.strictSame(again.found, [], 'no new outcome with the kept inputs');
});
