import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { ReplayWindow } from '../../src/collections/replay-window.js';
import type { RandomBytes } from '../../src/random.js';
import { openSealed, SEAL_BYTES, seal } from '../../src/stream/seal.js';
import { SealedChannel } from '../../src/stream/sealed-channel.js';
import { holds } from '../setup/holds.js';
import { VirtualTime } from './simulated-path.js';

const ROOM_KEY = new Uint8Array(32).fill(7);
const CONNECTION = '000102030405060708090a0b0c0d0e0f';

/** Makes bytes that differ between calls and are the same in every run. */
function countingRandom(seed: string): RandomBytes {
  let calls = 0;
  return (bytes) => createHash('sha256').update(`${seed} ${calls++}`).digest().subarray(0, bytes);
}

interface Side {
  readonly channel: SealedChannel;
  readonly sent: Uint8Array[];
}

interface SideOptions {
  readonly roomKey?: Uint8Array;
  readonly connectionId?: string;
  readonly seed?: string;
  readonly time?: VirtualTime;
}

function side(role: 0 | 1, options: SideOptions = {}): Side {
  const sent: Uint8Array[] = [];
  const channel = new SealedChannel({
    roomKey: options.roomKey ?? ROOM_KEY,
    connectionId: options.connectionId ?? CONNECTION,
    role,
    streamId: new Uint8Array(16).fill(role + 1),
    clock: (options.time ?? new VirtualTime()).clock,
    random: countingRandom(options.seed ?? `side ${role}`),
    transmit: (datagram) => sent.push(Uint8Array.from(datagram)),
  });
  return { channel, sent };
}

/** Delivers datagrams until none is in flight. */
function exchange(a: Side, b: Side): void {
  while (a.sent.length + b.sent.length > 0) {
    for (const datagram of a.sent.splice(0)) b.channel.receive(datagram);
    for (const datagram of b.sent.splice(0)) a.channel.receive(datagram);
  }
}

function keyedPair(): { a: Side; b: Side } {
  const [a, b] = [side(0), side(1)];
  a.channel.poll();
  exchange(a, b);
  return { a, b };
}

/** Seals a message at one side. @returns its datagram, which is not delivered */
function sealedBy({ channel, sent }: Side, text: string): Uint8Array {
  channel.send(Buffer.from(text));
  const datagram = sent.pop();
  if (datagram === undefined) throw new Error('nothing was sent');
  return datagram;
}

function verdict(to: Side, datagram: Uint8Array): string {
  const got = to.channel.receive(datagram);
  return got.type === 'plain' ? `plain ${Buffer.from(got.message)}` : got.type;
}

t.test('one exchange of hellos keys both sides, which then have no deadline', async (t) => {
  const { a, b } = keyedPair();
  t.ok(a.channel.keyed);
  t.ok(b.channel.keyed);
  t.equal(a.channel.deadlineMs, undefined);
  t.equal(b.channel.deadlineMs, undefined);
  t.equal(verdict(b, sealedBy(a, 'ping')), 'plain ping');
  t.equal(verdict(a, sealedBy(b, 'pong')), 'plain pong');
  t.strictSame(a.channel.otherStreamId, new Uint8Array(16).fill(2));
});

t.test('lost hellos are repeated until both sides have keys', async (t) => {
  holds(
    t,
    fc.property(fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }), (fates) => {
      const time = new VirtualTime();
      const [a, b] = [side(0, { time }), side(1, { time })];
      for (const arrives of [...fates, true, true, true, true, true, true]) {
        time.nowMs += 250;
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const) {
          from.channel.poll();
          const under = from.sent.splice(0);
          if (arrives) for (const datagram of under) to.channel.receive(datagram);
        }
      }
      return a.channel.keyed && b.channel.keyed && a.channel.deadlineMs === undefined;
    }),
  );
});

t.test('a sealed message with any byte changed is refused', async (t) => {
  const { a, b } = keyedPair();
  const datagram = sealedBy(a, 'message');
  for (let index = 1; index < datagram.length; index++) {
    const changed = Uint8Array.from(datagram);
    changed[index] = (changed[index] ?? 0) ^ 1;
    t.equal(verdict(b, changed), 'bad-seal', `byte ${index}`);
  }
  t.equal(verdict(b, datagram), 'plain message', 'forgeries do not use up its counter');
});

