import fc from 'fast-check';
import t from 'tap';
import { DEFAULT_COST_WEIGHTS } from '../../src/estimates/cost-weights.js';
import { distanceKm, lightRttMs, unitVector, usualRttMs } from '../../src/estimates/geography.js';
import { TrunkEstimates } from '../../src/estimates/trunk-estimates.js';
import {
  FRANKFURT,
  HOUR_MS,
  indexOf,
  MINUTE_MS,
  NEW_YORK,
  publish,
  SINGAPORE,
  trunksOf,
} from './fixtures.js';

const LOSSLESS = { jitterMs: 0.5, lossForward: 0, lossBack: 0 };

interface Reporting {
  readonly from?: number;
  readonly to?: number;
  readonly reporter?: string;
  readonly untilMs: number;
  readonly sinceMs?: number;
  readonly everyMs?: number;
  readonly rttMs: (nowMs: number) => number;
}

/** Reports a pair again and again, a sample a second. */
function report(trunks: TrunkEstimates, reporting: Reporting): void {
  const { from = 0, to = 1, reporter = 'a', sinceMs = 0, everyMs = 2_000 } = reporting;
  for (let now = sinceMs + everyMs; now <= reporting.untilMs; now += everyMs) {
    const count = everyMs / 1_000;
    const sample = { from, to, reporter, rttMs: reporting.rttMs(now), ...LOSSLESS, count };
    trunks.report(sample, now);
  }
}

function rttOf(trunks: TrunkEstimates, nowMs: number, from = 0, to = 1): number {
  publish(trunks, nowMs);
  return trunks.row(from).rttMs[to] ?? Number.NaN;
}

t.test('an estimate comes to what is measured, in both rows', async (t) => {
  const { trunks } = trunksOf(2);
  report(trunks, { untilMs: MINUTE_MS, rttMs: () => 83 });
  t.ok(Math.abs(rttOf(trunks, MINUTE_MS) - 83) < 2);
  t.ok(Math.abs(rttOf(trunks, MINUTE_MS, 1, 0) - 83) < 2);
  t.ok((trunks.row(0).sdMs[1] ?? 9) < 3);
});

t.test('one bad sample hardly moves a cost, a step comes through in a minute', async (t) => {
  for (const everyMs of [2_000, 12_000]) {
    const { trunks } = trunksOf(2);
    report(trunks, { untilMs: 10 * MINUTE_MS, everyMs, rttMs: () => 80 });
    const before = rttOf(trunks, 10 * MINUTE_MS);
    const bad = { from: 0, to: 1, reporter: 'a', rttMs: 900, ...LOSSLESS, count: 12 };
    trunks.report(bad, 10 * MINUTE_MS + everyMs);
    const after = rttOf(trunks, 10 * MINUTE_MS + everyMs);
    t.ok(after - before < 2, `${before} to ${after}`);
    const sinceMs = 10 * MINUTE_MS + everyMs;
    report(trunks, { sinceMs, untilMs: sinceMs + MINUTE_MS, everyMs, rttMs: () => 130 });
    const stepped = rttOf(trunks, sinceMs + MINUTE_MS);
    t.ok(stepped > 80 + 0.7 * 50, `${everyMs}: ${stepped}`);
    report(trunks, {
      sinceMs: sinceMs + MINUTE_MS,
      untilMs: sinceMs + 4 * MINUTE_MS,
      everyMs,
      rttMs: () => 130,
    });
    t.ok(Math.abs(rttOf(trunks, sinceMs + 4 * MINUTE_MS) - 130) < 3);
  }
});

t.test('a relay that reports itself fast does not lower the cost', async (t) => {
  const honest = { untilMs: 5 * MINUTE_MS, rttMs: () => 100 };
  const liar = { reporter: 'liar', untilMs: 5 * MINUTE_MS, rttMs: () => 1 };
  t.test('against the far end', async (t) => {
    const { trunks } = trunksOf(2);
    report(trunks, { ...honest, from: 1, to: 0, reporter: 'far' });
    report(trunks, liar);
    t.ok(rttOf(trunks, 5 * MINUTE_MS) > 95);
  });
  t.test('against another relay of its region', async (t) => {
    for (const order of ['liar first', 'liar second']) {
      const { trunks } = trunksOf(2);
      const both = [liar, { ...honest, reporter: 'honest' }];
      for (const each of order === 'liar first' ? both : both.reverse()) report(trunks, each);
      // They share the RTT's error by their counts at worst, until the far end reports.
      report(trunks, { ...honest, from: 1, to: 0, reporter: 'far' });
      t.ok(rttOf(trunks, 5 * MINUTE_MS) > 95, order);
    }
  });
  t.test('together with another liar of its region', async (t) => {
    const { trunks } = trunksOf(2);
    report(trunks, { ...honest, from: 1, to: 0, reporter: 'far' });
    report(trunks, liar);
    report(trunks, { ...liar, reporter: 'liar-2' });
    t.ok(rttOf(trunks, 5 * MINUTE_MS) > 95);
  });
});

