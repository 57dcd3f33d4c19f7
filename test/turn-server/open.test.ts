import t from 'tap';
import { TurnServer, type TurnServerOptions } from '../../src/index.js';

const SOUND: TurnServerOptions = {
  listen: '127.0.0.1:0',
  relayAddresses: '127.0.0.1',
  users: 'alice:secret',
  workers: 1,
};

t.test('options that cannot serve are refused before anything is bound', async (t) => {
  const table: [Partial<TurnServerOptions>, string, RegExp][] = [
    [{ users: undefined }, 'ERR_TURNPIKE_CONFIG', /give `users`, `authSecrets`, `oauthKeys` or/],
    [{ users: 'alice' }, 'ERR_TURNPIKE_CONFIG', /`users`: expected NAME:PASSWORD/],
    [{ users: ['a:b', 'a:c'] }, 'ERR_TURNPIKE_SECRET', /`users\[1\]`.*`users\[0\]`/],
    [{ users: 'a:0x12' }, 'ERR_TURNPIKE_SECRET', /32 hex digits/],
    [{ realm: '' }, 'ERR_TURNPIKE_CONFIG', /`realm`/],
    [{ realm: 'a"b' }, 'ERR_TURNPIKE_CONFIG', /`realm`/],
    [{ relayPorts: '1-2' }, 'ERR_TURNPIKE_CONFIG', /from 1024 to 65535/],
    [{ relayPorts: '50000' }, 'ERR_TURNPIKE_CONFIG', /MIN-MAX/],
    [{ relayAddresses: '0.0.0.0' }, 'ERR_TURNPIKE_ADDRESS', /no address of a single host/],
    [{ relayAddresses: '192.0.2.77' }, 'ERR_TURNPIKE_BIND', /192\.0\.2\.77 .*--relay-address.*NAT/],
    [{ allowPeers: '10.0.0.0/33' }, 'ERR_TURNPIKE_CONFIG', /length of a prefix/],
    [{ denyPeers: ['10.0.0.1', 'nonsense'] }, 'ERR_TURNPIKE_CONFIG', /denyPeers\[1\]/],
    [{ userQuota: -1 }, 'ERR_TURNPIKE_CONFIG', /userQuota/],
    [{ userBandwidth: -1 }, 'ERR_TURNPIKE_CONFIG', /userBandwidth/],
    [{ coalescingUs: 1_001 }, 'ERR_TURNPIKE_CONFIG', /coalescingUs.*0 to 1000/],
    [{ busyPollUs: -1 }, 'ERR_TURNPIKE_CONFIG', /busyPollUs/],
    [{ cpus: [1_023] }, 'ERR_TURNPIKE_CONFIG', /1023/],
    [{ allocationsMax: 0 }, 'ERR_TURNPIKE_CONFIG', /allocationsMax/],
    [{ nonceSecret: new Uint8Array(31) }, 'ERR_TURNPIKE_SECRET', /32 bytes/],
    [{ authenticate: 'alice' as never }, 'ERR_TURNPIKE_CONFIG', /`authenticate`.*a function/],
    [{ authenticateTimeoutMs: 99 }, 'ERR_TURNPIKE_CONFIG', /authenticateTimeoutMs.*100 to 40000/],
    [
      { defaultFamily: 'ipv6' },
      'ERR_TURNPIKE_CONFIG',
      /--default-family.* no relay address is: add an IPv6/,
    ],
    [{ listen: '192.0.2.77:1' }, 'ERR_TURNPIKE_BIND', /192\.0\.2\.77:1/],
  ];
  for (const [change, code, message] of table) {
    const opening = TurnServer.open({ ...SOUND, ...change });
    await t.rejects(opening, { code, message }, JSON.stringify(change));
  }
  const leaked = await TurnServer.open({ ...SOUND, users: 'secretword' }).catch(String);
  t.notMatch(leaked, 'secretword');
});

t.test('an open server says what it serves, and is ready until it drains', async (t) => {
  const server = await TurnServer.open({ ...SOUND, relayPorts: '50000-50009' });
  t.teardown(() => server.close());
  const [{ port = 0 } = {}] = server.listen;
  t.not(port, 0);
  t.strictSame(server.urls, [`turn:127.0.0.1:${port}?transport=udp`]);
  t.strictSame(server.allocationsLimit, { allocationsMax: 10, because: 'ports' });
  t.equal(server.allocations, 0);
  t.match(server.health(), { live: true, ready: true });
  t.match(await server.metrics(), /^turnpike_turn_allocations_limit 10$/m);
  await server.drain();
  t.match(server.health(), { live: true, ready: false, reasons: [{ code: 'draining' }] });
  await server.close();
  t.match(server.health().reasons, [{ code: 'closing' }]);
});

t.test('settings change while a server runs, all given ones or none', async (t) => {
  const server = await TurnServer.open(SOUND);
  t.teardown(() => server.close());
  server.update({ users: ['bob:secret'], allowPeers: '127.0.0.0/8' });
  const code = 'ERR_TURNPIKE_CONFIG';
  t.throws(() => server.update({ users: [] }), { code, message: /would relay for everybody/ });
  t.throws(() => server.update({ allowPeers: ['1.2.3.4/5/6'] }), { code });
  t.throws(() => server.update({ realm: 'other' } as never), { code, message: /at a start/ });
});
