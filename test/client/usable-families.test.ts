import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { usableFamilies } from '../../src/client/usable-families.js';
import { Lab, type LabHost, labSupport } from '../../src/lab/index.js';

const MODULE = fileURLToPath(new URL('../../src/client/usable-families.ts', import.meta.url));
const support = labSupport();
const SKIP = { skip: !support.ok && support.why };

/** Returns the families that a process in the host finds. */
function usableIn({ namespace }: LabHost, relays: readonly string[] = []): number[] {
  const given = JSON.stringify(relays.map(parseAddress));
  const program = `import(${JSON.stringify(MODULE)}).then(async ({ usableFamilies }) =>
    console.log(JSON.stringify(await usableFamilies(${given}))))`;
  const { stdout } = spawnSync(
    'ip',
    [
      ...['netns', 'exec', namespace, process.execPath, '--import', 'tsx'],
      ...['--input-type=module', '-e', program],
    ],
    { encoding: 'utf8' },
  );
  return JSON.parse(stdout);
}

function ip({ namespace }: LabHost, line: string): void {
  execFileSync('ip', ['-n', namespace, ...line.split(' ')]);
}

t.test('families of relays on loopback are usable', async (t) => {
  const relays = ['127.0.0.1:3478', '[::1]:3478'].map(parseAddress);
  const families = await usableFamilies(relays);
  t.ok(families.includes(4));
  t.strictSame([...new Set(families)].sort(), families);
});

t.test('without relays, the families are those of the default routes', SKIP, async (t) => {
  const lab = new Lab();
  t.teardown(() => lab.close(0));
  const hosts = [[4], [6], [4, 6]].map((families) =>
    lab.host(`v${families.join('')}`, { families: families as (4 | 6)[] }),
  );
  await lab.up();
  for (const host of hosts) t.strictSame(usableIn(host), host.families, host.name);
});

t.test(
  'without a default route, the families are those with a route to a relay',
  SKIP,
  async (t) => {
    const lab = new Lab();
    t.teardown(() => lab.close(0));
    const host = lab.host('lan', { families: [4] });
    await lab.up();
    for (const line of [
      'route del default',
      `addr add 10.77.0.2/24 dev ${host.uplink}`,
      `addr add fd77::2/64 dev ${host.uplink} nodad`,
    ]) {
      ip(host, line);
    }
    t.strictSame(usableIn(host), [], 'no default route');
    t.strictSame(usableIn(host, ['10.77.0.1:3478']), [4], 'a relay on the IPv4 LAN');
    t.strictSame(usableIn(host, ['[fd77::1]:3478']), [6], 'a relay at a unique local IPv6 address');
    const both = ['198.51.100.1:3478', '[2001:db8::1]:3478', '[fd77::1]:3478', '10.77.0.1:3478'];
    t.strictSame(usableIn(host, both), [4, 6], 'one relay of a family is enough');
    t.strictSame(usableIn(host, ['198.51.100.1:3478', '[fd77::1]:3478']), [6]);
  },
);

t.test(
  'a unique local IPv6 source does not count for a global relay beside IPv4',
  SKIP,
  async (t) => {
    const lab = new Lab();
    t.teardown(() => lab.close(0));
    const host = lab.host('ula', { families: [4] });
    await lab.up();
    ip(host, `addr add fd77::2/64 dev ${host.uplink} nodad`);
    ip(host, `route add default via fd77::1 dev ${host.uplink}`);
    t.strictSame(usableIn(host, ['192.0.2.9:3478', '[2001:db8::1]:3478']), [4]);
    t.strictSame(usableIn(host, ['192.0.2.9:3478', '[fd99::1]:3478']), [4, 6]);
    ip(host, 'route del default via 192.0.2.1');
    t.strictSame(
      usableIn(host, ['192.0.2.9:3478', '[2001:db8::1]:3478']),
      [6],
      'it counts if there is no IPv4 route',
    );
  },
);
