import t from 'tap';
import { ClientSources } from '../../src/http/client-sources.js';

t.test('a source is an IPv4 address or an IPv6 /64', async (t) => {
  const sources = new ClientSources();
  const cases = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
    ['2001:db8:1:2::6', '2001:db8:1:2::'],
    ['2001:db8::6', '2001:db8:0:0::'],
    ['::1', '0:0:0:0::'],
    ['::', '0:0:0:0::'],
    ['fe80::1%eth0', 'fe80:0:0:0::'],
  ] as const;
  for (const [ip, name] of cases) t.equal(sources.nameOf(ip), name, ip);
  t.equal(sources.nameOf(undefined), '', 'a socket that is closed has no address');
});

t.test('the network of a source is an IPv6 /48', async (t) => {
  const sources = new ClientSources();
  const cases = [
    ['192.0.2.1', undefined],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::'],
    ['2001:db8::6', '2001:db8:0::'],
    ['::1', '0:0:0::'],
  ] as const;
  for (const [ip, name] of cases) t.equal(sources.networkOf(ip), name, ip);
});

t.test('connections of a trusted proxy have no source', async (t) => {
  const sources = new ClientSources(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', '0.0.0.0/32']);
  for (const ip of ['10.255.0.1', '::ffff:10.0.0.1', '192.0.2.1', '2001:db8:ffff::1']) {
    t.equal(sources.nameOf(ip), undefined, ip);
  }
  for (const ip of ['11.0.0.1', '192.0.2.2', '2001:db9::1']) t.not(sources.nameOf(ip), undefined);
});

t.test('an invalid prefix of a trusted proxy is refused', async (t) => {
  const wrong = ['', 'proxy', '10.0.0.0/', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', '10.0.0.0/-1'];
  for (const proxy of wrong) {
    t.throws(() => new ClientSources([proxy]), { code: 'ERR_TURNPIKE_CONFIG' }, proxy);
  }
});

t.test('a trusted proxy alone says which client it serves', async (t) => {
  const sources = new ClientSources(['10.0.0.0/8', '2001:db8::/32']);
  const of = (ip: string | undefined, forwarded?: string | string[]) =>
    sources.clientOf(ip, forwarded);
  t.equal(of('::ffff:203.0.113.7', '198.51.100.1'), '203.0.113.7', 'no proxy: itself');
  t.equal(of('fe80::1%eth0'), 'fe80::1');
  t.equal(of(undefined, '198.51.100.1'), undefined, 'a closed socket');
  t.equal(of('10.0.0.1'), undefined);
  t.equal(of('10.0.0.1', '198.51.100.1'), '198.51.100.1');
  t.equal(of('2001:db8::1', ['forged, 198.51.100.1', '2001:db9::7,10.0.0.2']), '2001:db9::7');
  t.equal(of('10.0.0.1', '198.51.100.1, unknown'), undefined, 'what is no address hides the rest');
  t.equal(of('10.0.0.1', '10.0.0.2, 10.0.0.3'), undefined, 'proxies only');
  t.equal(of('10.0.0.1', `198.51.100.1${', 10.0.0.2'.repeat(100)}`), undefined, 'bounded');
});
