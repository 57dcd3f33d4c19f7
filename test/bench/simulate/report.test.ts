import t from 'tap';
import { htmlReport } from '../../../bench/simulate/report/html.js';
import { ProgressBar } from '../../../bench/simulate/report/progress-bar.js';
import { type SimulationResult, summarize } from '../../../bench/simulate/report/summary.js';
import { textReport } from '../../../bench/simulate/report/text.js';
import type { Job } from '../../../bench/simulate/run/job.js';
import { runSeed } from '../../../bench/simulate/run/seed.js';

const JOB: Job = {
  ...{ seed: 1, regions: 24, relays: 48, clusters: 30, providers: 3, hours: 0.5, calls: 120 },
  ...{ warmUpCalls: 300, warmUpHours: 0.5, burstLegs: 20 },
  contestants: ['direct', 'nearest-place', 'top-8', 'oracle-static'],
};
const steps: string[] = [];
const results = [1, 2].map((seed) => runSeed({ ...JOB, seed }, (what) => steps.push(what)));
const result: SimulationResult = {
  ...{ command: 'npm run simulate -- <x>', startedAt: '2026-11-28', seconds: 3, version: '1.0.0' },
  ...{ job: JOB, worlds: [summarize('A <planet>', results)], ignoredFiles: ['notes.txt'] },
};

t.test('the page has all results and loads no other resource', async (t) => {
  const page = htmlReport(result);
  t.notMatch(page.replaceAll('http://www.w3.org/', ''), /<script|<link|https?:|url\(|src=/);
  t.match(page, /prefers-color-scheme: dark/);
  t.match(page, /<svg[^>]*role="img"[^>]*aria-label=/);
  t.match(page, /A &lt;planet&gt;/, 'names are escaped');
  t.notMatch(page, /NaN|undefined|Infinity/);
  for (const { title } of result.worlds[0]?.contestants ?? []) t.match(page, title);
});

t.test('the text has a table of the generator, the contestants and the burst', async (t) => {
  const text = textReport(result);
  t.match(text, /public: triangles violated +4\.5 % +\d\.\d % {2}ok +WonderProxy 2020/);
  t.match(text, /^nearest-place +\d+ ± \d+/m);
  t.match(text, /^oracle-minute .* 1\.000 ± 0\.000/m);
  t.match(text, /^burst +legs\/relay/m);
  t.match(text, /No matrix: notes\.txt/);
  t.notMatch(text, /NaN|undefined|Infinity/);
});

t.test('the result is whole as JSON, and the same for the same seed', async (t) => {
  const without = (_: string, value: unknown) => value;
  const timeless = (text: string) => text.replaceAll(/"chooseMicroseconds":[^,}]+/g, '');
  const again = runSeed({ ...JOB, seed: 1 }, () => {});
  const first = results[0];
  t.equal(timeless(JSON.stringify(again, without)), timeless(JSON.stringify(first, without)));
  t.equal(steps.filter((step) => step === 'world').length, 2);
});

t.test('the bar is one line on a terminal, and a few lines elsewhere', async (t) => {
  const written: string[] = [];
  let nowMs = 0;
  const terminal = new ProgressBar(
    20,
    { isTTY: true, write: (text) => written.push(text) },
    () => nowMs,
  );
  for (let step = 0; step < 20; step++) {
    nowMs += 1000;
    terminal.step(`step ${step}`);
  }
  t.equal(written.length, 20);
  t.ok(written.every((text) => text.startsWith('\r') && !text.includes('\n')));
  t.match(written.at(-1), /95 %, 2 s left: step 19/);
  const lines: string[] = [];
  const file = new ProgressBar(100, { write: (text) => lines.push(text) }, () => nowMs);
  for (let step = 0; step < 100; step++) file.step(`step ${step}`);
  t.equal(lines.length, 10);
});
