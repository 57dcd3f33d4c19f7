import t from 'tap';
import { ProvenSources } from '../../src/auth/proven-sources.js';
import { TestClock } from './test-clock.js';

const random = (bytes: number) => Buffer.alloc(bytes, 0x5a);

t.test('an IPv4 address, or an IPv6 /64, is proven for `memoryMs`', async (t) => {
  const clock = new TestClock();
  const proven = new ProvenSources({ sourcesMax: 1_024, memoryMs: 1_000, clock, random });
  t.notOk(proven.has('192.0.2.1'));
  proven.add('192.0.2.1');
  proven.add('2001:db8::1');
  t.ok(proven.has('192.0.2.1'));
  t.ok(proven.has('2001:db8::ffff'));
  t.notOk(proven.has('192.0.2.2'));
  t.notOk(proven.has('2001:db8:0:1::1'));
  clock.advance(1_000);
  t.ok(proven.has('192.0.2.1'));
  clock.advance(1);
  t.notOk(proven.has('192.0.2.1'));
});

t.test('a proven source is not displaced by others', async (t) => {
  const clock = new TestClock();
  const proven = new ProvenSources({ sourcesMax: 64, memoryMs: 1_000, clock, random });
  proven.add('192.0.2.1');
  for (let n = 0; n < 10_000; n += 1) proven.add(`10.0.${n >> 8}.${n & 255}`);
  t.ok(proven.has('192.0.2.1'));
});

t.test('a source that shares one of its two places with others is not proven', async (t) => {
  const clock = new TestClock();
  const proven = new ProvenSources({ sourcesMax: 64, memoryMs: 1_000, clock, random });
  proven.add('192.0.2.1');
  const others = Array.from({ length: 2_000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
  const held = others.filter((ip) => proven.has(ip)).length;
  // One source in 1,024 shares both of its places; one in 16 shares one of them.
  t.ok(held < 20, `${held} of 2,000`);
});
