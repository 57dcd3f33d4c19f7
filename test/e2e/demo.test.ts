import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { DemoEvent } from '../../src/cli/demo/events.js';
import { labSupport, parseObject, readLines } from '../../src/lab/index.js';
import { evidenceOf, type KeptTest, setPatience } from '../lab/keep-on-failure.js';
import { PATIENCE_MS, skipReason, TURNPIKE } from './world.js';

const AS_NOBODY = fileURLToPath(new URL('./programs/demo-as-nobody.ts', import.meta.url));

/** A running `turnpike demo --json`. */
class DemoRun {
  readonly child: ChildProcess;
  readonly events: DemoEvent[] = [];
  readonly ended: Promise<[number | null, NodeJS.Signals | null]>;

  /** @param t - if it fails, the demo's output and the state of its namespaces are kept */
  constructor(t: KeptTest, ...args: readonly string[]) {
    const child = spawn(process.execPath, [TURNPIKE, 'demo', '--json', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stderr.resume();
    t.teardown(async () => child.kill('SIGKILL'));
    const evidence = evidenceOf(t);
    evidence.record('demo', child.spawnargs, child);
    evidence.watchFound(() => this.namespaces);
    readLines(child.stdout, (line) => {
      this.events.push(parseObject(line) as unknown as DemoEvent);
    });
    this.ended = once(this.child, 'close') as DemoRun['ended'];
  }

  all<E extends DemoEvent['event']>(name: E): Extract<DemoEvent, { event: E }>[] {
    return this.events.filter((event) => event.event === name) as never;
  }

  async until(name: DemoEvent['event']): Promise<void> {
    while (this.all(name).length === 0) await sleep(10);
  }

  /** The names of its namespaces that exist. */
  get namespaces(): string[] {
    if (!existsSync('/run/netns')) return [];
    return readdirSync('/run/netns').filter((name) =>
      name.startsWith(`turnpike-${this.child.pid}-`),
    );
  }

  /** Returns the pids of the processes in one of its namespaces. */
  pidsIn(host: string): number[] {
    const name = this.namespaces.find((each) => each.endsWith(`-${host}`)) ?? '';
    return execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
  }
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

const built = { skip: existsSync(TURNPIKE) ? false : 'not built: npm run build' };
const lab = { skip: skipReason() };

/** The demo ends by itself if the test is killed. */
const BOUND = ['--seconds', '60'];

const STEPS = ['waiting', 'answer', 'nat-address', 'connect', 'established'];

setPatience(t, PATIENCE_MS);

t.test('runs on loopback without rights', built, async (t) => {
  const demo = new DemoRun(t, '--seconds', '1');
  t.same(await demo.ended, [0, null]);
  t.same(
    demo.all('relay').map(({ id }) => id),
    ['relay-a', 'relay-b'],
  );
  for (const side of ['A', 'B']) {
    const steps = demo.events.filter((event) => 'peer' in event && event.peer === side);
    const names = steps.map(({ event }) => event).filter((name) => name !== 'waiting');
    t.same(names, STEPS.slice(1), `the steps of ${side}`);
  }
  t.equal(demo.all('traffic').length, 1);
  const [summary] = demo.all('summary');
  t.ok((summary?.aToB.receivedPackets ?? 0) > 100);
  t.ok((summary?.bToA.receivedPackets ?? 0) > 100);
});

t.test('ends when its standard output is closed', built, async (t) => {
  const demo = new DemoRun(t, ...BOUND);
  await demo.until('established');
  demo.child.stdout?.destroy();
  t.same(await demo.ended, [0, null]);
});

t.test('runs behind NATs and removes its namespaces on SIGINT', lab, async (t) => {
  const demo = new DemoRun(t, '--nat', 'symmetric', ...BOUND);
  await demo.until('traffic');
  t.equal(demo.namespaces.length, 8, 'five hosts, two NATs, the internet');
  const addresses = demo.all('nat-address').map(({ address }) => address.split(':')[0]);
  t.same(addresses.sort(), ['203.0.113.10', '203.0.113.11']);
  demo.child.kill('SIGINT');
  t.same(await demo.ended, [0, null]);
  t.equal(demo.all('summary').length, 1);
  t.same(demo.namespaces, []);
});

t.test('ends without a failure on SIGTERM before it is connected', lab, async (t) => {
  const demo = new DemoRun(t, '--nat', 'symmetric', ...BOUND);
  await demo.until('directory');
  demo.child.kill('SIGTERM');
  t.same(await demo.ended, [0, null]);
  t.same(demo.all('failed'), []);
  t.same(demo.namespaces, []);
});

t.test('leaves no namespace and no process after SIGKILL', lab, async (t) => {
  const demo = new DemoRun(t, '--nat', 'full-cone', ...BOUND);
  await demo.until('traffic');
  const pids = ['directory', 'relay-a', 'relay-b', 'peer-a', 'peer-b'].flatMap((host) =>
    demo.pidsIn(host),
  );
  t.equal(pids.length, 5);
  demo.child.kill('SIGKILL');
  await demo.ended;
  while (demo.namespaces.length > 0 || pids.some(isRunning)) await sleep(10);
  t.strictSame([demo.namespaces, pids.filter(isRunning)], [[], []]);
});

t.test('fails with the name of the step when a relay dies', lab, async (t) => {
  const demo = new DemoRun(t, '--nat', 'port-restricted', ...BOUND);
  await demo.until('traffic');
  for (const pid of demo.pidsIn('relay-a')) process.kill(pid, 'SIGKILL');
  const [code] = await demo.ended;
  t.equal(code, 1);
  t.match(demo.all('failed'), [{ step: 'Traffic' }]);
  t.same(demo.namespaces, []);
});

t.test('--nat fails for an ordinary user with a message that names root', lab, async (t) => {
  const output = execFileSync(process.execPath, ['--import', 'tsx', AS_NOBODY], {
    encoding: 'utf8',
  });
  t.match(JSON.parse(output), { code: 'ERR_TURNPIKE_PRIVILEGE', message: /root/ });
  t.ok(labSupport().ok, 'this process has the rights');
});
