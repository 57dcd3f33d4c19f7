import { join } from 'node:path';
import t from 'tap';
import { clientAddress, clientIps } from '../../bench/load/addresses.js';
import { parseVariant } from '../../bench/load/catalogue.js';
import { payloadsIn } from '../../bench/load/far-counter.js';
import { ProgressLine, timeText } from '../../bench/load/progress.js';
import type { Arrivals, Workload } from '../../bench/load/types.js';
import { onLoopback, WORKLOADS } from '../../bench/load/workloads.js';

const workload = WORKLOADS[0] as Workload;
const trunk: Arrivals = { content: 'trunk', port: 1, ports: 1 };

t.test('every flow has its own address and port', async (t) => {
  t.strictSame(clientAddress('10.1.0', 0), { address: '10.1.0.1', port: 10_000 });
  t.strictSame(clientAddress('10.1.0', 19_999), { address: '10.1.0.1', port: 29_999 });
  t.strictSame(clientAddress('10.1.0', 20_000), { address: '10.1.0.2', port: 10_000 });
  t.strictSame(clientIps('10.1.0', 20_001), ['10.1.0.1', '10.1.0.2']);
});

t.test('payloads are computed from the counted bytes', async (t) => {
  const of = (payloadBytes: number, datagrams: number) => ({ packets: 1, datagrams, payloadBytes });
  const raw: Arrivals = { ...trunk, content: 'raw' };
  const channel: Arrivals = { ...trunk, content: 'channel' };
  t.equal(payloadsIn(of(700, 7), workload, raw), 7);
  t.equal(payloadsIn(of(728, 7), workload, channel), 7);
  const bundles = of(2 * (20 + 13 * 108), 2);
  t.equal(payloadsIn(bundles, workload, trunk), 26, 'two bundles of 13 records');
  const mixed = { ...workload, sizesBytes: [100, 300] };
  t.equal(payloadsIn(of(2 * 28 + 400, 2), mixed, trunk), 2, 'by the mean of the sizes');
});

t.test('names of workloads are unique', async (t) => {
  const names = WORKLOADS.map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
  const quick = WORKLOADS.filter((one) => one.quick === true);
  t.ok(quick.length >= 3, 'a quick run has workloads');
});

t.test('on loopback a workload has at most 200 connections, which its title says', async (t) => {
  t.match(onLoopback(workload), { flows: 200, title: /here 200 connections/ });
  const hot = WORKLOADS.find(({ flows }) => flows === 1) as Workload;
  t.equal(onLoopback(hot), hot);
});

t.test('a variant has options of the data plane and optionally a checkout', async (t) => {
  t.strictSame(parseVariant('nowait={"coalescingUs":0,"xdp":true}'), {
    name: 'turnpike-nowait',
    title: 'Turnpike XDP, {"coalescingUs":0,"xdp":true}',
    options: { coalescingUs: 0 },
    xdp: true,
  });
  const checkout = t.testdir({ compiled: { build: { Release: {} } } });
  const before = join(checkout, 'compiled');
  t.match(parseVariant(`before=${JSON.stringify({ checkout: before })}`), { checkout: before });
  t.throws(() => parseVariant('{}'), /NAME=/);
  t.throws(() => parseVariant('a=b'), /not JSON/);
  t.throws(() => parseVariant('old={"checkout":"gone"}'), /not there, or not compiled: gone/);
});

t.test('progress has the estimated remaining time', async (t) => {
  const lines: string[] = [];
  let nowMs = 0;
  const progress = new ProgressLine(
    4,
    (line) => lines.push(line),
    () => nowMs,
  );
  progress.step('one');
  nowMs = 2_000;
  progress.step('two');
  t.strictSame(lines, ['[1/4] one', '[2/4, 6 s left] two']);
  nowMs = 4_000;
  progress.skip(1);
  progress.step('three');
  t.equal(lines.at(-1), '[3/3, 2 s left] three', 'a skipped step is not counted');
  t.equal(timeText(240_000), '4 min');
});
