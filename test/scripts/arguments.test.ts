import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

// About 20 scripts are started, each of which takes about a second.
t.setTimeout(180_000);

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const SCRIPTS = [
  'test:sanitize',
  'test:interop',
  'test:fuzz',
  'prebuild',
  'bench:micro',
  'build:native',
];
const CHECKED = ['format:cpp', 'build:bpf'];

function run(script: string, ...args: readonly string[]) {
  const options = { cwd: ROOT, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(
    'npm',
    ['run', '--silent', script, '--', ...args],
    options,
  );
  return { status, output: `${stdout}${stderr}`.trim() };
}

function folders(): string[] {
  return ['.', 'build'].flatMap((folder) => readdirSync(join(ROOT, folder)));
}

for (const script of [...SCRIPTS, ...CHECKED]) {
  t.test(script, async (t) => {
    const before = folders();
    const help = run(script, '--help');
    t.equal(help.status, 0);
    t.match(help.output, new RegExp(`^npm run ${script}`));
    const { status, output } = run(script, '--hlep');
    t.equal(status, 1);
    t.match(output, /^\S+: unknown argument '--hlep'/);
    t.notMatch(output, /\n/, 'in one line');
    const made = folders().filter((name) => !before.includes(name));
    t.strictSame(
      made.filter((name) => name.includes('-h')),
      [],
    );
    t.ok(existsSync(join(ROOT, 'dist', 'cli', 'main.js')), 'nothing is removed');
  });
}

const WRONG: readonly (readonly [script: string, argument: string, says: RegExp])[] = [
  ['test:sanitize', 'adress', /^test:sanitize: unknown sanitizer 'adress'/],
  ['test:sanitize', 'address,', /^test:sanitize: unknown sanitizer ''/],
  ['test:sanitize', 'thread,address', /^test:sanitize: no compiler takes address and thread/],
  ['bench:micro', 'nope', /^bench:micro: no part is called 'nope'/],
  ['test:fuzz', '0', /^test:fuzz: '0' is no number of seconds/],
  ['test:fuzz', 'long', /^test:fuzz: 'long' is no number of seconds/],
];
for (const [script, argument, says] of WRONG) {
  t.test(`${script} ${argument}`, async (t) => {
    const { status, output } = run(script, argument);
    t.equal(status, 1);
    t.match(output, says);
    t.notMatch(output, /\n/, 'in one line');
  });
}
