import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readSelectionFile } from '../../src/cli/selection-file.js';

/** Writes a file of settings, and reads it. */
function read(text: string) {
  const path = join(t.testdir(), 'selection.yaml');
  writeFileSync(path, text);
  return readSelectionFile(path);
}

t.test('a file of settings is YAML or JSON, and may be empty', async (t) => {
  const yaml = 'weights:\n  bandMs: 8\ntenants:\n  - tenant: acme\n    regions: [fra]\n';
  const settings = { weights: { bandMs: 8 }, tenants: [{ tenant: 'acme', regions: ['fra'] }] };
  t.match(await read(yaml), settings);
  t.match(await read(JSON.stringify(settings)), settings);
  t.match(await read(''), { prices: [], tenants: [] });
  t.match(await read('weights:\nprices: []\n'), { prices: [], tenants: [] });
});

t.test('a fault is told with the file, the member and what is allowed', async (t) => {
  const cases: [string, RegExp][] = [
    ['weights: {bandMs: -1}', /yaml: `weights.bandMs`: expected a number from 0 to 1000, got -1/],
    ['weights: {bandMs: wide}', /`weights.bandMs`: expected a number from 0 to 1000, got "wide"/],
    ['weights: {band-ms: 1}', /unknown option `weights.band-ms`: did you mean `weights.bandMs`/],
    ['wieghts: {}', /unknown option `wieghts`: did you mean `weights`/],
    ['prices: {ovh: 2}', /`prices\[0\]|unknown option `prices/],
    ['tenants: [{tenant: A B}]', /`tenants\[0\].tenant`: expected a name/],
    ['- 1', /yaml:1: expected/],
    ['a: [', /yaml:1/],
  ];
  for (const [text, message] of cases) {
    await t.rejects(read(text), { code: 'ERR_TURNPIKE_CONFIG', message }, text);
  }
  await t.rejects(readSelectionFile('/nowhere'), {
    code: 'ERR_TURNPIKE_CONFIG',
    message: /--selection-file/,
  });
});
