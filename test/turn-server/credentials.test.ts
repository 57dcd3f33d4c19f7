import t from 'tap';
import { hostIps } from '../../src/http/forwarding-health.js';
import { Credentials } from '../../src/turn-server/credentials.js';
import { parseRelayAddress } from '../../src/turn-server/relay-addresses.js';
import { ReplaceablePeerPolicy } from '../../src/turn-server/replaceable-peer-policy.js';

const KEY = `0x${'ab'.repeat(16)}`;
const NONE = { users: [], authSecrets: [], oauthKeys: [] };

t.test('a server needs a user, a shared secret or a look-up', async (t) => {
  const code = 'ERR_TURNPIKE_CONFIG';
  t.throws(() => new Credentials('r', NONE), { code, message: /`oauthKeys` or `authenticate`/ });
  t.equal(new Credentials('r', NONE, { hasLookups: true }).verifier.find('a'), undefined);
  t.ok(new Credentials('r', { ...NONE, users: ['a:b'] }).verifier.find('a'));
  t.ok(new Credentials('r', { ...NONE, authSecrets: ['s'] }).verifier.find('1893456000:a'));
});

t.test('only a server that knows all names beforehand asks for USERHASH', async (t) => {
  const realmOf = (users: string[], authSecrets: string[]) =>
    new Credentials('r', { ...NONE, users, authSecrets }).verifier.realm;
  t.equal(realmOf(['a:b'], []).usernameAnonymity, true);
  t.equal(realmOf(['a:b'], ['s']).usernameAnonymity, false);
  t.equal(realmOf([], ['s']).usernameAnonymity, false);
  const texts = { ...NONE, users: [`a:${KEY}`] };
  const { realm } = new Credentials('r', texts, { hasLookups: true }).verifier;
  t.equal(realm.usernameAnonymity, false, 'nor one that looks users up');
  t.strictSame(realm.passwordAlgorithms, ['sha256', 'md5']);
});

t.test('credentials are replaced together or not at all', async (t) => {
  const credentials = new Credentials('r', { ...NONE, users: ['a:b', `c:${KEY}`] });
  const { verifier } = credentials;
  t.strictSame(credentials.md5Only, ['c']);
  t.throws(() => credentials.prepare({ users: [] }), { code: 'ERR_TURNPIKE_CONFIG' });
  t.throws(() => credentials.prepare({ users: ['no colon'] }), { code: 'ERR_TURNPIKE_SECRET' });
  const take = credentials.prepare({ users: [], authSecrets: ['s'] });
  t.ok(verifier.find('a'), 'as before until it is taken');
  take();
  t.equal(verifier.find('a'), undefined);
  t.ok(verifier.find('1893456000:a'));
  t.strictSame(credentials.md5Only, []);
  t.throws(() => credentials.prepare({ authSecrets: [] }), 'no user is left');
});

t.test(
  'keys of access tokens are replaced, but not given first while the server runs',
  async (t) => {
    const key = (kid: string) => `kid=${kid}, ikm_key=${Buffer.alloc(32).toString('base64')}`;
    const credentials = new Credentials('r', { ...NONE, oauthKeys: [key('a')] });
    const { verifier } = credentials;
    t.strictSame(verifier.realm, {
      ...{ name: 'r', passwordAlgorithms: ['sha256', 'md5'], usernameAnonymity: false },
      thirdParty: 'r',
    });
    const kids = () => ['a', 'b'].filter((kid) => verifier.findByToken(kid, new Uint8Array(68)));
    t.strictSame(kids(), ['a']);
    const take = credentials.prepare({ oauthKeys: [key('b')] });
    t.strictSame(kids(), ['a'], 'as before until they are taken');
    take();
    t.strictSame(kids(), ['b']);
    t.throws(() => credentials.prepare({ oauthKeys: ['topsecret'] }), {
      code: 'ERR_TURNPIKE_SECRET',
      message: /^`oauthKeys\[0\]`: expected fields/,
    });
    t.throws(() => credentials.prepare({ oauthKeys: [] }), { code: 'ERR_TURNPIKE_CONFIG' });
    credentials.prepare({ oauthKeys: [], users: ['a:b'] })();
    t.strictSame(kids(), [], 'tokens are still offered, and none opens');
    const named = new Credentials(
      'r',
      { ...NONE, users: ['a:b'], oauthKeys: [key('a')] },
      { oauthServerName: 'turn.example.org' },
    );
    t.match(named.verifier.realm, { thirdParty: 'turn.example.org', usernameAnonymity: false });
    const without = new Credentials('r', { ...NONE, users: ['a:b'] });
    t.equal(without.verifier.realm.thirdParty, undefined);
    t.throws(() => without.prepare({ oauthKeys: [key('a')] }), {
      code: 'ERR_TURNPIKE_CONFIG',
      message: /`oauthKeys` .*had no key at the start: restart/,
    });
  },
);

t.test('a message about a credential does not show it', async (t) => {
  try {
    new Credentials('r', { ...NONE, users: ['fine:secret', 'topsecret'] });
    t.fail('it throws');
  } catch (error) {
    t.match(String(error), /`users\[1\]`/);
    t.notMatch(String(error), /topsecret/);
  }
});

t.test('lists of peers are replaced, and this host is refused', async (t) => {
  const lists = { allowPeers: ['10.1.0.0/16'], denyPeers: [], allowPrivatePeers: false };
  const relayAddresses = [parseRelayAddress('198.41.0.4')];
  const ports = { min: 50_000, max: 50_999 };
  const policy = new ReplaceablePeerPolicy(lists, { relayAddresses, ports });
  const verdicts = (...ips: string[]) => ips.map((ip) => policy.check(ip));
  t.strictSame(verdicts('10.1.2.3', '10.2.2.3', '198.41.0.4'), ['allowed', 'denied', 'allowed']);
  t.throws(() => policy.prepare({ denyPeers: ['10.0.0.0/33'] }), { code: 'ERR_TURNPIKE_CONFIG' });
  policy.prepare({ denyPeers: ['198.41.0.0/24'] })();
  t.strictSame(verdicts('10.1.2.3', '198.41.0.5'), ['allowed', 'denied'], 'the others stay');
  policy.prepare({ allowPeers: ['0.0.0.0/0'], denyPeers: [], allowPrivatePeers: true })();
  t.strictSame(verdicts('10.2.2.3', '198.41.0.5', '127.0.0.1'), ['allowed', 'allowed', 'denied']);
  const own = [...hostIps()].find((ip) => !ip.startsWith('127.') && ip !== '::1');
  if (own !== undefined) t.equal(policy.check(own), 'denied', 'this host, although it is private');
});

t.test('at addresses of relays only relayed ports are left to peers', async (t) => {
  const lists = { allowPeers: [], denyPeers: [], allowPrivatePeers: false };
  const ports = { min: 50_000, max: 50_999 };
  const policy = new ReplaceablePeerPolicy(lists, { relayAddresses: [], ports });
  t.equal(policy.portsOf('198.41.0.4'), undefined);
  t.ok(policy.takeRelays(['198.41.0.4', '198.41.0.5']));
  t.strictSame(policy.portsOf('198.41.0.4'), ports);
  t.notOk(policy.takeRelays(['198.41.0.5', '198.41.0.4']), 'the same');
  t.ok(policy.takeRelays(['198.41.0.6', '198.41.0.5']));
  t.equal(policy.portsOf('198.41.0.4'), undefined);
});
