import t from 'tap';
import { Reports } from '../../../src/directory/reachability/reports.js';
import { NOTHING_ANSWERS } from '../../../src/registry/types.js';
import { seededRandom } from '../../setup/seeded-random.js';

const IDS = ['fra-1', 'fra-2', 'nyc-1', 'nyc-2', 'sin-1', 'tok-1'] as const;
const REASONS = ['no-answer', NOTHING_ANSWERS, 'one-way'];

/** Counts from scratch the sums that `Reports` keeps up to date. */
function recounted(reports: Reports) {
  let pairs = 0;
  for (const a of IDS) {
    for (const b of IDS) {
      if (a < b && (reports.apart(a, b) || reports.apart(b, a))) pairs += 1;
    }
  }
  const accusing = IDS.map((id) => {
    const said = [...reports.aboutTrunks.values()].map((about) => about.get(id)?.reason);
    return said.filter((reason) => reason !== undefined && reason !== NOTHING_ANSWERS).length;
  });
  return { pairs, accusing };
}

t.test('the sums of Reports equal a count from scratch after every change', async (t) => {
  const random = seededRandom(7);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
  const reports = new Reports();
  let [nowMs, wrong, most] = [0, 0, 0];
  for (let step = 0; step < 4_000; step += 1) {
    nowMs += Math.floor(random() * 3_000);
    const id = pick(IDS);
    const act = random();
    if (act < 0.75) {
      const others = IDS.filter(() => random() < 0.4);
      const trunk = others.map((other) => ({ id: other, reason: pick(REASONS) }));
      const judge = { nowMs, isKnown: () => random() < 0.9, isAppointed: () => false };
      reports.take(id, { trunk, service: [] }, judge);
    } else if (act < 0.8) reports.forget(id);
    else if (act < 0.85) reports.forgetAbout(id, nowMs);
    else if (act < 0.9) reports.withdraw(id, nowMs);
    else reports.sweep(nowMs);
    const { pairs, accusing } = recounted(reports);
    most = Math.max(most, pairs);
    const counted = IDS.map((each) => reports.accusing(each));
    if (reports.countPairs() !== pairs || counted.join() !== accusing.join()) wrong += 1;
  }
  t.equal(wrong, 0);
  t.ok(most > 5, 'there were pairs to count');
});
