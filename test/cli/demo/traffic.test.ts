import t from 'tap';
import { TICK_MS, Traffic } from '../../../src/cli/demo/traffic.js';

/** One-way delay of a message, ms. */
const DELAY_MS = 3;

/** The traffic of two peers and a link between them. */
class World {
  nowMs = 1_000;
  /** Returns whether a message that A sends is lost. */
  loses: (message: Uint8Array) => boolean = () => false;
  readonly #onTheWay: { atMs: number; to: () => Traffic; message: Uint8Array }[] = [];
  readonly a = this.#half(
    () => this.b,
    (message) => this.loses(message),
  );
  readonly b: Traffic = this.#half(
    () => this.a,
    () => false,
  );

  run(ms: number, halves: readonly Traffic[] = [this.a, this.b]): void {
    for (const end = this.nowMs + ms; this.nowMs < end; this.nowMs++) {
      while ((this.#onTheWay[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.nowMs) {
        const next = this.#onTheWay.shift();
        next?.to().receive(next.message);
      }
      if (this.nowMs % TICK_MS === 0) for (const half of halves) half.tick();
    }
  }

  #half(to: () => Traffic, loses: (message: Uint8Array) => boolean): Traffic {
    return new Traffic({
      packetsPerSecond: 1_000,
      payloadBytes: 100,
      pingIntervalMs: 50,
      clock: { now: () => this.nowMs, monotonic: () => this.nowMs },
      send: (message) => {
        if (!loses(message)) this.#onTheWay.push({ atMs: this.nowMs + DELAY_MS, to, message });
        return true;
      },
    });
  }
}

const isData = (message: Uint8Array) => message.length === 100;

t.test('packets are sent at the given rate once the other side is heard', async (t) => {
  const world = new World();
  world.loses = () => true;
  world.run(500, [world.a]);
  t.equal(world.a.counts().sentPackets, 0, 'none before the other side is heard');
  world.loses = () => false;
  world.run(1_000);
  const { sentPackets } = world.a.counts();
  t.ok(sentPackets > 980 && sentPackets <= 1_000, `about a thousand, not ${sentPackets}`);
  world.run(100, []);
  t.match(world.b.counts(), {
    receivedPackets: world.a.counts().sentPackets,
    receivedBytes: world.a.counts().sentPackets * 100,
    missingPackets: 0,
  });
});

t.test('the round trip from peer to peer is measured', async (t) => {
  const world = new World();
  world.run(1_000);
  t.equal(world.a.counts().rttMs, 2 * DELAY_MS);
  t.equal(world.a.counts().rttMs, null, 'none since the last count');
});

t.test('a lost packet counts as missing, a late one does not', async (t) => {
  const world = new World();
  let number = 0;
  world.loses = (message) => isData(message) && number++ % 10 === 3;
  world.run(1_000);
  world.loses = () => false;
  world.run(100);
  world.run(100, []);
  const { sentPackets } = world.a.counts();
  const { receivedPackets, missingPackets } = world.b.counts();
  t.equal(missingPackets, Math.ceil((number - 3) / 10));
  t.equal(receivedPackets + missingPackets, sentPackets);
});

t.test('a process that was paused sends no burst', async (t) => {
  const world = new World();
  world.run(100);
  const before = world.a.counts().sentPackets;
  world.run(5_000, []);
  world.run(TICK_MS);
  t.ok(world.a.counts().sentPackets - before <= 64);
});

t.test('messages of another form are ignored', async (t) => {
  const world = new World();
  world.a.receive(new Uint8Array(0));
  world.a.receive(new Uint8Array(15).fill(1));
  world.a.receive(new Uint8Array(16).fill(9));
  t.match(world.a.counts(), { receivedPackets: 0, rttMs: null });
});
