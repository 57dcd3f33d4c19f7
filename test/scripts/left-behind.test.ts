import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { newPrefix, processStart } from '../../src/lab/namespaces.js';
import { leftBehind } from '../setup/left-behind.js';
import { until } from '../until.js';

const mark = `test-${process.pid}`;

/** Returns the environment of a process; empty if it has ended, reaped or not. */
function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

/** Starts a process that is gone before the next test looks for what is left. */
async function sleeper(t: Test, env: NodeJS.ProcessEnv): Promise<number> {
  // Its parent, a shell, has ended, as the parents of left-behind processes have.
  const child = spawn('sh', ['-c', 'sleep 60 & echo $!'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [text] = await once(child.stdout, 'data');
  const pid = Number(String(text));
  t.teardown(async () => {
    process.kill(pid, 'SIGKILL');
    await until('it has ended', () => environmentOf(pid) === '');
  });
  // Until it has called exec it is a shell.
  await until('sleep runs', () => readFileSync(`/proc/${pid}/comm`, 'latin1') === 'sleep\n');
  return pid;
}

t.test('leftBehind finds processes of the run and no others', async (t) => {
  const marks = { namespacesBefore: [], mark };
  t.strictSame(leftBehind(marks, []), []);
  const mine = await sleeper(t, { TURNPIKE_CI_RUN: mark });
  await sleeper(t, { TURNPIKE_CI_RUN: `${mark}-other` });
  t.match(leftBehind(marks, []), [new RegExp(`^process ${mine}: sleep 60$`)]);
});

t.test('leftBehind finds namespaces of the run and those whose owner has ended', async (t) => {
  const before = ['turnpike-1-1-0-old'];
  const left = (...names: string[]) =>
    leftBehind({ namespacesBefore: before, mark }, [...before, ...names]);
  t.strictSame(left(), [], 'not those from before the run');
  t.strictSame(left('somebody-elses', 'cni-1234'), []);
  t.strictSame(left(`${newPrefix()}-host`), [], 'not a lab in use by another run');
  const gone = `turnpike-${process.pid}-1-0-host`;
  t.strictSame(left(gone), [`network namespace ${gone}`], 'one whose owner has ended');
  const mine = await sleeper(t, { TURNPIKE_CI_RUN: mark });
  const owned = `turnpike-${mine}-${processStart(mine)?.toString(36)}-0-host`;
  t.match(left(owned), [/^process/, `network namespace ${owned}`], 'one that the run still owns');
});