t.test('a relay that reports itself slow moves nothing where others measure too', async (t) => {
  const { trunks } = trunksOf(2);
  const until = { untilMs: 5 * MINUTE_MS };
  report(trunks, { ...until, reporter: 'liar', rttMs: () => 900 });
  report(trunks, { ...until, reporter: 'honest', rttMs: () => 100 });
  report(trunks, { ...until, from: 1, to: 0, reporter: 'far', rttMs: () => 100 });
  t.ok(Math.abs(rttOf(trunks, 5 * MINUTE_MS) - 100) < 5);
});

t.test('old statistics lose weight: the mean of the hour, then geography', async (t) => {
  const regions = indexOf(FRANKFURT, NEW_YORK);
  const trunks = new TrunkEstimates(regions, DEFAULT_COST_WEIGHTS);
  report(trunks, { untilMs: HOUR_MS, rttMs: () => 80 });
  report(trunks, { sinceMs: HOUR_MS, untilMs: HOUR_MS + 3 * MINUTE_MS, rttMs: () => 200 });
  t.ok(rttOf(trunks, HOUR_MS + 3 * MINUTE_MS) > 180);
  t.ok(Math.abs(rttOf(trunks, HOUR_MS + 10 * MINUTE_MS) - 90) < 15, 'the mean of the hour');
  const usual = usualRttMs(distanceKm(unitVector(FRANKFURT), unitVector(NEW_YORK)));
  t.ok(Math.abs(rttOf(trunks, 20 * HOUR_MS) - usual) < 3, 'geography');
});

t.test('no estimate is below the speed of light', async (t) => {
  const regions = indexOf(FRANKFURT, SINGAPORE);
  const trunks = new TrunkEstimates(regions, DEFAULT_COST_WEIGHTS);
  report(trunks, { untilMs: MINUTE_MS, rttMs: () => 1 });
  const light = lightRttMs(distanceKm(unitVector(FRANKFURT), unitVector(SINGAPORE)));
  t.ok(light > 90);
  t.ok(rttOf(trunks, MINUTE_MS) >= Math.fround(light));
});

t.test('a pair without measurements is estimated by geography, hops, or a default', async (t) => {
  const regions = indexOf(FRANKFURT, NEW_YORK, undefined, undefined);
  const trunks = new TrunkEstimates(regions, DEFAULT_COST_WEIGHTS);
  const usual = usualRttMs(distanceKm(unitVector(FRANKFURT), unitVector(NEW_YORK)));
  t.ok(Math.abs(rttOf(trunks, 0) - usual) < 0.01);
  t.equal(rttOf(trunks, 0, 0, 2), 150, 'default');
  report(trunks, { untilMs: MINUTE_MS, from: 0, to: 2, rttMs: () => 30 });
  report(trunks, { untilMs: MINUTE_MS, from: 2, to: 3, reporter: 'c', rttMs: () => 20 });
  const hops = rttOf(trunks, MINUTE_MS, 0, 3);
  t.ok(hops > 45 && hops < 60, `two hops: ${hops}`);
  t.equal(rttOf(trunks, MINUTE_MS, 1, 1), 1, 'within a region');
});

t.test('loss costs once it is sure, and jitter in proportion', async (t) => {
  const { trunks } = trunksOf(3);
  const sample = { from: 0, to: 1, reporter: 'a', rttMs: 50, jitterMs: 5, count: 2 };
  for (let now = 2_000; now <= 10 * MINUTE_MS; now += 2_000) {
    trunks.report({ ...sample, lossForward: 0.03, lossBack: 0 }, now);
  }
  publish(trunks, 10 * MINUTE_MS);
  t.ok(Math.abs((trunks.row(0).loss[1] ?? 0) - 0.03) < 0.005);
  t.ok(Math.abs((trunks.row(0).jitterMs[1] ?? 0) - 5) < 0.5);
  const { rttMs, sdMs, jitterMs, loss, costMs } = trunks.row(0);
  const terms = (rttMs[1] ?? 0) + (sdMs[1] ?? 0) + 2 * (jitterMs[1] ?? 0) + 2_000 * (loss[1] ?? 0);
  t.ok(Math.abs((costMs[1] ?? 0) - terms) < 0.01);
  const lost = { ...sample, lossForward: 0.5, lossBack: undefined };
  for (let now = 0; now < MINUTE_MS; now += 2_000) trunks.report(lost, 10 * MINUTE_MS + now);
  publish(trunks, 11 * MINUTE_MS);
  t.ok((trunks.row(0).loss[1] ?? 0) > 0.2, 'a heavy loss is believed within a minute');
});