t.test('a replayed message is refused', async (t) => {
  const { a, b } = keyedPair();
  const datagram = sealedBy(a, 'once');
  t.equal(verdict(b, datagram), 'plain once');
  t.equal(verdict(b, datagram), 'replay');
});

t.test('a message sent back to its sender is refused', async (t) => {
  const { a } = keyedPair();
  t.equal(verdict(a, sealedBy(a, 'mirror')), 'bad-seal');
  const fresh = side(0);
  fresh.channel.poll();
  t.equal(verdict(fresh, fresh.sent[0] ?? new Uint8Array()), 'bad-hello');
  t.notOk(fresh.channel.keyed);
});

t.test('hellos and messages of an earlier session are refused', async (t) => {
  const [a, b] = [side(0), side(1)];
  a.channel.poll();
  b.channel.poll();
  const recorded = [...b.sent];
  exchange(a, b);
  recorded.push(sealedBy(b, 'old'));
  const again = side(0, { seed: 'restarted' });
  for (const datagram of recorded) again.channel.receive(datagram);
  t.notOk(again.channel.keyed, 'an old hello does not repeat the new salt');
  const other = side(1, { seed: 'other side, restarted too' });
  again.channel.poll();
  exchange(again, other);
  t.ok(again.channel.keyed, 'the genuine hello still does');
  t.equal(verdict(again, recorded.at(-1) ?? new Uint8Array()), 'bad-seal');
  t.equal(verdict(again, recorded[0] ?? new Uint8Array()), 'replay');
  t.equal(verdict(again, sealedBy(other, 'new')), 'plain new');
});

t.test('two sessions with one connection identifier have different keys', async (t) => {
  const first = keyedPair();
  const [a, b] = [side(0, { seed: 'second' }), side(1)];
  a.channel.poll();
  exchange(a, b);
  t.notSame(sealedBy(first.a, 'same words'), sealedBy(a, 'same words'));
});

t.test('a hello with another room key or connection identifier is refused', async (t) => {
  const strangers = [
    side(1, { roomKey: new Uint8Array(32).fill(8) }),
    side(1, { connectionId: 'ff0102030405060708090a0b0c0d0e0f' }),
  ];
  for (const stranger of strangers) {
    const a = side(0);
    a.channel.poll();
    stranger.channel.poll();
    t.equal(verdict(stranger, a.sent[0] ?? new Uint8Array()), 'bad-hello');
    t.equal(verdict(a, stranger.sent[0] ?? new Uint8Array()), 'bad-hello');
    t.notOk(a.channel.keyed);
  }
});

t.test('sealed data before the keys is too early, and other traffic is foreign', async (t) => {
  const { a } = keyedPair();
  t.equal(verdict(side(1), sealedBy(a, 'early')), 'too-early');
  t.equal(verdict(a, Uint8Array.of(0x10, 0, 0, 0, 1)), 'foreign');
  t.equal(verdict(a, new Uint8Array()), 'foreign');
});

t.test('random bytes do not throw', async (t) => {
  const { a } = keyedPair();
  holds(
    t,
    fc.property(fc.constantFrom(0, 1, 2), fc.uint8Array({ maxLength: 120 }), (type, bytes) => {
      return a.channel.receive(Uint8Array.of(type, ...bytes)).type !== 'plain';
    }),
  );
});

t.test('openSealed is the inverse of seal, which adds SEAL_BYTES', async (t) => {
  const key = new Uint8Array(32).fill(1);
  holds(
    t,
    fc.property(fc.uint8Array(), fc.integer({ min: 0, max: 2 ** 48 - 1 }), (message, counter) => {
      const sealed = seal(key, 2, counter, message);
      const opened = openSealed(key, sealed);
      return (
        sealed.length === message.length + SEAL_BYTES &&
        opened?.counter === counter &&
        Buffer.compare(opened.message, message) === 0
      );
    }),
  );
});

t.test('a replay window accepts each counter once', async (t) => {
  holds(
    t,
    fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 200 }), (counters) => {
      const window = new ReplayWindow(16, -1);
      const seen = new Set<number>();
      let highest = -1;
      return counters.every((counter) => {
        const expected = !seen.has(counter) && counter > highest - 16;
        seen.add(counter);
        highest = Math.max(highest, counter);
        return (window.take(counter) === 'new') === expected;
      });
    }),
  );
});
