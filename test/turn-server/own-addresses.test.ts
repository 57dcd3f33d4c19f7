import { networkInterfaces } from 'node:os';
import t from 'tap';
import { TurnServer } from '../../src/index.js';

t.test('a server at a wildcard is no alternate of itself at any address of its host', async (t) => {
  const server = await TurnServer.open({
    listen: ['0.0.0.0:0', '[::]:0'],
    relayAddresses: '127.0.0.1',
    users: 'alice:secret',
    workers: 1,
  });
  t.teardown(() => server.close());
  const [v4 = 0, v6 = 0] = server.listen.map(({ port }) => port);
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address, family }) =>
      family === 'IPv4' ? `${address}:${v4}` : `[${address.replace(/%.*$/, '')}]:${v6}`,
    );
  for (const each of [...own, `127.0.0.9:${v4}`, `[::1]:${v6}`, `0.0.0.0:${v4}`, `[::]:${v6}`]) {
    t.throws(
      () => server.update({ alternateServers: each }),
      { code: 'ERR_TURNPIKE_CONFIG', message: /is this server itself/ },
      each,
    );
  }
  const others = [`192.0.2.77:${v4}`, `127.0.0.1:${v4 === 9 ? 10 : 9}`];
  server.update({ alternateServers: others });
});
