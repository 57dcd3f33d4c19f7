import t from 'tap';
import { describeCircumstances, warningsOf } from '../../bench/load/circumstances.js';
import { htmlReport } from '../../bench/load/report/html.js';
import { plotsOf } from '../../bench/load/report/plots.js';
import { textSummary } from '../../bench/load/report/text.js';
import { judge } from '../../bench/load/targets.js';
import type { TurnSetupResult, TurnSetupRound } from '../../bench/load/turn-setups.js';
import { benchResult, contestant, SINK, step } from './results.js';

t.test('the page has all results and loads no other resource', async (t) => {
  const page = htmlReport(benchResult('namespaces'));
  t.notMatch(page, /<script|<link|https?:|url\(|src=/, 'no external resource');
  t.match(page, /prefers-color-scheme: dark/);
  t.match(page, /<svg[^>]*role="img"[^>]*aria-label=/);
  t.match(page, /the &lt;turnpike&gt;/, 'names are escaped');
  t.notMatch(page, /the <turnpike>/);
  t.notMatch(page, /NaN|undefined|Infinity/);
  t.match(page, /0\.57 \(0\.55–0\.59\)/, 'the ratio to the bare reflector');
  t.match(page, /class="met">met/);
  t.match(page, /not measured/);
  t.match(page, /90\.0 µs/, 'latency');
  t.match(page, /a doubt/);
  t.match(page, /somebody: not installed/);
  t.match(page, /Turnpike 1\.0\.0 \(commit 0123456789ab-dirty\) beside coturn 4\.6\.1/);
});

t.test('page, text and JSON say that results on loopback are only indicative', async (t) => {
  const result = benchResult('loopback');
  t.match(htmlReport(result), /Indicative only/);
  t.match(textSummary(result), /INDICATIVE ONLY/);
  t.notMatch(htmlReport(benchResult('namespaces')), /Indicative only/);
  const effort = { rounds: 3, seconds: 1, searches: false };
  const cpus = { server: 0, generator: 1 };
  const described = describeCircumstances({
    scene: 'loopback',
    cpus,
    effort,
    command: '',
    versions: [],
  });
  t.match(described, { rounds: 2, notes: [/Indicative only/] }, 'JSON');
});

t.test('a result without workloads can be shown', async (t) => {
  const empty = { ...benchResult('namespaces'), workloads: [], targets: [], omissions: [] };
  t.match(htmlReport(empty), /<\/html>/);
  t.type(textSummary(empty), 'string');
});

t.test('plotsOf returns self-contained SVGs for what was measured', async (t) => {
  const plots = plotsOf(benchResult('namespaces'));
  t.strictSame(
    plots.map(({ file }) => file),
    ['sockets.svg', 'xdp.svg'],
  );
  for (const { svg } of plots) {
    t.match(svg, /^<svg xmlns="[^"]+" .*width="\d+"/);
    t.match(svg, /<style>/);
    t.notMatch(svg, /NaN|undefined|Infinity|the <turnpike>/);
  }
  t.match(plots[0]?.svg, /0\.57 ×/);
  t.strictSame(plotsOf({ ...benchResult('namespaces'), workloads: [] }), []);
  const { workloads } = benchResult('namespaces');
  const turn = workloads.flatMap((each) =>
    ['turn-out-1000-100B', 'turn-in-1000-100B'].map((name) => ({
      ...each,
      workload: { ...each.workload, name },
    })),
  );
  const ofTurn = plotsOf({ ...benchResult('namespaces'), workloads: turn });
  t.match(ofTurn, [{ file: 'turn-out.svg' }, { file: 'turn-in.svg' }]);
});

t.test('targets are judged by ratios', async (t) => {
  const [target] = judge(benchResult('namespaces').workloads, []);
  t.match(target, { met: true, measured: '0.57 (0.55–0.59)', target: '≤ 0.60 × reflector' });
  t.match(target, { atSaturation: '0.57 (0.55–0.59)' });
  const missing = judge([], []);
  t.ok(missing.every(({ met }) => met === undefined));
});

t.test('turnpike and a rival are compared at the rate of the rival', async (t) => {
  const { workloads } = benchResult('namespaces');
  const [first] = workloads;
  if (first === undefined) throw new Error('no workload');
  const beside = {
    ...first,
    workload: { ...first.workload, name: 'out-rivals-100B' },
    contestants: [
      contestant('turnpike', 'turnpike', [{ 'beside-coturn': step(600), common: step(1) }]),
      contestant('coturn', 'rival', [{ own: step(2_000), saturation: step(9) }]),
    ],
  };
  const judged = judge([beside], []).find(({ target }) => target.endsWith('coturn'));
  t.match(judged, { met: true, measured: '0.30 (0.30–0.30)', target: '≤ 0.77 × coturn' });
});

const ALLOCATIONS: TurnSetupResult = {
  name: 'turnpike',
  title: 'the <TURN> server',
  allocations: 10_000,
  rounds: [
    {
      perSecond: 6_000,
      serverUs: 120,
      clientIdle: 0.9,
      p50Us: 9_000,
      p99Us: 20_000,
      retransmissions: 0,
      failures: {},
      residentBytes: 3_000,
      kernelBytes: 2_900,
    },
  ],
};

function judgedAllocations(change: Partial<TurnSetupRound>) {
  const rounds = ALLOCATIONS.rounds.map((round) => ({ ...round, ...change }));
  return judge([], [], [{ ...ALLOCATIONS, rounds }]).filter(({ title }) =>
    title.endsWith('with a channel, 10,000'),
  );
}

t.test('allocations are judged with the memory of the kernel, and failures miss', async (t) => {
  t.match(judgedAllocations({}), [
    { met: true, measured: '6,000 a second' },
    { met: true, measured: '5,900 B (2,900 of the kernel)' },
  ]);
  t.match(judgedAllocations({ kernelBytes: 3_200 }), [{ met: true }, { met: false }]);
  t.match(judgedAllocations({ failures: { 508: 1 } }), [{ met: false }, { met: false }]);
  const uncounted = { ...ALLOCATIONS.rounds[0] } as { kernelBytes?: number } & TurnSetupRound;
  delete uncounted.kernelBytes;
  const judged = judge([], [], [{ ...ALLOCATIONS, rounds: [uncounted] }]);
  t.equal(judged.find(({ title }) => title.startsWith('memory per TURN'))?.met, undefined);
});

t.test('allocations are shown, with the doubt that the client was busy', async (t) => {
  const result = { ...benchResult('namespaces'), turnSetup: [ALLOCATIONS] };
  const page = htmlReport(result);
  t.match(page, /the &lt;TURN&gt; server.*6,000 \(6,000–6,000\).*120 µs.*90 %/s);
  t.match(page, /3,000 B.*2,900 B/s);
  t.match(textSummary(result), /a second 6,000 .*kernel for each 2,900 B/);
  const [round] = ALLOCATIONS.rounds as readonly [TurnSetupRound];
  const busy = { ...ALLOCATIONS, rounds: [{ ...round, clientIdle: 0.1 }] };
  t.strictSame(warningsOf(result.circumstances, [], [ALLOCATIONS]), []);
  t.match(warningsOf(result.circumstances, [], [busy]), [/TURN client was idle.*: turnpike/]);
});

t.test('a TURN server is compared with coturn at its load and at saturation', async (t) => {
  const [first] = benchResult('namespaces').workloads;
  if (first === undefined) throw new Error('no workload');
  const beside = {
    ...first,
    workload: { ...first.workload, name: 'turn-in-1000-100B' },
    contestants: [
      contestant('turnpike', 'turnpike', [{ 'beside-coturn': step(900), saturation: step(800) }]),
      contestant('coturn', 'rival', [{ own: step(1_000), saturation: step(1_000) }]),
      contestant('turnpike-xdp', 'turnpike', [{ saturation: step(110) }]),
    ],
  };
  const judged = judge([beside], []).filter(
    ({ target, measured }) => target.endsWith('coturn') && measured !== undefined,
  );
  t.match(judged, [
    { met: true, target: '≤ 0.91 × coturn', measured: /^0\.90/ },
    { met: false, target: '≤ 0.67 × coturn', measured: /^0\.80/ },
    { met: true, title: /^XDP/, target: '≤ 0.11 × coturn', measured: /^0\.11/ },
  ]);
});

t.test('circumstances that make results doubtful give warnings', async (t) => {
  const { circumstances, workloads } = benchResult('namespaces');
  t.strictSame(warningsOf(circumstances, workloads), []);
  const [first] = workloads;
  if (first === undefined) throw new Error('no workload');
  const [packets, payloadBytes] = [1_000, 100_000];
  const arrivals = { packets, datagrams: packets, payloadBytes, sampled: 4 };
  const refused = step(1, { arrivals, sink: { ...SINK, payloads: 0 } });
  const rounds = [
    { common: step(1, { generatorIdle: 0.1 }), saturation: step(1, { serverBusy: 0.5 }) },
    { common: refused },
  ];
  const doubtful = { ...first, contestants: [contestant('one', 'floor', rounds)] };
  const warnings = warningsOf({ ...circumstances, loadAverage: 3 }, [doubtful]);
  t.match(warnings, [
    /kept the machine busy/,
    /less than 20 %/,
    /could not saturate/,
    /No socket accepted/,
  ]);
});
