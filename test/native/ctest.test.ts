import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { CPP_TESTS_FOLDER, ctestArguments } from '../setup/cpp-tests.js';
import { findCommand } from '../setup/system-packages.js';

/** The JSON report of one GoogleTest process. */
interface Report {
  readonly testsuites: readonly {
    readonly name: string;
    readonly testsuite: readonly {
      readonly name: string;
      readonly failures?: readonly { readonly failure: string }[];
      readonly skipped?: readonly { readonly message: string }[];
    }[];
  }[];
}

const ctest = findCommand('ctest');

// The XDP tests wait for the kernel.
t.setTimeout(300_000);

// `npm test` has built them before.
t.test('C++ tests', { skip: ctest === undefined && 'needs cmake' }, async (t) => {
  const reports = join(CPP_TESTS_FOLDER, 'reports');
  rmSync(reports, { recursive: true, force: true });
  const args = [...ctestArguments(CPP_TESTS_FOLDER), '--timeout', '50'];
  const run = spawnSync(ctest ?? 'ctest', args, { encoding: 'utf8' });
  if (!t.equal(run.status, 0, 'ctest succeeds')) t.comment(run.stdout);
  const files = readdirSync(reports);
  t.ok(files.length > 0, 'tests have run');
  for (const file of files) {
    const { testsuites }: Report = JSON.parse(readFileSync(join(reports, file), 'utf8'));
    for (const { name: suite, testsuite } of testsuites) {
      for (const { name, failures = [], skipped = [] } of testsuite) {
        const skip = skipped.map(({ message }) => message.trim()).join('; ');
        t.equal(failures.map(({ failure }) => failure).join('\n'), '', `${suite}.${name}`, {
          skip: skip !== '' && skip,
        });
      }
    }
  }
});
