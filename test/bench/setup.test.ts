import t from 'tap';
import { htmlReport } from '../../bench/load/report/html.js';
import { measureSetups, setupConnections } from '../../bench/load/setups.js';
import { judge } from '../../bench/load/targets.js';
import type { SetupResult } from '../../bench/setup/result.js';
import { summary } from '../../bench/setup/summary.js';
import { succeeded, Windowed } from '../../bench/setup/windowed.js';
import { benchResult } from './results.js';

const FLOW = {
  seconds: 1,
  sent: 20_000,
  lost: 0,
  lostAtReceiver: 0,
  p50Us: 100,
  p99Us: 200,
  maxUs: 300,
  senderLateMs: 0,
  pings: 50,
  pingsLost: 0,
  pingP99Us: 100,
  pingMaxUs: 200,
};
const MEMORY = {
  residentBytes: 1_600,
  privateBytes: 1_500,
  heapUsedBytes: 500,
  heapTotalBytes: 600,
  externalBytes: 100,
};

/** Makes a result that meets the targets, with this many failures of 10,000 set-ups. */
function setupResult(failed: number): SetupResult {
  const phase = {
    seconds: 1,
    perSecond: 9_000,
    relays: [],
    flow: FLOW,
    tasks: 10_000,
    failed,
    retransmissions: 0,
    p50Us: 1,
    p99Us: 2,
    maxUs: 3,
  };
  const memory = { before: MEMORY, established: MEMORY, closed: MEMORY, perConnection: MEMORY };
  return {
    options: {
      arrangement: 'same-relay',
      connections: 10_000,
      window: 64,
      workers: 2,
      flowPacketsPerSecond: 20_000,
      expiries: [],
      relayNodeOptions: [],
    },
    idle: FLOW,
    setUp: phase,
    close: { ...phase, failed: 0 },
    expiries: [{ seconds: 1, perSecond: 1, relays: [], flow: FLOW, connections: 9, failed }],
    memory: [{ id: 'relay-a', ...memory }],
  };
}

function judged(failed: number) {
  return judge([], [setupResult(failed)]).filter(({ title }) =>
    title.includes('10,000 connections'),
  );
}

t.test('failed tasks are not counted as succeeded', async (t) => {
  const windowed: Windowed = new Windowed(10, 2, {
    begin: (index) => setImmediate(() => windowed.done(index, index % 5 !== 0)),
    repeat: () => {},
  });
  const result = await windowed.run();
  t.match(result, { tasks: 10, failed: 2 });
  t.equal(succeeded(result), 8);
});

t.test('the targets of set-up are met if all set-ups succeed', async (t) => {
  t.strictSame(
    judged(0).map(({ met }) => met),
    [true, true],
  );
  t.notMatch(judged(0), [{ measured: /failed/ }]);
  t.notMatch(summary(setupResult(0)), /could not be set up/);
});

t.test('a failed set-up misses both targets and is reported', async (t) => {
  t.match(judged(3), [
    { met: false, measured: /3 of 10000 set-ups failed/ },
    { met: false, measured: /3 of 10000 set-ups failed/ },
  ]);
  t.match(summary(setupResult(3)), /3 failed, 0 repeated/);
  const page = htmlReport({ ...benchResult('namespaces'), setup: [setupResult(3)] });
  t.match(page, /<th[^>]*>Failed<.*>10,000<.*>3</s);
  t.match(summary(setupResult(3)), /expire 9 \(3 more could not be set up\)/);
});

t.test('set-ups are measured in a full run, and in others only with --setup', async (t) => {
  t.equal(setupConnections({ only: [] }), 10_000);
  t.equal(setupConnections({ only: [], setup: 7 }), 7);
  t.equal(setupConnections({ only: ['out'] }), undefined);
  t.equal(setupConnections({ only: [], quick: true }), undefined);
  t.equal(setupConnections({ only: ['out'], quick: true, setup: 7 }), 7);
  const { results, omissions } = await measureSetups(undefined, () => {});
  t.strictSame(results, []);
  t.match(omissions, [{ what: /memory/, why: /--setup/ }], 'listed as omitted');
});
