import t from 'tap';
import {
  chooseProbes,
  classOf,
  PROBE_LANES_AT_ONCE_MAX,
  type ProbeClass,
} from '../../src/trunk/probe-schedule.js';
import { ProbeTarget } from '../../src/trunk/probe-target.js';

type Target = { name: string; askedAt: number };
const targets = (of: string, count: number, askedAt: number): Target[] =>
  Array.from({ length: count }, (_, index) => ({ name: `${of}-${index}`, askedAt }));
const queues = (some: Partial<Record<ProbeClass, Target[]>>) => ({
  live: [],
  'live-size': [],
  'live-new': [],
  'live-lane': [],
  urgent: [],
  detail: [],
  primary: [],
  secondary: [],
  ...some,
});
const names = (chosen: { target: Target }[]) => chosen.map(({ target }) => target.name);

t.test('targets that carry connections are probed on time without a budget', async (t) => {
  const live = targets('live', 100, 0);
  const none = { first: 0, secondary: 0 };
  t.equal(chooseProbes(queues({ live }), 100, none).length, 100);
  t.equal(chooseProbes(queues({ live }), 99, none).length, 0);
  t.equal(chooseProbes(queues({ 'live-size': live }), 999, none).length, 0);
  t.equal(chooseProbes(queues({ 'live-size': live }), 1_000, none).length, 100);
  t.equal(chooseProbes(queues({ 'live-lane': live }), 1_999, none).length, 0);
  const lanes = chooseProbes(queues({ 'live-lane': live }), 2_000, none);
  t.equal(lanes.length, PROBE_LANES_AT_ONCE_MAX, 'lanes at once are bounded');
});

t.test('other targets share the budget, of which urgent ones get two thirds at most', async (t) => {
  const all = queues({
    urgent: targets('urgent', 50, 0),
    primary: targets('primary', 50, 0),
    secondary: targets('secondary', 50, 0),
  });
  const chosen = chooseProbes(all, 10_000, { first: 9, secondary: 2 });
  t.same(names(chosen), [
    ...targets('urgent', 6, 0).map(({ name }) => name),
    ...targets('primary', 3, 0).map(({ name }) => name),
    'secondary-0',
    'secondary-1',
  ]);
  const quiet = chooseProbes({ ...all, urgent: [] }, 10_000, { first: 9, secondary: 0 });
  t.equal(quiet.length, 9, 'without urgent targets primary ones get all');
  t.equal(chooseProbes({ ...all, primary: [] }, 10_000, { first: 9, secondary: 0 }).length, 9);
  const count = (some: object) => {
    const of = chooseProbes({ ...all, ...some }, 10_000, { first: 9, secondary: 0 });
    return ['urgent', 'detail', 'primary'].map(
      (each) => of.filter((chosen) => chosen.of === each).length,
    );
  };
  const lanes = targets('lane', 50, 0);
  t.same(count({ detail: lanes }), [6, 1, 2], 'lanes leave a share to primary targets');
  t.same(count({ detail: lanes, urgent: [] }), [0, 4, 5]);
  t.same(count({ detail: lanes.slice(0, 1) }), [6, 1, 2]);
});

t.test('no target is probed before the interval of its class has passed', async (t) => {
  const budget = { first: 100, secondary: 100 };
  for (const [of, interval] of Object.entries({ urgent: 250, primary: 1_000, secondary: 5_000 })) {
    const some = queues({ [of]: targets(of, 3, 0) });
    t.equal(chooseProbes(some, interval - 1, budget).length, 0);
    t.equal(chooseProbes(some, interval, budget).length, 3);
  }
});

t.test('classOf returns the class of each state of a target', async (t) => {
  const view = (standing: ProbeTarget['standing'], more: object = {}) => {
    const target = new ProbeTarget();
    target.standing = standing;
    const defaults = {
      isInUse: true,
      interest: 'none' as const,
      isNeeded: false,
      isAnswered: true,
      isSearching: false,
    };
    return { target, kind: 'main' as const, ...defaults, ...more };
  };
  const shared = { interest: 'shared' };
  const lane = { kind: 'lane' };
  const size = { kind: 'size' };
  const elsewhere = { isInUse: false };
  const expected: [ReturnType<typeof view>, ProbeClass][] = [
    [view('answered', shared), 'live'],
    [view('dead', shared), 'live'],
    [view('unmeasured'), 'urgent'],
    [view('suspect'), 'urgent'],
    [view('failing'), 'urgent'],
    [view('answered'), 'primary'],
    [view('dead'), 'primary'],
    [view('dead', { interest: 'expected' }), 'urgent'],
    [view('answered', { ...elsewhere, ...shared }), 'secondary'],
    [view('answered', { ...elsewhere, isNeeded: true }), 'urgent'],
    [view('unmeasured', lane), 'detail'],
    [view('suspect', lane), 'detail'],
    [view('answered', lane), 'secondary'],
    [view('dead', lane), 'secondary'],
    [view('unmeasured', { ...lane, isAnswered: false }), 'secondary'],
    [view('unmeasured', { ...lane, ...elsewhere }), 'secondary'],
    [view('unmeasured', { ...lane, ...shared }), 'live-new'],
    [view('failing', { ...lane, ...shared }), 'live-lane'],
    [view('answered', { ...lane, ...shared }), 'live-lane'],
    [view('suspect', { ...lane, ...shared }), 'live'],
    [view('answered', { ...size, isSearching: true }), 'detail'],
    [view('answered', { ...size, ...shared, isSearching: true }), 'live-new'],
    [view('answered', { ...size, isSearching: true, isAnswered: false }), 'secondary'],
    [view('answered', { ...size, ...shared }), 'live-size'],
    [view('answered', { ...size, interest: 'expected' }), 'secondary'],
  ];
  for (const [given, of] of expected)
    t.equal(classOf(given), of, `${given.kind} ${given.target.standing}`);
});
