import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { transportAddress } from '../../src/address.js';
import { hostAddresses, NETWORK_LOOK_MS, NetworkWatch } from '../../src/client/network-watch.js';
import { isPassing, RelayPath } from '../../src/client/relay-path.js';
import { sourceTo } from '../../src/client/relay-socket.js';
import { FakeScheduler } from './support/fake-scheduler.js';
import { delivered, until } from './support/until.js';

/** Opens paths to one relay over a fake network. */
async function pathsOf(t: Test, count: number, bind?: string) {
  const relay = createSocket('udp4').bind(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close());
  const scheduler = new FakeScheduler();
  const host = { addresses: new Set<string>(), source: '127.0.0.1', routes: 0 };
  const network = new NetworkWatch(scheduler, {
    addresses: () => new Set(host.addresses),
    source: async () => {
      host.routes += 1;
      return host.source;
    },
  });
  let suspicions = 0;
  const lost: unknown[] = [];
  // The watch has a listener already, so the address that is added now is not a change for it.
  t.teardown(network.listen({ onLook: () => {}, onWake: () => {} }));
  host.addresses.add('127.0.0.1');
  for (let n = 0; n < count; n += 1) {
    const path = await RelayPath.open({
      relay: transportAddress('127.0.0.1', relay.address().port),
      ...(bind !== undefined && { bind: transportAddress(bind, 0) }),
      scheduler,
      network,
      onDatagram: () => {},
      onForeign: () => {},
      onError: () => {},
      onSuspect: () => {
        suspicions += 1;
      },
      onAddressLost: (loss) => lost.push(loss),
    });
    t.teardown(() => path.close());
  }
  const look = async (ms: number = NETWORK_LOOK_MS) => {
    scheduler.advance(ms);
    await delivered();
  };
  return { host, look, scheduler, lost, suspicions: () => suspicions };
}

t.test(
  'a change of an interface that is not on the route causes no check of the relay',
  async (t) => {
    const { host, look, suspicions } = await pathsOf(t, 100);
    await look();
    host.addresses.add('172.17.0.1');
    await look();
    host.addresses.delete('172.17.0.1');
    await look();
    t.equal(suspicions(), 0);
    t.equal(host.routes, 3, 'one route lookup per relay for all paths');
  },
);

t.test(
  'a change of the route to the relay causes a check by each path, one after the other',
  async (t) => {
    const { host, look, suspicions } = await pathsOf(t, 100);
    await look();
    host.source = '192.0.2.9';
    await look();
    t.equal(suspicions(), 1, 'the first at once');
    await look(50);
    t.ok(suspicions() > 25 && suspicions() < 75);
    await look(100);
    t.equal(suspicions(), 100);
    await look();
    t.equal(suspicions(), 100, 'once');
  },
);

t.test('a change of the route does not affect a bound socket', async (t) => {
  const { host, look, suspicions } = await pathsOf(t, 1, '127.0.0.1');
  host.source = '192.0.2.9';
  await look();
  t.strictSame([suspicions(), host.routes], [0, 0]);
});

t.test(
  'the loss of an address that was added and removed between two looks is reported',
  async (t) => {
    const { host, look, lost } = await pathsOf(t, 1);
    host.addresses.delete('127.0.0.1');
    for (let n = 0; n < 3; n += 1) {
      await look();
      t.strictSame(lost, [], 'not yet: it may return');
    }
    await until('it was lost', () => {
      void look();
      return lost.length > 0;
    });
    t.match(lost, [{ from: '127.0.0.1' }]);
  },
);

t.test('link-local addresses are written as sockets write them', async (t) => {
  const [local] = [...hostAddresses()].filter((address) => address.includes('%'));
  if (local === undefined) {
    t.notOk([...hostAddresses()].some((address) => address.startsWith('fe80:')));
    return;
  }
  t.equal(await sourceTo({ address: local, port: 9 }), local);
});

t.test('send errors of size or buffers do not indicate a lost route', async (t) => {
  const error = (code: string) => Object.assign(new Error(code), { code });
  for (const code of ['EMSGSIZE', 'ENOBUFS', 'EAGAIN']) t.ok(isPassing(error(code)), code);
  for (const code of ['ENETUNREACH', 'EADDRNOTAVAIL', 'EPERM']) t.notOk(isPassing(error(code)));
});
