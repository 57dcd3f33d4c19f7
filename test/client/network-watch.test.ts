import t from 'tap';
import {
  hostAddresses,
  NETWORK_LOOK_MS_MIN,
  NetworkWatch,
} from '../../src/client/network-watch.js';
import { FakeScheduler } from './support/fake-scheduler.js';

/** A watch of fake host addresses; `heard` has its calls of a listener. */
function watching() {
  const scheduler = new FakeScheduler();
  const host = { addresses: new Set(['192.0.2.1']), reads: 0, routes: 0 };
  const watch = new NetworkWatch(scheduler, {
    addresses: () => {
      host.reads += 1;
      return new Set(host.addresses);
    },
    source: async ({ address }) => {
      host.routes += 1;
      return address === '192.0.2.9' ? undefined : '192.0.2.1';
    },
  });
  const heard: string[] = [];
  const end = watch.listen({
    onLook: (changed) => changed && heard.push('changed'),
    onWake: () => heard.push('woke'),
  });
  return { scheduler, host, watch, heard, end };
}

t.test('each change of addresses is reported once, within a second', async (t) => {
  const { scheduler, host, watch, heard } = watching();
  scheduler.advance(5_000);
  t.strictSame(heard, []);
  host.addresses.add('192.0.2.2');
  scheduler.advance(1_000);
  t.strictSame(heard, ['changed']);
  host.addresses.delete('192.0.2.1');
  scheduler.advance(1_000);
  t.strictSame([...watch.addresses], ['192.0.2.2']);
  host.addresses = new Set(['192.0.2.9']);
  scheduler.advance(5_000);
  t.equal(heard.length, 3);
});

t.test(
  'look() reads the addresses at once, but not more often than its minimum interval',
  async (t) => {
    const { scheduler, host, watch, heard } = watching();
    scheduler.advance(500);
    host.addresses.clear();
    for (let n = 0; n < 1_000; n += 1) watch.look();
    t.strictSame(heard, ['changed']);
    t.equal(host.reads, 2);
    scheduler.advance(NETWORK_LOOK_MS_MIN);
    watch.look();
    t.equal(host.reads, 3);
  },
);

t.test('a pause of the host or the process calls onWake', async (t) => {
  for (const [monotonicMs, wallMs] of [
    [0, 60_000],
    [60_000, 60_000],
  ] as const) {
    const { scheduler, heard } = watching();
    scheduler.skip(monotonicMs, wallMs);
    scheduler.advance(1_000);
    t.strictSame(heard, ['woke']);
    scheduler.advance(10_000);
    t.strictSame(heard, ['woke']);
  }
});

t.test('no timer is armed without a listener', async (t) => {
  const { scheduler, watch, host, end } = watching();
  const more = watch.listen({ onLook: () => {}, onWake: () => {} });
  end();
  t.equal(scheduler.armed, 1);
  more();
  t.equal(scheduler.armed, 0);
  const { reads } = host;
  watch.look();
  t.equal(host.reads, reads);
});

t.test('hostAddresses has the loopback address', async (t) => {
  t.ok(hostAddresses().has('127.0.0.1'));
});
