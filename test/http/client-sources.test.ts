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