t.test('an estimate is near the first measurements within seconds', async (t) => {
  const { trunks } = trunksOf(2);
  report(trunks, { untilMs: 10_000, everyMs: 1_000, rttMs: () => 20 });
  const rttMs = rttOf(trunks, 10_000);
  t.ok(Math.abs(rttMs - 20) <= 0.1 * 20, `${rttMs} ms of 20`);
});

t.test('a loss counts as a share of the probes, however few a report has', async (t) => {
  const { trunks } = trunksOf(2);
  const sample = { from: 0, to: 1, reporter: 'a', rttMs: 50, jitterMs: 0.5, lossBack: 0, count: 1 };
  // One probe of 51 is lost: the report with the next reply has two probes and one round trip.
  for (let i = 1; i <= 10 * 50; i++) {
    trunks.report({ ...sample, lossForward: i % 50 === 0 ? 0.5 : 0 }, i * 1_000);
  }
  publish(trunks, 500_000);
  const loss = trunks.row(0).loss[1] ?? 0;
  t.ok(Math.abs(loss - 1 / 51) < 0.003, `${loss}`);
});

t.test('unusable reports are refused', async (t) => {
  const { trunks } = trunksOf(2);
  const sample = { from: 0, to: 1, reporter: 'a', rttMs: 50, jitterMs: 5, count: 1 };
  t.ok(trunks.report(sample, 0));
  for (const wrong of [
    { rttMs: Number.NaN },
    { rttMs: -1 },
    { jitterMs: Number.POSITIVE_INFINITY },
    { count: 0 },
    { from: 2 },
    { to: -1 },
    { to: 0.5 },
    { lossBack: Number.NaN },
  ]) {
    t.notOk(trunks.report({ ...sample, ...wrong }, 0), JSON.stringify(wrong));
  }
});

t.test('a row is rebuilt only when it changed by more than a hair, a few in a call', async (t) => {
  const { trunks } = trunksOf(400);
  const taken = trunks.takeChanged(0);
  t.ok(taken.length > 0 && taken.length < 100);
  report(trunks, { untilMs: 10 * MINUTE_MS, rttMs: () => 80 });
  publish(trunks, 10 * MINUTE_MS);
  const row = trunks.row(0);
  report(trunks, {
    sinceMs: 10 * MINUTE_MS,
    untilMs: 10 * MINUTE_MS + 4_000,
    rttMs: () => 80.2,
  });
  t.strictSame(trunks.takeChanged(10 * MINUTE_MS + 4_000), []);
  t.equal(trunks.row(0), row);
});

t.test('a number that another region gets starts anew', async (t) => {
  const { regions, trunks } = trunksOf(1_024);
  report(trunks, { untilMs: MINUTE_MS, rttMs: () => 20 });
  t.ok(rttOf(trunks, MINUTE_MS) < 30);
  regions.remove('r1');
  t.equal(regions.add('other'), 1);
  t.equal(rttOf(trunks, MINUTE_MS), 150);
});

t.test('property: rows have finite costs whatever is reported', async (t) => {
  const any = fc.oneof(fc.double(), fc.integer(), fc.constant(0));
  const sample = fc.record({
    from: fc.integer({ min: -1, max: 4 }),
    to: fc.integer({ min: -1, max: 4 }),
    reporter: fc.constantFrom('a', 'b', 'c'),
    rttMs: any,
    jitterMs: any,
    lossForward: fc.option(any, { nil: undefined }),
    lossBack: fc.option(any, { nil: undefined }),
    count: any,
  });
  const steps = fc.array(fc.tuple(sample, fc.nat(100_000_000)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (steps) => {
      const { trunks } = trunksOf(4);
      for (const [each, nowMs] of steps) trunks.report(each, nowMs);
      publish(trunks, 0);
      for (let from = 0; from < 4; from++) {
        const row = trunks.row(from);
        for (const field of [row.costMs, row.rttMs, row.sdMs, row.jitterMs, row.loss]) {
          if (!field.every((value) => Number.isFinite(value) && value >= 0)) return false;
        }
      }
      return true;
    }),
  );
  t.pass();
});

t.test('property: one liar never lowers a cell by much below what the far end sees', async (t) => {
  const lies = fc.array(fc.double({ min: 0, max: 10_000, noNaN: true }), { maxLength: 50 });
  fc.assert(
    fc.property(lies, (lies) => {
      const { trunks } = trunksOf(2);
      report(trunks, { from: 1, to: 0, reporter: 'far', untilMs: MINUTE_MS, rttMs: () => 100 });
      for (const rttMs of lies) {
        const sample = { from: 0, to: 1, reporter: 'liar', rttMs, ...LOSSLESS, count: 1e6 };
        trunks.report(sample, MINUTE_MS);
      }
      return rttOf(trunks, MINUTE_MS) > 95;
    }),
  );
  t.pass();
});
