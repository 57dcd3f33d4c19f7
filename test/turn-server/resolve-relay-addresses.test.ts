import pino from 'pino';
import t, { type Test } from 'tap';
import { formatAddress } from '../../src/address.js';
import { pooledRandom } from '../../src/random-pool.js';
import { TurnServer } from '../../src/turn-server/index.js';
import { resolveRelayAddresses } from '../../src/turn-server/resolve-relay-addresses.js';
import { parseStunServer, stunServerAddress } from '../../src/turn-server/stun-server-name.js';
import { mappedTo, stunResponder } from './stun-responder.js';
import { RELAY_PORTS } from './turn-socket.js';

const LISTEN = [{ address: '127.0.0.1', port: 3_478 }];
const PORTS = { min: 61_000, max: 65_535 };

function resolve(relayAddresses: readonly string[], stunServer?: string, listen = LISTEN) {
  const random = pooledRandom();
  return resolveRelayAddresses({ relayAddresses, stunServer, listen, ports: PORTS, random });
}

/** Opens a STUN server that sees another IP, and ports moved by `shift`. */
async function natServer(t: Test, ip: string, shift = 0): Promise<string> {
  const server = await stunResponder(t, (request, { port }) => [
    mappedTo(request, { address: ip, port: port + shift }),
  ]);
  return formatAddress(server);
}

t.test('auto after the slash is what the STUN server sees', async (t) => {
  const stun = await natServer(t, '198.41.0.4');
  t.strictSame(await resolve(['127.0.0.1/auto', '10.0.0.5/192.0.2.1'], stun), [
    { address: '127.0.0.1', advertised: '198.41.0.4' },
    { address: '10.0.0.5', advertised: '192.0.2.1' },
  ]);
});

t.test('a NAT that changes ports is found', async (t) => {
  const [found] = await resolve(['127.0.0.1/auto'], await natServer(t, '198.41.0.4', -7));
  const { local = 0, mapped = 0 } = found?.portSeen ?? {};
  t.equal(local - mapped, 7);
});

t.test('auto and a STUN server go together', async (t) => {
  const code = 'ERR_TURNPIKE_CONFIG';
  await t.rejects(resolve(['auto']), { code, message: /name one \(--stun-server\)/ });
  await t.rejects(resolve(['127.0.0.1/auto']), { code });
  await t.rejects(resolve(['127.0.0.1'], '127.0.0.1'), { code, message: /asked only for/ });
  await t.rejects(resolve([], '127.0.0.1'), { code });
});

t.test('the STUN server needs an address of the family', async (t) => {
  const code = 'ERR_TURNPIKE_STUN_SERVER';
  await t.rejects(resolve(['127.0.0.1/auto'], '[::1]:1'), {
    code,
    message: /of the family of 127/,
  });
  const name = { host: 'stun.example.org', port: 1 };
  const unknown = () => Promise.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' }));
  await t.rejects(stunServerAddress(name, 4, unknown), { code, errno: 'ENOTFOUND' });
  const both = [
    { address: '2001:DB8::1', family: 6 },
    { address: '192.0.2.1', family: 4 },
  ];
  const at = (family: 4 | 6) => stunServerAddress(name, family, async () => both);
  t.strictSame(await at(4), { address: '192.0.2.1', port: 1 });
  t.strictSame(await at(6), { address: '2001:db8::1', port: 1 });
  t.equal(await stunServerAddress(name, 4, async () => both.slice(0, 1)), undefined);
});

t.test('auto before the slash is an address of this host of the family after it', async (t) => {
  const found = await resolve(['auto/198.41.0.4', 'auto/2001:db8::1']);
  t.match(found, [{ advertised: '198.41.0.4' }]);
  t.equal(found.length, 1, 'it does not listen on IPv6');
  await t.rejects(resolve(['auto/2001:db8::1']), { code: 'ERR_TURNPIKE_CONFIG' });
});

t.test('a STUN server is a name or an address, with or without a port', async (t) => {
  const table: [string, { host: string; port: number }][] = [
    ['stun.example.org', { host: 'stun.example.org', port: 3_478 }],
    ['stun.example.org:19302', { host: 'stun.example.org', port: 19_302 }],
    ['localhost', { host: 'localhost', port: 3_478 }],
    ['192.0.2.1:1', { host: '192.0.2.1', port: 1 }],
    ['[2001:db8::1]', { host: '2001:db8::1', port: 3_478 }],
    ['[2001:db8::1]:5349', { host: '2001:db8::1', port: 5_349 }],
  ];
  for (const [text, name] of table) t.strictSame(parseStunServer(text), name, text);
  for (const text of [
    ...['', ':', ':3478', 'a:', 'a:0', 'a:65536', 'a:b', 'a:1:2', '2001:db8::1', '[::1', '[a]'],
    ...['stun:stun.example.org', 'a b', '-a', 'a..b', '256.0.0.1', '1.2.3', `${'a.'.repeat(127)}b`],
    ...['a/b', 'a\n', '[::1%eth0]', '[127.0.0.1]'],
  ]) {
    t.throws(() => parseStunServer(text), { code: 'ERR_TURNPIKE_ADDRESS' }, JSON.stringify(text));
  }
  t.strictSame(await stunServerAddress({ host: '127.0.0.1', port: 1 }, 4), {
    ...{ address: '127.0.0.1', port: 1 },
  });
  t.equal(await stunServerAddress({ host: '127.0.0.1', port: 1 }, 6), undefined);
});

t.test('a server serves by the address that was found, and warns of changed ports', async (t) => {
  const log: Record<string, unknown>[] = [];
  const server = await TurnServer.open({
    listen: '127.0.0.1:0',
    relayAddresses: '127.0.0.1/auto',
    stunServer: await natServer(t, '198.41.0.4', -3),
    relayPorts: RELAY_PORTS,
    users: 'alice:secret',
    workers: 1,
    logger: pino({}, { write: (line: string) => void log.push(JSON.parse(line)) }),
  });
  t.teardown(() => server.close());
  t.match(server.relayAddresses, [{ address: '127.0.0.1', advertised: '198.41.0.4' }]);
  t.match(server.urls, [/^turn:198\.41\.0\.4:\d+\?transport=udp$/]);
  const events = log.map(({ event }) => event);
  t.ok(events.includes('relay-ports-changed'));
  t.notOk(events.includes('relay-address-private'), 'the Internet reaches what was found');
});
