import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { DIRECTORY_SPECS } from '../../src/directory/options.js';
import type { Setting } from '../../src/options/option-spec.js';
import { RELAY_SPECS } from '../../src/relay/options.js';
import { TURN_SETTINGS } from '../../src/turn-server/option-specs.js';
import { ROOT } from './source-files.js';

const PROGRAMS: Readonly<Record<string, Readonly<Record<string, Setting>>>> = {
  directory: DIRECTORY_SPECS,
  relay: RELAY_SPECS,
  turn: TURN_SETTINGS,
};

t.test('an option of the command line changes at the same time as its setting', async (t) => {
  for (const [program, specs] of Object.entries(PROGRAMS)) {
    const command = COMMANDS.find(({ path }) => path.join() === program);
    const options = Object.values(command?.options ?? {});
    const taken = options.flatMap(({ setting }) => setting ?? []);
    t.strictSame(taken, [...new Set(taken)], `${program}: each setting once`);
    for (const { setting = '', changes } of options.filter((each) => each.setting !== undefined)) {
      t.equal(changes, specs[setting]?.changes, `${program}: ${setting}`);
    }
  }
});

t.test('docs/cli.md lists exactly the options that change while a program runs', async (t) => {
  const page = readFileSync(join(ROOT, 'docs', 'cli.md'), 'utf8');
  const [, table = ''] = /begin reload -->([\s\S]*)<!-- end reload/.exec(page) ?? [];
  const flags = [...table.matchAll(/`(--[a-z-]+)`/g)].map(([, name = '']) => name);
  for (const program of Object.keys(PROGRAMS)) {
    const [, section = ''] = page.split(`### \`turnpike ${program}\``);
    const rows = (section.split('\n### ')[0] ?? '')
      .split('\n')
      .filter((row) => /^\| `--/.test(row));
    const reloaded = rows.filter((row) => /; reloads\b/.test(row));
    t.ok(reloaded.length > 2 && reloaded.length < rows.length);
    for (const row of rows) {
      const [, flag = ''] = /`(--[a-z-]+)/.exec(row) ?? [];
      t.equal(flags.includes(flag), reloaded.includes(row), `${program} ${flag}`);
    }
  }
});
