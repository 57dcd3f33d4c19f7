import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { isTurnpikeError } from '../../src/errors.js';
import { Lab, labSupport } from '../../src/lab/index.js';
import { missingTools } from '../../src/lab/support.js';
import { until } from '../until.js';
import { Agent } from './agent.js';
import { TestLab } from './test-lab.js';

const support = labSupport();
const skip = { skip: !support.ok && support.why };

t.setTimeout(120_000);

function program(name: string): string {
  return fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url));
}

function namespaceIsThere(name: string): boolean {
  return existsSync(`/run/netns/${name}`);
}

/** Returns whether the pid is a running process; a zombie is not. */
function runs(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

t.test('missingTools and labSupport name what is missing, in one line', async (t) => {
  t.same(missingTools('/nonexistent'), ['ip', 'nft', 'setpriv', 'tee']);
  if (!support.ok) {
    t.notMatch(support.why, /\n/);
    try {
      new Lab();
      t.fail('a lab without support');
    } catch (error) {
      t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_PRIVILEGE'));
    }
  }
});

t.test('labSupport tells an ordinary user that labs need root', skip, async (t) => {
  const out = execFileSync(process.execPath, ['--import', 'tsx', program('lab-support')], {
    encoding: 'utf8',
  });
  t.match(JSON.parse(out), { ok: false, why: /root/ });
});

t.test('a lab refuses invalid and repeated names', skip, async (t) => {
  const lab = new Lab();
  t.teardown(() => lab.close());
  lab.host('a');
  t.throws(() => lab.host('a'), { code: 'ERR_TURNPIKE_LAB' });
  t.throws(() => lab.nat('a', { behaviour: 'symmetric' }), { code: 'ERR_TURNPIKE_LAB' });
  t.throws(() => lab.host('a b'), { code: 'ERR_TURNPIKE_LAB' });
  t.throws(() => lab.host('../etc'), { code: 'ERR_TURNPIKE_LAB' });
});

t.test('hosts have the families, wires, loss and link states that are set', skip, async (t) => {
  const lab = new TestLab();
  t.teardown(() => lab.close());
  const dual = lab.host('dual');
  const v4 = lab.host('v4', { families: [4] });
  const v6 = lab.host('v6', { families: [6] });
  const wire = lab.wire(v4, v6);
  await lab.up();
  const agents = [dual, v4, v6].map((host) => new Agent(lab, host));
  const [dualAgent, v4Agent, v6Agent] = agents as [Agent, Agent, Agent];

  t.same([v4.addresses[6], v6.addresses[4]], [undefined, undefined]);
  const listener4 = await dualAgent.open(4);
  const listener6 = await dualAgent.open(6);
  const to4 = { address: dual.addresses[4] ?? '', port: listener4.port };
  const to6 = { address: dual.addresses[6] ?? '', port: listener6.port };
  const from4 = await v4Agent.open(4);
  const from6 = await v6Agent.open(6);
  await from4.send(to4, 'over 4');
  t.equal((await listener4.receive('over 4')).from.address, v4.addresses[4]);
  await from6.send(to6, 'over 6');
  t.equal((await listener6.receive('over 6')).from.address, v6.addresses[6]);
  await t.rejects((await v4Agent.open(6)).send(to6, 'no route'), 'IPv4 only');

  const wired = await v6Agent.open(4);
  await from4.send({ address: wire.addresses[1], port: wired.port }, 'by wire');
  t.equal((await wired.receive('by wire')).from.address, wire.addresses[0]);

  await lab.setLoss(v4, 100);
  await from4.send(to4, 'lost');
  await lab.setLoss(v4, 50);
  for (let i = 0; i < 200; i++) await from4.send(to4, 'perhaps');
  await lab.setLoss(v4, 0);
  await from4.send(to4, 'no longer lossy');
  await listener4.receive('no longer lossy');
  t.notOk(listener4.texts.includes('lost'));
  const arrived = listener4.texts.filter((text) => text === 'perhaps').length;
  t.ok(arrived > 0 && arrived < 200, 'some of 200 arrive at 50 % loss, and not all');

  for (const family of [4, 6] as const) {
    const [host, from, to, listener] =
      family === 4
        ? ([v4, from4, to4, listener4] as const)
        : ([v6, from6, to6, listener6] as const);
    await lab.setLink(host, 'down');
    await t.rejects(from.send(to, 'down'), `IPv${family} link down`);
    await lab.setLink(host, 'up');
    await from.send(to, 'up again');
    await listener.receive('up again');
  }
});

t.test('close kills a process that ignores SIGTERM, and may be repeated', skip, async (t) => {
  const lab = new Lab();
  const host = lab.host('host');
  await lab.up();
  const ignore = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")';
  const stubborn = lab.spawn(host, [process.execPath, '-e', ignore]);
  if (stubborn.child.stdout !== null) await once(stubborn.child.stdout, 'data');
  const missing = lab.spawn(host, ['/nonexistent/program']);
  t.same(await missing.ended, { code: 127, signal: null });
  await lab.close(10);
  await lab.close();
  t.same(await stubborn.ended, { code: null, signal: 'SIGKILL' });
  t.notOk(namespaceIsThere(host.namespace));
  t.throws(() => lab.spawn(host, ['true']), { code: 'ERR_TURNPIKE_CLOSED' });
});

t.test('a lab that is closed during `up` leaves no namespace', skip, async (t) => {
  const lab = new Lab();
  const host = lab.host('host');
  const rising = lab.up();
  await lab.close();
  await rising;
  t.notOk(namespaceIsThere(host.namespace));
});

t.test('a lab that has lost a namespace is still removed', skip, async (t) => {
  const lab = new TestLab();
  const host = lab.host('host');
  await lab.up();
  execFileSync('ip', ['netns', 'del', host.namespace]);
  await t.rejects(lab.setLink(host, 'down'), { code: 'ERR_TURNPIKE_LAB' });
  const other = lab.host('other');
  await lab.up();
  await lab.close();
  t.notOk(namespaceIsThere(other.namespace));
});

for (const [ending, signal] of [
  ['kill -9', 'SIGKILL'],
  ['SIGINT', 'SIGINT'],
  ['throw', undefined],
] as const) {
  t.test(`an owner that ends by ${ending} leaves no process and no namespace`, skip, async (t) => {
    const owner = spawn(process.execPath, ['--import', 'tsx', program('lab-owner'), ending], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(owner, 'exit');
    const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
    const made = JSON.parse(line) as { namespace: string; pid: number };
    if (signal !== undefined) {
      t.ok(namespaceIsThere(made.namespace));
      t.ok(runs(made.pid));
      owner.kill(signal);
    }
    await ended;
    await until(() => !runs(made.pid) && !namespaceIsThere(made.namespace));
    t.notOk(runs(made.pid));
    t.notOk(namespaceIsThere(made.namespace));
  });
}

/** Makes a namespace. @returns a process that sleeps in it */
async function sleeperIn(namespace: string): Promise<ChildProcess> {
  for (;;) {
    execFileSync('ip', ['netns', 'add', namespace]);
    const inside = spawn('ip', ['netns', 'exec', namespace, 'sleep', '1000'], { stdio: 'ignore' });
    await until(() => hasEnded(inside) || commandOf(inside) === 'sleep\n');
    // Otherwise a lab of another test has already removed the namespace.
    if (!hasEnded(inside)) return inside;
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function commandOf({ pid }: ChildProcess): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1');
  } catch {
    return undefined;
  }
}

t.test('the next lab removes the namespaces and processes of a dead owner', skip, async (t) => {
  // pid_max is at most 2^22, so no process has this pid.
  const stale = `turnpike-99999999-0-${process.pid}-host`;
  const inside = await sleeperIn(stale);
  const lab = new Lab();
  t.teardown(() => lab.close());
  t.notOk(namespaceIsThere(stale));
  await until(() => hasEnded(inside));
  t.equal(inside.signalCode, 'SIGKILL');
});
