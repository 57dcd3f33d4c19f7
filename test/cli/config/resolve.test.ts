import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { OptionTable } from '../../../src/cli/config/option.js';
import { type ConfigInput, resolveConfig } from '../../../src/cli/config/resolve.js';
import { isTurnpikeError } from '../../../src/errors.js';

const OPTIONS = {
  listen: { kind: 'address', placeholder: 'A:P', description: 'where', repeat: true },
  secretFile: { kind: 'file', placeholder: 'FILE', description: 'what' },
  keyFile: { kind: 'file', placeholder: 'FILE', description: 'what' },
  workers: { kind: 'integer', placeholder: 'N', description: 'many', minimum: 1, maximum: 16 },
  room: { kind: 'text', placeholder: 'NAME', description: 'name', default: 'hall' },
  url: { kind: 'url', placeholder: 'URL', description: 'there' },
  kind: { kind: 'choice', placeholder: 'KIND', description: 'which', choices: ['a', 'b'] },
  json: { kind: 'boolean', description: 'as JSON' },
} as const satisfies OptionTable;

type Input = Partial<Omit<ConfigInput, 'path'>> & { readonly file?: string };

function resolve(t: Test, { file, ...input }: Input = {}) {
  const flags: Record<string, string | boolean | readonly string[] | undefined> = {
    ...input.flags,
  };
  if (file !== undefined) {
    flags.config = join(t.testdir(), 'x.yaml');
    writeFileSync(flags.config, file);
  }
  return resolveConfig({ path: ['relay'], options: OPTIONS, env: {}, ...input, flags });
}

