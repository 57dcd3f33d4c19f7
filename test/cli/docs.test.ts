import { readFileSync } from 'node:fs';
import t from 'tap';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { parseConfig } from '../../src/cli/config/config-file.js';
import { resolveConfig } from '../../src/cli/config/resolve.js';
import { keysOf, PAGE, renewed } from './reference.js';

const page = readFileSync(PAGE, 'utf8');

t.test('docs/cli.md has the options of the tables in the code', async (t) => {
  t.equal(renewed(page), page, 'renew it with: node --import tsx test/cli/reference.ts');
});

t.test('the configuration file of each command takes exactly its YAML keys', async (t) => {
  const config = `${t.testdir({ 'x.yaml': 'zzzzzzzzzzzz: 1' })}/x.yaml`;
  for (const { path, options, ...command } of COMMANDS) {
    const resolving = resolveConfig({ path, options, flags: { config }, env: {} });
    const message = await resolving.then(() => '', String);
    const [, known = ''] = /unknown option "z+"; known: (.*)/.exec(message) ?? [];
    t.strictSame(known.split(', '), keysOf({ path, options, ...command }), path.join(' '));
  }
});

t.test('the YAML example of docs/cli.md is a valid configuration of a relay', async (t) => {
  const [, example = ''] = /```yaml\n([^`]+)```/.exec(page) ?? [];
  const relay = COMMANDS.find(({ path }) => path[0] === 'relay');
  t.ok(relay && parseConfig('example', example).length > 5);
  if (relay === undefined) return;
  const config = `${t.testdir({ 'fra-1.yaml': example })}/fra-1.yaml`;
  const { path, options, rules = [] } = relay;
  const resolved = await resolveConfig({ path, options, rules, flags: { config }, env: {} });
  t.match(resolved.values, { id: 'fra-1', advertise: [{ port: 3478 }, { port: 3478 }] });
});
