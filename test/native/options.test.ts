import { readdirSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import t from 'tap';
import { isTurnpikeError } from '../../src/errors.js';
import { openDataPlane } from '../../src/native/index.js';
import { DATA_PLANE_LIMITS as limits } from '../../src/native/interface.js';
import { Remote, TestPlane, V4 } from './planes.js';

/** Opens a plane with an option. @returns the message of the error; undefined if it opens */
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

/** Returns values that are not whole numbers from `min` to `max`. */
const outside = (min: number, max: number) => [min - 1, max + 1, min + 0.5, Number.NaN, '1', null];

const range = (min: number, max: number) => `expected a whole number from ${min} to ${max}, got `;
const cpus = range(0, limits.cpusMax - 1);

/** Options, each with the message after its name and the refused values. */
const BAD: readonly (readonly [option: string, message: string, values: readonly unknown[]])[] = [
  ['coalescingUs`', range(0, limits.coalescingUsMax), outside(0, limits.coalescingUsMax)],
  ['busyPollUs`', range(0, limits.busyPollUsMax), outside(0, limits.busyPollUsMax)],
  [
    'trunkMtuBytes`',
    range(limits.trunkMtuBytesMin, limits.datagramBytesMax),
    outside(limits.trunkMtuBytesMin, limits.datagramBytesMax),
  ],
  [
    'closedIndicationsPerSecond`',
    range(0, limits.closedIndicationsPerSecondMax),
    outside(0, limits.closedIndicationsPerSecondMax),
  ],
  ['workers`', range(1, limits.workersMax), outside(1, limits.workersMax)],
  ['clientFlowsMax`', range(1, limits.clientFlowsLimit), outside(1, limits.clientFlowsLimit)],
  ['sessionsMax`', range(1, limits.sessionsLimit), outside(1, limits.sessionsLimit)],
  ['remoteRelaysMax`', range(1, limits.remoteRelaysLimit), outside(1, limits.remoteRelaysLimit)],
  [
    'puntQueueBytes`',
    range(limits.puntQueueBytesMin, limits.puntQueueBytesLimit),
    outside(limits.puntQueueBytesMin, limits.puntQueueBytesLimit),
  ],
  ['cpus`', cpus, ['0', null, { 0: 0 }, new Set([0]), -1]],
  ['cpus[1]`', cpus, outside(0, limits.cpusMax - 1).map((cpu) => [0, cpu])],
  ['cpus[1]`', cpus, [Object.assign([0], { length: 2 })]],
  ['xdp`', 'expected an object of options, got ', [null, true, 'lo', ['lo']]],
  ['xdp.interface`', 'did you mean `xdp.interfaces`?', [{ interface: 'lo' }]],
  ['xdp.interfaces`', '', [{}, { generic: true }, { interfaces: [] }, { interfaces: undefined }]],
  [
    'xdp.interfaces`',
    'expected the name of a network device, got ',
    [null, '', 'eth 0', 'eth0/1', 'a-name-too-long-x', 1].map((interfaces) => ({ interfaces })),
  ],
  ['xdp.interfaces[0]`', 'expected the name of a network device', [{ interfaces: [1] }]],
  ['xdp.interfaces`', 'expected each device once', [{ interfaces: ['a', 'a'] }]],
  [
    'xdp.generic`',
    'expected true or false, got ',
    ['true', 1, 0, null, {}].map((generic) => ({ interfaces: ['lo'], generic })),
  ],
  [
    'xdp.strict`',
    'expected true or false, got ',
    ['true', 1, 0, null, {}].map((strict) => ({ interfaces: ['lo'], strict })),
  ],
];

t.test('an invalid value is refused with the name and the range of its option', async (t) => {
  for (const [option, message, values] of BAD) {
    for (const value of values) {
      const [name = ''] = option.split(/[.`[]/);
      const said = refusal(name, value);
      t.ok(said?.includes(`\`${option}`) && said.includes(message), `${inspect(value)}: ${said}`);
    }
  }
});

/** Returns the CPUs that a thread of this process may run on, in the kernel's form: `0-3,8`. */
function allowedCpus(thread: string): string {
  const status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
  return /^Cpus_allowed_list:\t(.*)$/m.exec(status)?.[1] ?? '';
}

const nameOf = (thread: string) => readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim();

t.test(
  'a plane opens with the smallest and the largest values, and its thread runs on the given CPU',
  async (t) => {
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
    t.strictSame(unset.plane.xdp, {
      mode: 'off',
      interfaces: [],
      attached: [],
      leftOut: [],
      passedBy: [],
      farEnds: [],
    });
    await unset.plane.close();
  },
);

t.test('a CPU that this machine lacks is named in the error', async (t) => {
  const cpu = limits.cpusMax - 1;
  t.throws(() => new TestPlane({ cpus: [cpu] }), {
    message: new RegExp(`cannot pin a thread to CPU ${cpu}`),
  });
});