/** Returns the reported problems, without the temporary folder in file names. */
async function problems(t: Test, input: Input): Promise<string[]> {
  try {
    await resolve(t, input);
    return [];
  } catch (error) {
    if (!isTurnpikeError(error, 'ERR_TURNPIKE_CONFIG')) throw error;
    return error.message.replaceAll(/[^\s"]*x\.yaml/g, 'x.yaml').split('\n');
  }
}

t.test('a flag has precedence over the environment, then the file, then the default', async (t) => {
  const file = 'room: from file\n';
  const env = { TURNPIKE_RELAY_ROOM: 'from env' };
  const flags = { room: 'from flag' };
  const room = async (input: Input) => (await resolve(t, input)).values.room;
  t.equal(await room({}), 'hall');
  t.equal(await room({ file }), 'from file');
  t.equal(await room({ file, env }), 'from env');
  t.equal(await room({ file, env, flags }), 'from flag');
});

t.test('values are parsed alike from every source', async (t) => {
  const wanted = {
    listen: [
      { address: '192.0.2.1', port: 1 },
      { address: '2001:db8::1', port: 2 },
    ],
    workers: 4,
    json: true,
    kind: 'b',
    url: 'https://dir.example',
    logLevel: 'info',
  };
  const file =
    'listen: ["192.0.2.1:1", "[2001:DB8::1]:2"]\nworkers: 4\njson: true\nkind: b\n' +
    'url: https://dir.example\n';
  t.match((await resolve(t, { file })).values, wanted, 'file');
  const env = {
    TURNPIKE_RELAY_LISTEN: '192.0.2.1:1, [2001:DB8::1]:2',
    TURNPIKE_RELAY_WORKERS: '4',
    TURNPIKE_RELAY_JSON: '1',
    TURNPIKE_RELAY_KIND: 'b',
    TURNPIKE_RELAY_URL: 'https://dir.example',
  };
  t.match((await resolve(t, { env })).values, wanted, 'environment');
  const flags = {
    listen: ['192.0.2.1:1', '[2001:DB8::1]:2'],
    workers: '4',
    json: true,
    kind: 'b',
    url: 'https://dir.example',
  };
  t.match((await resolve(t, { flags })).values, wanted, 'flags');
});

t.test('two commas in a variable are one of a value of an option that may repeat', async (t) => {
  const options = {
    user: { kind: 'text', description: 'who', repeat: true },
    secret: { kind: 'text', description: 'what', repeat: true, confidential: true },
    room: { kind: 'text', description: 'name' },
  } as const satisfies OptionTable;
  const table: readonly [string, readonly string[]][] = [
    ['alice:a,,b', ['alice:a,b']],
    ['alice:a,,b,bob:c', ['alice:a,b', 'bob:c']],
    ['alice:a,,,bob:,,c', ['alice:a,', 'bob:,c']],
    ['alice:,,,, , bob:c', ['alice:,,', 'bob:c']],
    [',,secret', [',secret']],
  ];
  for (const [text, user] of table) {
    const env = { TURNPIKE_RELAY_USER: text, TURNPIKE_RELAY_ROOM: 'a,,b' };
    const { values } = await resolveConfig({ path: ['relay'], options, env, flags: {} });
    t.strictSame([values.user, values.room], [user, 'a,,b'], text);
  }
  const env = {
    TURNPIKE_RELAY_SECRET: 'alice: one  ,  bob:two,, ',
    TURNPIKE_RELAY_USER: ' a , b ',
  };
  const { values } = await resolveConfig({ path: ['relay'], options, env, flags: {} });
  t.strictSame(values.secret, ['alice: one  ', 'bob:two, '], 'blanks that end a secret are kept');
  t.strictSame(values.user, ['a', 'b'], 'blanks around other values are dropped');
});

t.test(
  'an option that no source gives is an empty list, false, undefined or its default',
  async (t) => {
    const { values } = await resolve(t, { env: { TURNPIKE_RELAY_WORKERS: '' } });
    t.match(values, { listen: [], json: false, workers: undefined, room: 'hall' });
  },
);

t.test('a repeatable option with one value needs no list in YAML', async (t) => {
  const { values } = await resolve(t, { file: 'listen: "192.0.2.1:1"' });
  t.match(values.listen, [{ port: 1 }]);
});

t.test('paths in a file are relative to the file', async (t) => {
  const file = 'secret-file: cluster.secret\nkey-file: /run/secrets/key\n';
  const { values } = await resolve(t, { file, env: { TURNPIKE_RELAY_URL: 'http://x' } });
  t.equal(values.secretFile, join(t.testdirName, 'cluster.secret'));
  t.equal(values.keyFile, '/run/secrets/key');
  const fromFlag = await resolve(t, { flags: { secretFile: 'cluster.secret' } });
  t.equal(fromFlag.values.secretFile, 'cluster.secret', 'as typed in a flag');
});

t.test('an invalid value is reported with its source', async (t) => {
  t.strictSame(await problems(t, { flags: { workers: '99' } }), [
    '--workers: expected a whole number from 1 to 16, got 99',
  ]);
  t.strictSame(await problems(t, { env: { TURNPIKE_RELAY_WORKERS: 'many' } }), [
    'TURNPIKE_RELAY_WORKERS: expected a whole number from 1 to 16, got "many"',
  ]);
  t.strictSame(await problems(t, { file: '# first\nkind: c\n' }), [
    'x.yaml:2 (kind): expected one of a, b, got "c"',
  ]);
  t.strictSame(await problems(t, { flags: { listen: ['192.0.2.1:1', 'localhost:2'] } }), [
    '--listen: expected IP:PORT or [IPv6]:PORT, got "localhost:2": "localhost" is a name, and ' +
      'names are not resolved: write 127.0.0.1 or [::1]',
  ]);
  t.strictSame(await problems(t, { flags: { listen: ['192.0.2.300:1'] } }), [
    '--listen: expected IP:PORT or [IPv6]:PORT, got "192.0.2.300:1": "192.0.2.300" is no IP ' +
      'address',
  ]);
  t.strictSame(await problems(t, { flags: { listen: ['192.0.2.1:65536'] } }), [
    '--listen: expected IP:PORT or [IPv6]:PORT, got "192.0.2.1:65536": 65536 is no port: a whole ' +
      'number from 0 to 65535',
  ]);
  t.strictSame(await problems(t, { flags: { url: 'ftp://x' } }), [
    '--url: expected an http:// or https:// URL, got "ftp://x"',
  ]);
  t.strictSame(await problems(t, { flags: { url: 'http://[' } }), [
    '--url: expected an http:// or https:// URL, got "http://["',
  ]);
  t.strictSame(await problems(t, { file: 'room: 12\njson: "yes"\nworkers: 1.5\n' }), [
    'x.yaml:3 (workers): expected a whole number from 1 to 16, got 1.5',
    'x.yaml:1 (room): expected text (put quotes around a number in YAML), got 12',
    'x.yaml:2 (json): expected true or false, got "yes"',
  ]);
  t.strictSame(await problems(t, { file: 'room:\n' }), [
    'x.yaml:1 (room): expected text (put quotes around a number in YAML), got null',
  ]);
});

t.test('an invalid value that is overridden is not reported', async (t) => {
  const env = { TURNPIKE_RELAY_WORKERS: 'many' };
  t.equal((await resolve(t, { env, flags: { workers: '2' } })).values.workers, 2);
});

t.test('unknown keys are refused with the nearest known one', async (t) => {
  t.strictSame(await problems(t, { file: 'lisen: "192.0.2.1:1"\n\nsecretFile: x\n' }), [
    'x.yaml:1: unknown option "lisen"; did you mean listen?',
    'x.yaml:3: unknown option "secretFile"; did you mean secret-file?',
  ]);
  const [banana] = await problems(t, { file: 'banana: 1' });
  t.match(banana, /^x\.yaml:1: unknown option "banana"; known: listen, secret-file, /);
  const [config] = await problems(t, { file: 'config: other.yaml' });
  t.match(config, /unknown option "config"/, 'a file cannot name another file');
});

t.test('an invalid configuration file is reported with its line', async (t) => {
  t.match(await problems(t, { file: '- a\n- b\n' }), ['x.yaml:1: expected "option: value" lines']);
  t.match(await problems(t, { file: 'room: a\nroom: b\n' }), [/^x\.yaml:2:1: .*unique/]);
  t.match(await problems(t, { file: 'room: "a\n' }), [/^x\.yaml:\d+:\d+: /]);
  t.match(await problems(t, { file: 'room: a\nregion: *b\n' }), [/^x\.yaml:2: .*alias/]);
  t.match(await problems(t, { flags: { config: 'missing.yaml' } }), [
    '--config missing.yaml: there is no such file (ENOENT)',
  ]);
  t.strictSame(await problems(t, { file: '' }), [], 'an empty file is valid');
  t.strictSame(await problems(t, { file: '{"room": "a"}' }), [], 'JSON is valid');
});

t.test('a missing required option and a broken rule between options are reported', async (t) => {
  const options = { id: { kind: 'name', placeholder: 'ID', description: 'who', required: true } };
  t.strictSame(await problems(t, { options: options as OptionTable }), [
    'missing --id (or TURNPIKE_RELAY_ID, or "id:" in the --config file)',
  ]);
  const one = [{ type: 'one', options: ['secretFile', 'keyFile'] }] as const;
  t.strictSame(await problems(t, { rules: one }), ['missing one of --secret-file, --key-file']);
  const both = { file: 'secret-file: x', env: { TURNPIKE_RELAY_KEY_FILE: 'y' } };
  t.strictSame(await problems(t, { ...both, rules: one }), [
    'x.yaml:1 (secret-file) and TURNPIKE_RELAY_KEY_FILE exclude each other: give one',
  ]);
  t.strictSame(await problems(t, { ...both, rules: [{ ...one[0], type: 'at-most-one' }] }), [
    'x.yaml:1 (secret-file) and TURNPIKE_RELAY_KEY_FILE exclude each other: give one',
  ]);
  const together = [{ type: 'together', options: ['secretFile', 'keyFile'] }] as const;
  t.strictSame(await problems(t, { flags: { keyFile: 'y' }, rules: together }), [
    '--key-file: --secret-file and --key-file go together',
  ]);
  t.strictSame(await problems(t, { rules: together }), []);
});

t.test(
  'a variable similar to an option’s is reported as a warning, other variables are ignored',
  async (t) => {
    const env = {
      TURNPIKE_RELAY_LISTEM: '192.0.2.1:1',
      TURNPIKE_RELAY_SERVICE_HOST: '10.0.0.1',
      TURNPIKE_PEER_LISTEM: 'x',
    };
    t.strictSame((await resolve(t, { env })).warnings, [
      'environment variable TURNPIKE_RELAY_LISTEM is ignored; did you mean TURNPIKE_RELAY_LISTEN?',
    ]);
  },
);
