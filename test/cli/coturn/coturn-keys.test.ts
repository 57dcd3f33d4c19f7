import { readFileSync } from 'node:fs';
import t from 'tap';
import { COTURN_KEYS } from '../../../src/cli/coturn/coturn-keys.js';
import { coturnOptions } from '../../../src/cli/coturn/coturn-options.js';
import { PAGE, renewed } from './keys-page.js';

t.test('docs/from-coturn.md has every key of the code', async (t) => {
  const page = readFileSync(PAGE, 'utf8');
  t.equal(renewed(page), page, 'renew it with: node --import tsx test/cli/coturn/keys-page.ts');
});

/** Valid values of the keys that options take. */
const VALUES: Readonly<Record<string, string>> = {
  'listening-ip': '10.0.0.5',
  'aux-server': '10.0.0.5:1',
  'relay-ip': '10.0.0.5',
  'external-ip': '192.0.2.1',
  realm: 'example.org',
  user: 'a:b',
  'static-auth-secret': 'secret',
  'allowed-peer-ip': '10.0.0.1',
  'denied-peer-ip': '10.0.0.1',
  'max-port': '60000',
  'server-name': 'turn.example.org',
  'user-quota': '3',
  'allocation-default-address-family': 'keep',
  'prometheus-address': '127.0.0.1',
};

/** Keys without which a key has no effect, or prevents the start. */
const COMPANIONS: Readonly<Record<string, readonly string[]>> = {
  'prometheus-port': ['prometheus', 'static-auth-secret'],
  'prometheus-address': ['prometheus', 'static-auth-secret'],
  'use-auth-secret': ['user'],
  'max-bps': ['user-quota'],
  'listening-device': ['listening-ip'],
  'relay-device': ['relay-ip'],
  oauth: ['server-name'],
  'server-name': ['oauth'],
  rfc5780: ['listening-ip', 'listening-ip=10.0.0.6'],
  'alt-listening-port': ['rfc5780', 'listening-ip', 'listening-ip=10.0.0.6'],
};

/** Options without which some keys prevent the start. */
const GIVEN = ['authSecretFile', 'oauthKeysFile'];

t.test('each key has the effect that its verdict says', async (t) => {
  for (const [key, { verdict, isFlag }] of Object.entries(COTURN_KEYS)) {
    const value = isFlag ? '' : (VALUES[key] ?? '2000');
    const all = [key, ...(COMPANIONS[key] ?? []), 'no-tcp'];
    const entries = all.map((name, index) => ({
      ...{ key: name.split('=')[0] ?? '', line: index + 1, isSeparated: true },
      value: name === key ? value : (name.split('=')[1] ?? VALUES[name] ?? ''),
    }));
    const { values, problems, remarks } = coturnOptions({
      ...{ file: 'x.conf', entries, isGiven: (name) => GIVEN.includes(name) },
      host: { hasIpv6: true, byDefaultRoute: { 4: '10.0.0.5' } },
    });
    const levels = remarks.filter(({ members }) => [members.keys].flat().includes(key));
    const said = levels.map(({ level }) => level).join();
    t.equal(problems.length > 0, verdict === 'refused', `${key} ${problems}`);
    if (verdict === 'taken') {
      t.ok(values.size > 0 || key === 'use-auth-secret', `${key} gives an option`);
    } else {
      const expected = { same: '', 'no-effect': 'info', warned: 'warn', refused: '' }[verdict];
      t.equal(said, expected, key);
    }
  }
});
