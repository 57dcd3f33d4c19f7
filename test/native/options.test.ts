import { readdirSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import t from 'tap';
import { isTurnpikeError } from '../../src/errors.js';
import { openDataPlane } from '../../src/native/index.js';
import { loadBinding } from '../../src/native/load.js';
import { Remote, TestPlane, V4 } from './planes.js';

const { limits } = loadBinding();

/** What a plane says of a value that a caller from JavaScript may give; undefined if it opens. */
function refusal(option: string, value: unknown): string | undefined {
  const base = { clientAddresses: [V4], trunkAddresses: [V4], onBatch: () => {} };
  try {
    openDataPlane({ ...base, [option]: value }).close();
  } catch (error) {
    if (!isTurnpikeError(error, 'ERR_TURNPIKE_CONFIG')) throw error;
    return error.message;
  }
  return undefined;
}

/** Values that no whole number from `min` to `max` is. */
const outside = (min: number, max: number) => [min - 1, max + 1, min + 0.5, Number.NaN, '1', null];

const xdp = (interfaces: unknown) => ({ interfaces });
const deviceNames = 'xdp.interfaces must list names of network devices, one or more, each once';

/** The option, the range in the message, and what is refused. */
const BAD: readonly (readonly [option: string, message: string, values: readonly unknown[]])[] = [
  [
    'coalescingUs',
    `coalescingUs must be a whole number from 0 to ${limits.coalescingUsMax}, not `,
    outside(0, limits.coalescingUsMax),
  ],
  [
    'busyPollUs',
    `busyPollUs must be a whole number from 0 to ${limits.busyPollUsMax}, not `,
    outside(0, limits.busyPollUsMax),
  ],
  [
    'closedHintsPerSecond',
    `closedHintsPerSecond must be a whole number from 0 to ${limits.closedHintsPerSecondMax}, not `,
    outside(0, limits.closedHintsPerSecondMax),
  ],
  [
    'trunkMtuBytes',
    `trunkMtuBytes must be a whole number from ${limits.trunkMtuBytesMin} to ` +
      `${limits.datagramBytesMax}, not `,
    outside(limits.trunkMtuBytesMin, limits.datagramBytesMax),
  ],
  [
    'cpus',
    `cpus must list CPU numbers from 0 to ${limits.cpusMax - 1}`,
    [0, '0', null, { 0: 0 }, new Set([0])],
  ],
  [
    'cpus',
    `cpus[1] must be a whole number from 0 to ${limits.cpusMax - 1}, not `,
    [...outside(0, limits.cpusMax - 1).map((cpu) => [0, cpu]), Object.assign([0], { length: 2 })],
  ],
  [
    'xdp',
    deviceNames,
    [
      ...[{}, null, true, 'lo', ['lo'], { interface: 'lo' }, { generic: true }],
      ...[undefined, null, 'lo', [], [''], ['eth 0'], ['eth0/1'], ['a-name-too-long-x']].map(xdp),
      ...[[1], [null], ['a', 'a'], Object.assign(['a'], { length: 2 })].map(xdp),
    ],
  ],
  [
    'xdp',
    'xdp.generic must be true or false, not ',
    ['true', 1, 0, null, {}].map((generic) => ({ interfaces: ['lo'], generic })),
  ],
];

t.test('a bad value is refused with the name and the range of its option', async (t) => {
  for (const [option, message, values] of BAD) {
    for (const value of values) {
      const start = `openDataPlane: ${message}`;
      t.equal(refusal(option, value)?.slice(0, start.length), start, inspect(value));
    }
  }
});

/** The CPUs that a thread of this process may run on, as the kernel lists them: `0-3,8`. */
function allowedCpus(thread: string): string {
  const status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
  return /^Cpus_allowed_list:\t(.*)$/m.exec(status)?.[1] ?? '';
}

const nameOf = (thread: string) => readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim();

t.test('a plane opens with good values, and forwards by them', async (t) => {
  const cpu = Number.parseInt(allowedCpus(String(process.pid)), 10);
  const least = { coalescingUs: 0, busyPollUs: 0, trunkMtuBytes: limits.trunkMtuBytesMin };
  const most = {
    coalescingUs: limits.coalescingUsMax,
    busyPollUs: limits.busyPollUsMax,
    trunkMtuBytes: limits.datagramBytesMax,
  };
  for (const options of [least, most]) {
    const relay = new TestPlane({ ...options, cpus: [cpu], xdp: { interfaces: ['none'] } });
    const remote = await Remote.open();
    await relay.meet(remote);
    const workers = readdirSync('/proc/self/task').filter((id) => nameOf(id) === 'turnpike-0');
    t.strictSame(workers.map(allowedCpus), [String(cpu)]);
    t.strictSame(relay.plane.xdp.interfaces, ['none']);
    await relay.plane.close();
    remote.close();
  }
  const unset = new TestPlane({ cpus: [] });
  t.strictSame(unset.plane.xdp, { mode: 'off', interfaces: [], attached: [] });
  await unset.plane.close();
});

t.test('a CPU that this machine lacks is named', async (t) => {
  const cpu = limits.cpusMax - 1;
  t.throws(() => new TestPlane({ cpus: [cpu] }), {
    message: new RegExp(`cannot pin a thread to CPU ${cpu}`),
  });
});
