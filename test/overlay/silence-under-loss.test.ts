import t from 'tap';
import { DataLiveness } from '../../src/client/data-liveness.js';
import { CHECK_REPEAT_MS } from '../../src/client/request-waits.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import { Leg } from '../../src/overlay/leg.js';
import { OVERLAY_LIMITS } from '../../src/overlay/overlay-limits.js';
import { SilenceWatch } from '../../src/overlay/silence-watch.js';
import { LEG_LIMITS } from '../../src/stun/leg-limits.js';
import { FakeScheduler } from '../client/support/fake-scheduler.js';
import { seededRandom } from '../setup/seeded-random.js';

/** As many legs as ticks of a pass, so that each leg is examined every 500 ms. */
const LEGS = 5;
const STEP_MS = 100;

interface Plan {
  /** Time between two packets to each peer, ms. */
  readonly gapMs: number;
  /** Probability that a packet between relay and peer is lost, in either direction. */
  readonly loss: number;
}

/** A peer with the client library's rules for signs of life, and its leg at the relay. */
class SimulatedPeer {
  readonly leg: Leg;
  readonly #scheduler: FakeScheduler;
  readonly #arrives: () => boolean;
  readonly #traffic: DataLiveness;
  isAlive = true;
  asksAgainMs: number | undefined;
  to = 0;

  constructor(index: number, scheduler: FakeScheduler, arrives: () => boolean) {
    this.#scheduler = scheduler;
    this.#arrives = arrives;
    this.leg = new Leg({
      name: { tenant: 'default', connectionId: '0'.repeat(32), role: 0 },
      origin: {
        worker: 0,
        tuple: {
          handle: listenerHandle('client', 0),
          remote: { address: '192.0.2.1', port: index },
        },
      },
      tupleKey: String(index),
      peerRelay: 'self',
      signer: { kind: 'sha256', key: new Uint8Array(32) },
      lifetimeSeconds: 600,
      expiresAt: 0,
    });
    this.leg.sessionIndex = index;
    this.leg.livenessMs = OVERLAY_LIMITS.peerSilentUnderDataMs;
    this.leg.signs = { heardAt: scheduler.monotonic() };
    this.#traffic = new DataLiveness({
      scheduler,
      onQuiet: () => {
        this.asksAgainMs = scheduler.monotonic();
      },
      onSignDue: () => this.sign(),
    });
  }

  /** Sends a packet as the peer. @returns whether it reached the relay */
  sign(): boolean {
    this.#traffic.noteSent();
    const heard = this.isAlive && this.#arrives();
    if (heard) this.leg.signs.heardAt = this.#scheduler.monotonic();
    return heard;
  }

  data(): void {
    this.to += 1;
    if (this.#arrives()) this.#traffic.noteDataReceived();
  }

  remind(): void {
    for (let copies = 0; copies < 2; copies += 1) {
      if (this.#arrives()) this.#traffic.noteReminder();
    }
  }

  /** Sends keepalives, and repeats a check of the relay until it is answered. */
  step(nowMs: number): void {
    if (nowMs % LEG_LIMITS.keepaliveMs === 0) this.sign();
    if (this.asksAgainMs === undefined || nowMs < this.asksAgainMs) return;
    this.asksAgainMs = nowMs + CHECK_REPEAT_MS;
    if (!this.sign() || !this.#arrives()) return;
    this.asksAgainMs = undefined;
    this.#traffic.noteAnswered();
  }
}

function simulation({ gapMs, loss }: Plan, seed: number) {
  const scheduler = new FakeScheduler();
  const random = seededRandom(seed);
  const arrives = () => random() >= loss;
  const peers = Array.from(
    { length: LEGS },
    (_, index) => new SimulatedPeer(index, scheduler, arrives),
  );
  const plane = {
    flowMeter: ({ tuple }: { tuple: { remote: { port: number } } }) => tuple.remote.port,
    flowPackets: () => 0,
    sessionPackets: (index: number) => peers[index]?.to ?? 0,
  };
  const watch = new SilenceWatch(plane, scheduler, (leg) => peers[leg.sessionIndex ?? 0]?.remind());
  for (const { leg } of peers) watch.add(leg, { channel: 0x4000, other: undefined });
  let silent = 0;
  /** Lets time pass. @returns the time until the first peer was judged silent, ms */
  const pass = (ms: number): number | undefined => {
    let first: number | undefined;
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      for (const [index, peer] of peers.entries()) {
        if ((scheduler.monotonic() + 130 * index) % gapMs < STEP_MS) peer.data();
        peer.step(scheduler.monotonic());
      }
      scheduler.advance(STEP_MS);
      for (const leg of watch.tick()) {
        silent += 1;
        first ??= passed + STEP_MS;
        leg.signs.heardAt = scheduler.monotonic();
      }
    }
    return first;
  };
  return { peers, pass, silentSoFar: () => silent };
}

const DENSITIES = [100, 1_000, 3_000, 20_000];

t.test('a living peer is not judged silent at 30 % loss', async (t) => {
  const minutes = 60;
  for (const gapMs of DENSITIES) {
    const { pass, silentSoFar } = simulation({ gapMs, loss: 0.3 }, gapMs);
    pass(minutes * 60_000);
    // docs/liveness.md has the result of 50 hours of each; this test runs one hour.
    t.equal(silentSoFar(), 0, `a packet each ${gapMs} ms, ${LEGS * minutes} minutes of legs`);
  }
});

t.test('a peer that died is judged silent in 5 s, however sparse the data', async (t) => {
  for (const gapMs of [...DENSITIES.slice(0, 3), 600_000]) {
    const { peers, pass } = simulation({ gapMs, loss: 0 }, 1);
    t.equal(pass(60_000), undefined);
    for (const peer of peers) peer.isAlive = false;
    for (const peer of peers) peer.data();
    const afterMs = pass(10_000) ?? Number.POSITIVE_INFINITY;
    t.ok(afterMs >= 3_500 && afterMs <= 5_600, `${gapMs} ms between two packets: ${afterMs} ms`);
  }
});
