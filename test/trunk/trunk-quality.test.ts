import t from 'tap';
import { PROBE_LOST_MS, TrunkQuality } from '../../src/trunk/trunk-quality.js';

const PATH = {};

/** A trunk whose probes and replies a test loses at will; one probe in 100 ms. */
class Trunk {
  readonly quality = new TrunkQuality();
  path: object = PATH;
  nowMs = 0;
  /** Probes that the other relay has received, modulo 255; undefined if it does not tell. */
  received: number | undefined = 0;
  #number = 0;

  /** Sends a probe. @param lost - where it is lost */
  probe(rttMs: number, lost?: 'forward' | 'back'): void {
    this.nowMs += 100;
    this.#number += 1;
    this.quality.asked(this.#number, this.path, this.nowMs);
    if (lost === 'forward') return;
    if (this.received !== undefined) this.received = (this.received + 1) % 255;
    if (lost === undefined) this.quality.answered(this.#number, rttMs * 1e6, this.received);
  }
}

function isNear(share: number | null | undefined, wanted: number): boolean {
  return typeof share === 'number' && Math.abs(share - wanted) < 0.01;
}

t.test('round trips have their mean and the difference of successive ones', (t) => {
  const trunk = new Trunk();
  t.equal(trunk.quality.report(), undefined);
  for (const rtt of [10, 14, 12]) trunk.probe(rtt);
  t.same(trunk.quality.report(), { rtt: 12, jitter: 3, loss: [0, 0], count: 3 });
  t.end();
});

t.test('losses are told apart by what the other relay has received', (t) => {
  const trunk = new Trunk();
  for (let n = 0; n < 1_000; n++) {
    trunk.probe(50, n % 10 === 3 ? 'forward' : n % 20 === 5 ? 'back' : undefined);
  }
  const { loss } = trunk.quality.report() ?? {};
  t.ok(isNear(loss?.[0], 0.1));
  // Of those that arrived.
  t.ok(isNear(loss?.[1], 0.05 / 0.9));
  t.end();
});

t.test('losses in one direction only show in that direction', (t) => {
  for (const [direction, place] of [
    ['forward', 0],
    ['back', 1],
  ] as const) {
    const trunk = new Trunk();
    for (let n = 0; n < 100; n++) trunk.probe(50, n % 4 === 1 ? direction : undefined);
    const { loss = [] } = trunk.quality.report() ?? {};
    t.ok(isNear(loss[place], 0.25), direction);
    t.equal(loss[1 - place], 0);
  }
  t.end();
});

t.test('without a count of received probes no direction has a loss', (t) => {
  const trunk = new Trunk();
  trunk.received = undefined;
  for (let n = 0; n < 100; n++) trunk.probe(50, n % 4 === 1 ? 'forward' : undefined);
  t.same(trunk.quality.report(), { rtt: 50, jitter: 0, loss: [null, null], count: 75 });
  t.end();
});

t.test('a count that begins anew, another path and a long outage are no loss', (t) => {
  const trunk = new Trunk();
  for (let n = 0; n < 100; n++) trunk.probe(50);
  trunk.received = 0;
  for (let n = 0; n < 100; n++) trunk.probe(50);
  trunk.path = {};
  trunk.received = 17;
  for (let n = 0; n < 100; n++) trunk.probe(60);
  for (let n = 0; n < 300; n++) trunk.probe(60, 'forward');
  for (let n = 0; n < 100; n++) trunk.probe(60);
  t.match(trunk.quality.report(), { loss: [0, 0], count: 400 });
  t.end();
});

t.test('a reply after PROBE_LOST_MS is lost, one that is overtaken is not', (t) => {
  const quality = new TrunkQuality();
  quality.asked(1, PATH, 0);
  quality.asked(2, PATH, 100);
  quality.asked(3, PATH, 200);
  quality.answered(1, 10e6, 1);
  quality.answered(3, 20e6, 3);
  quality.answered(2, 20e6, 2);
  t.match(quality.report(), { loss: [0, 0], count: 3 });
  quality.delivered();
  quality.asked(4, PATH, 1_000);
  quality.asked(5, PATH, 1_000 + PROBE_LOST_MS);
  quality.answered(4, 3_000e6, 4);
  t.equal(quality.hasNews, false);
  quality.answered(5, 20e6, 5);
  t.match(quality.report(), { rtt: 20, loss: [0, 0.5], count: 1 });
  t.end();
});

t.test('what was reported is reported again until it is delivered', (t) => {
  const trunk = new Trunk();
  trunk.probe(10);
  t.match(trunk.quality.report(), { rtt: 10, count: 1 });
  trunk.probe(20);
  t.match(trunk.quality.report(), { rtt: 15, count: 2 });
  trunk.probe(30);
  trunk.quality.delivered();
  t.match(trunk.quality.report(), { rtt: 30, count: 1 });
  trunk.quality.delivered();
  t.equal(trunk.quality.hasNews, false);
  t.equal(trunk.quality.report(), undefined);
  t.end();
});

t.test('records of sessions count for the direction that they came by', (t) => {
  const trunk = new Trunk();
  trunk.quality.records({ recordsReceived: 500, recordsLost: 400 });
  trunk.received = undefined;
  trunk.probe(10);
  trunk.quality.records({ recordsReceived: 1_400, recordsLost: 500 });
  t.same(trunk.quality.report(), { rtt: 10, jitter: 0, loss: [null, 0.1], count: 1 });
  trunk.quality.delivered();
  trunk.probe(10);
  trunk.quality.records({ recordsReceived: 10, recordsLost: 0 });
  t.match(trunk.quality.report(), { loss: [null, null] }, 'the relay was added anew');
  t.end();
});
