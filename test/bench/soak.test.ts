import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Balance, isBalanced, relayBalances, totalOf } from '../../bench/abuse/balance.js';
import { MetricsText } from '../../bench/abuse/metrics-text.js';
import { slopeOf } from '../../bench/abuse/slope.js';
import type { SoakResult } from '../../bench/abuse/soak.js';
import { soakText } from '../../bench/abuse/soak-text.js';
import { ROOT } from '../house/source-files.js';

t.setTimeout(180_000);

t.test('the counters balance after all floods at once', async (t) => {
  const json = join(t.testdir(), 'soak.json');
  const argv = ['--import', 'tsx', 'bench/abuse/main.ts', '--soak', '0.25', '--json', json];
  const bench = spawn(process.execPath, argv, { cwd: ROOT });
  let said = '';
  for (const stream of [bench.stdout, bench.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const [code] = await once(bench, 'close');
  t.equal(code, 0, said);
  const { processes, balances, victim }: SoakResult = JSON.parse(readFileSync(json, 'utf8'));
  t.strictSame(
    balances.filter((balance) => !isBalanced(balance)),
    [],
  );
  t.ok(balances.length >= 12);
  t.ok(
    balances.every((balance) => totalOf(balance.in) > 0),
    'no counter is zero',
  );
  t.ok(victim.setUps > 0 && victim.echoes > 0, 'genuine users were served');
  t.strictSame(
    processes.map(({ name }) => name),
    ['directory', 'relay-a', 'relay-b'],
  );
  for (const { name, ends } of processes) t.ok(ends.residentMB > 1 && ends.descriptors > 1, name);
});

function points(values: readonly number[]) {
  return values.map((value, index) => ({ atMs: index * 60_000, value }));
}

t.test('a slope is per hour, with an interval that autocorrelation widens', async (t) => {
  const line = slopeOf(points([5, 6, 7, 8, 9, 10]));
  t.ok(Math.abs(line.perHour - 60) < 1e-9);
  t.ok(line.plusMinus < 1e-6, 'a straight line has no uncertainty');
  const noise = [0.3, -0.5, 0.4, -0.2, 0.1, -0.4, 0.5, -0.3, 0.2, -0.1, 0.4, -0.4];
  const flat = slopeOf(points(noise));
  t.ok(Math.abs(flat.perHour) < flat.plusMinus, 'the slope of noise is within its interval');
  // The same values in an order that rises and falls.
  const sorted = [...noise].sort((a, b) => a - b);
  const tent = [0, 2, 4, 6, 8, 10, 11, 9, 7, 5, 3, 1].map((place) => sorted[place] ?? 0);
  const alike = slopeOf(points(tent));
  t.ok(alike.plusMinus > flat.plusMinus, 'autocorrelated values have a wider interval');
  t.same(slopeOf(points([1, 2])), { perHour: 0, plusMinus: Number.POSITIVE_INFINITY });
});

const PAGE = [
  '# HELP turnpike_relay_legs Legs held now.',
  'turnpike_relay_legs 3',
  'turnpike_relay_leg_events_total{event="allocated"} 10',
  'turnpike_relay_leg_events_total{event="ended"} 7',
  'turnpike_relay_leg_events_total{event="established"} 4',
  'turnpike_relay_leg_events_total{event="closed_by_peer"} 2',
  'turnpike_relay_trunk_connections{relay="b"} 1',
  'turnpike_relay_data_plane_datagrams_total{name="client_rx_packets"} 9',
  'turnpike_relay_data_plane_datagrams_total{name="client_punted"} 5',
  'turnpike_relay_data_plane_records_total{name="client_to_trunk"} 3',
  'turnpike_relay_data_plane_dropped_datagrams_total{reason="stun_malformed"} 1',
  'turnpike_relay_client_messages_total{kind="requests"} 5',
].join('\n');

t.test('an unbalanced counter is shown with its parts and the difference', async (t) => {
  const balances = relayBalances('relay', new MetricsText(PAGE));
  t.strictSame(balances.map(isBalanced), [true, true, true, false]);
  const [, , , connections] = balances as [Balance, Balance, Balance, Balance];
  t.strictSame(connections.out, { closed_by_peer: 2, living: 1 });
  const victim = {
    setUps: 2,
    succeeded: 1,
    setUpP50Ms: 1,
    setUpP99Ms: 2,
    directoryP99Ms: 1,
    failures: { 'ERR_TURNPIKE_REJECTED 508': 1 },
    echoes: 1,
    echoesLost: 0,
    rttP99Ms: 1,
  };
  const text = soakText({ minutes: 1, victim, processes: [], balances });
  t.match(text, /ok {3}relay: legs allocated = ended \+ living: 10/);
  t.match(text, /FAIL relay: connections .*closed_by_peer 2 \+ living 1 = 3: 1 missing/);
  t.match(text, /Set-ups that failed: 1 × ERR_TURNPIKE_REJECTED 508/);
});
