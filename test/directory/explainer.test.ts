import t from 'tap';
import { Explainer } from '../../src/directory/explainer.js';
import type { LiveSelection } from '../../src/directory/live-selection.js';
import { RECENT_SELECTIONS_MAX, RecentSelections } from '../../src/directory/recent-selections.js';
import { SNAPSHOTS_KEPT_MAX } from '../../src/selection/state.js';
import { latencies, relay, stateOf } from '../selection/fixtures.js';

const NEAR = latencies({ fra: 10, nyc: 80 });

/** Returns what an explainer reads of a live selection. */
function world() {
  const state = stateOf([relay('fra-1', 1), relay('nyc-1', 2)]);
  let now = 0;
  const live = {
    networkOf: () => ({ network: 'IPv4', regions: 0, samples: 0 }),
    requestOf: (hints: object) => hints,
    snapshotFor: () => state.current,
    snapshotOf: (number: number) => state.snapshotOf(number),
  };
  const recent = new RecentSelections();
  const explainer = new Explainer(live as unknown as LiveSelection, recent);
  /** Publishes a snapshot and selects by it. */
  const select = (connectionId: string) => {
    state.assign('fra-1', now);
    now += 100;
    const snapshot = state.publish(now).number;
    state.keep();
    const request = { peers: [NEAR, NEAR] as const };
    recent.add({ connectionId, tenant: 'acme', snapshot, seed: 1, request });
  };
  return { recent, explainer, select };
}

t.test('a selection is explained until its snapshot is gone, and is then forgotten', async (t) => {
  const { recent, explainer, select } = world();
  select('first');
  t.match(explainer.ofConnection('first'), { ok: true, explanation: { tenant: 'acme' } });
  for (let n = 0; n < SNAPSHOTS_KEPT_MAX - 1; n++) select(String(n));
  explainer.sweep();
  t.match(explainer.ofConnection('first'), { ok: true });
  t.ok(recent.find('first')?.request, 'kept while it can be explained');
  select('last');
  t.strictSame(explainer.ofConnection('first'), { ok: false, fault: 'snapshot-gone' });
  explainer.sweep();
  t.equal(recent.find('first')?.request, undefined, 'what peers told is not kept longer');
  t.strictSame(explainer.ofConnection('first'), { ok: false, fault: 'snapshot-gone' });
  t.match(explainer.ofConnection('0'), { ok: true });
  t.match(explainer.ofConnection('last'), { ok: true });
});

t.test('a bounded number of selections is remembered', async (t) => {
  const { recent, explainer } = world();
  const common = { tenant: 'acme', snapshot: 1, seed: 1, request: { peers: [{}, {}] as const } };
  for (let n = 0; n <= RECENT_SELECTIONS_MAX; n++) {
    recent.add({ ...common, connectionId: String(n) });
  }
  t.strictSame(explainer.ofConnection('0'), { ok: false, fault: 'connection-unknown' });
  t.ok(recent.find('1'));
  t.ok(recent.find(String(RECENT_SELECTIONS_MAX)));
});
