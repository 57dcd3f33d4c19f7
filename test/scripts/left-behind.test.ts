import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { newPrefix, processStart } from '../../src/lab/namespaces.js';
import { until } from '../client/support/until.js';
import { leftBehind } from '../setup/left-behind.js';

const mark = `test-${process.pid}`;

async function sleeper(env: NodeJS.ProcessEnv): Promise<number> {
  // Its parent, a shell, has ended, as the parents of left-behind processes have.
  const child = spawn('sh', ['-c', 'sleep 60 & echo $!'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [text] = await once(child.stdout, 'data');
  const pid = Number(String(text));
  // Until it has called exec it is a shell.
  await until('sleep runs', () => readFileSync(`/proc/${pid}/comm`, 'latin1') === 'sleep\n');
  return pid;
}

t.test('leftBehind finds processes of the run and no others', async (t) => {
  const marks = { namespacesBefore: [], mark };
  t.strictSame(leftBehind(marks, []), []);
  const mine = await sleeper({ TURNPIKE_CI_RUN: mark });
  t.teardown(() => process.kill(mine, 'SIGKILL'));
  const other = await sleeper({ TURNPIKE_CI_RUN: `${mark}-other` });
  t.teardown(() => process.kill(other, 'SIGKILL'));
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
  const mine = await sleeper({ TURNPIKE_CI_RUN: mark });
  t.teardown(() => process.kill(mine, 'SIGKILL'));
  const owned = `turnpike-${mine}-${processStart(mine)?.toString(36)}-0-host`;
  t.match(left(owned), [/^process/, `network namespace ${owned}`], 'one that the run still owns');
});
