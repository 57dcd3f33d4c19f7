import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { isOnThisHost, usableFamilies } from '../../src/client/usable-families.js';
import { Lab, labSupport } from '../../src/lab/index.js';

const MODULE = fileURLToPath(new URL('../../src/client/usable-families.ts', import.meta.url));
const support = labSupport();

t.test('a directory on this host is known by its URL', async (t) => {
  for (const url of ['http://127.0.0.1:8443', 'http://localhost/', 'https://[::1]:1/base']) {
    t.equal(isOnThisHost(url), true, url);
  }
  t.equal(isOnThisHost('https://dir.example.net'), false);
  t.equal(isOnThisHost(new URL('http://192.0.2.1:8443')), false);
});

t.test('this host has some or none, each once', async (t) => {
  const families = await usableFamilies();
  t.strictSame([...new Set(families)].sort(), families);
});

t.test('a host says what it has routes in', { skip: !support.ok && support.why }, async (t) => {
  const lab = Lab.create();
  t.teardown(() => lab.close(0));
  const hosts = [[4], [6], [4, 6]].map((families) =>
    lab.host(`v${families.join('')}`, { families: families as (4 | 6)[] }),
  );
  await lab.up();
  const program = `import(${JSON.stringify(MODULE)}).then(async ({ usableFamilies }) =>
    console.log(JSON.stringify(await usableFamilies())))`;
  for (const host of hosts) {
    const { stdout } = spawnSync(
      'ip',
      [
        ...['netns', 'exec', host.namespace, process.execPath, '--import', 'tsx'],
        ...['--input-type=module', '-e', program],
      ],
      { encoding: 'utf8' },
    );
    t.strictSame(JSON.parse(stdout), host.families, host.name);
  }
});
