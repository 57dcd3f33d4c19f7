import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { ROOT } from '../house/source-files.js';

// In a separate process each, since a loaded addon stays loaded.
function load(addon: string) {
  const program = `
    const { loadAddon, explain } = require('./native/locate.cjs');
    const { addon, place, tried } = loadAddon();
    console.log(JSON.stringify({ loaded: addon !== undefined, place, tried }));
    console.log(explain(tried));
  `;
  const env = { ...process.env, TURNPIKE_ADDON: addon };
  const { stdout } = spawnSync(process.execPath, ['-e', program], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
  });
  const [result = '', ...explanation] = stdout.split('\n');
  return { ...JSON.parse(result), explanation: explanation.join('\n') };
}

const built = join(ROOT, 'build/Release/turnpike.node');

t.test('the addon named in the environment is loaded first', async (t) => {
  t.match(load(built), { loaded: true, place: built, tried: [] });
});

t.test('an unusable addon is skipped and listed with the reason', async (t) => {
  const folder = t.testdir({
    'junk.node': 'no shared object',
    'other.cjs': 'exports.contract = 999;',
  });
  const missing = load(join(folder, 'missing.node'));
  t.match(missing, { loaded: true, place: built });
  t.match(missing.tried, [/missing\.node: no such file/]);
  t.match(load(join(folder, 'junk.node')).tried, [/junk\.node: .+/]);
  const other = load(join(folder, 'other.cjs'));
  t.match(other.tried, [/other\.cjs: made for another version \(contract 999/]);
  t.match(other.explanation, /other\.cjs/);
  t.match(other.explanation, /run `npm run build:native`/);
});
