import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { CPP_TESTS_FOLDER } from '../setup/cpp-tests.js';
import { findCommand } from '../setup/system-packages.js';

const ctest = findCommand('ctest');

/** One test of ctest's JUnit report. */
interface CaseReport {
  readonly name: string;
  readonly status: string;
  readonly output: string;
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function unescapeXml(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name] ?? '');
}

function parseReport(xml: string): CaseReport[] {
  const cases = xml.matchAll(
    /<testcase name="([^"]*)"[^>]*?status="([^"]*)"[^>]*>(.*?)<\/testcase>/gs,
  );
  return [...cases].map(([, name = '', status = '', body = '']) => ({
    name: unescapeXml(name),
    status,
    output: unescapeXml(/<system-out>(.*?)<\/system-out>/s.exec(body)?.[1] ?? ''),
  }));
}

// `npm test` has built them; here they only run.
t.test('C++ tests', { skip: ctest === undefined && 'needs cmake' }, async (t) => {
  const report = join(t.testdir(), 'report.xml');
  const args = ['--test-dir', CPP_TESTS_FOLDER, '--output-junit', report, '--timeout', '50'];
  const run = spawnSync(ctest ?? 'ctest', args, { encoding: 'utf8' });
  t.equal(run.status, 0, 'ctest succeeds');
  const cases = parseReport(readFileSync(report, 'utf8'));
  t.ok(cases.length > 0, 'there are tests');
  for (const { name, status, output } of cases) {
    if (!t.equal(status, 'run', name)) {
      t.comment(output);
    }
  }
});
