import type { OptionSpec, OptionSpecs } from '../options/option-spec.js';
import { DATA_PLANE_LIMITS } from './interface.js';
import type { DataPlaneOptions } from './types.js';

const {
  workersMax,
  addressesPerSideMax,
  relayedIpsMax,
  cpusMax,
  clientFlowsLimit,
  sessionsLimit,
  remoteRelaysLimit,
  puntQueueBytesMin,
  puntQueueBytesLimit,
  trunkMtuBytesMin,
  datagramBytesMax,
  coalescingUsMax,
  busyPollUsMax,
  closedIndicationsPerSecondMax,
} = DATA_PLANE_LIMITS;

/** Maximum of the default number of worker threads, which is one for each CPU. */
export const WORKERS_DEFAULT_MAX = 4;
/** Default size of the table of client flows of each worker. */
export const CLIENT_FLOWS_DEFAULT = 262_144;
/** Default size of the table of other relays. */
export const REMOTE_RELAYS_DEFAULT = 1_024;
/** Default size of the table of sessions. */
export const SESSIONS_DEFAULT = 262_144;
/** Largest rate of a bucket of bandwidth, in bytes per second. */
export const BANDWIDTH_MAX = 100_000_000_000;
/** Default size of a worker's queue of punted datagrams, in bytes. */
export const PUNT_QUEUE_DEFAULT_BYTES = 1_048_576;
/** Default size of a socket's receive buffer and send buffer, in bytes; the kernel limits it. */
export const SOCKET_BUFFER_DEFAULT_BYTES = 4_194_304;
/** Default of the maximum UDP payload of a bundled trunk datagram, in bytes. */
export const TRUNK_MTU_DEFAULT_BYTES = 1_452;
/** Default of the maximum batching delay of a loaded worker, in microseconds. */
export const COALESCING_DEFAULT_US = 50;

/** Specs of data plane options that a relay and the command line also take. */
export const FORWARDING_SPECS = {
  addresses: { kind: 'address', repeat: true, itemsMin: 1, itemsMax: addressesPerSideMax },
  workers: {
    kind: 'integer',
    minimum: 1,
    maximum: workersMax,
    description: 'number of forwarding threads',
    defaultText: `one per CPU, up to ${WORKERS_DEFAULT_MAX}`,
  },
  trunkMtuBytes: {
    kind: 'integer',
    minimum: trunkMtuBytesMin,
    maximum: datagramBytesMax,
    default: TRUNK_MTU_DEFAULT_BYTES,
    description: 'maximum UDP payload of a trunk datagram that bundles records, in bytes',
    placeholder: 'BYTES',
  },
  coalescingUs: {
    kind: 'integer',
    minimum: 0,
    maximum: coalescingUsMax,
    default: COALESCING_DEFAULT_US,
    description: 'maximum batching delay in µs, only under load; 0: none',
    placeholder: 'US',
  },
  busyPollUs: {
    kind: 'integer',
    minimum: 0,
    maximum: busyPollUsMax,
    default: 0,
    description: 'time that a thread polls its sockets before it sleeps, in µs; costs CPU time',
    placeholder: 'US',
    defaultText: 'off',
  },
  cpus: {
    kind: 'integer',
    minimum: 0,
    maximum: cpusMax - 1,
    repeat: true,
    description: 'CPU to pin a forwarding thread to, one option for each thread',
    placeholder: 'CPU',
    defaultText: "the scheduler's choice",
  },
  steering: {
    kind: 'choice',
    choices: ['auto', 'off'],
    default: 'auto',
    description:
      'auto: each thread receives for all relayed ports by one socket (BPF), where the rights ' +
      'allow it',
  },
  /** A device name as Linux allows it: at most 15 characters, without white space and slashes. */
  xdpInterfaces: {
    kind: 'text',
    pattern: '^[^\\s/]+$',
    lengthMin: 1,
    lengthMax: 15,
    repeat: true,
    words: 'the name of a network device',
    description: 'network device in whose driver to forward (XDP), one option for each device',
    placeholder: 'DEVICE',
    defaultText: 'none',
  },
} as const satisfies OptionSpecs;

/** The specs of all members of `DataPlaneOptions`. */
export const DATA_PLANE_SPECS = {
  clientAddresses: { ...FORWARDING_SPECS.addresses, required: true },
  trunkAddresses: { ...FORWARDING_SPECS.addresses, itemsMin: 0 },
  relayedAddresses: {
    kind: 'options',
    repeat: true,
    itemsMax: relayedIpsMax,
    options: { address: { kind: 'ip', required: true }, advertised: { kind: 'ip' } },
  },
  steering: FORWARDING_SPECS.steering,
  workers: FORWARDING_SPECS.workers,
  clientFlowsMax: {
    kind: 'integer',
    minimum: 1,
    maximum: clientFlowsLimit,
    default: CLIENT_FLOWS_DEFAULT,
  },
  sessionsMax: {
    kind: 'integer',
    minimum: 1,
    maximum: sessionsLimit,
    default: SESSIONS_DEFAULT,
  },
  remoteRelaysMax: {
    kind: 'integer',
    minimum: 1,
    maximum: remoteRelaysLimit,
    default: REMOTE_RELAYS_DEFAULT,
  },
  puntQueueBytes: {
    kind: 'integer',
    minimum: puntQueueBytesMin,
    maximum: puntQueueBytesLimit,
    default: PUNT_QUEUE_DEFAULT_BYTES,
  },
  socketBufferBytes: {
    kind: 'integer',
    minimum: 1,
    maximum: 2 ** 31 - 1,
    default: SOCKET_BUFFER_DEFAULT_BYTES,
  },
  trunkMtuBytes: FORWARDING_SPECS.trunkMtuBytes,
  coalescingUs: FORWARDING_SPECS.coalescingUs,
  busyPollUs: FORWARDING_SPECS.busyPollUs,
  closedIndicationsPerSecond: {
    kind: 'integer',
    minimum: 0,
    maximum: closedIndicationsPerSecondMax,
    default: 0,
  },
  cpus: FORWARDING_SPECS.cpus,
  xdp: {
    kind: 'options',
    options: {
      interfaces: { ...FORWARDING_SPECS.xdpInterfaces, required: true },
      generic: { kind: 'boolean', default: false },
      strict: { kind: 'boolean', default: false },
    },
  },
  onBatch: { kind: 'function', required: true },
} as const satisfies Record<keyof DataPlaneOptions, OptionSpec>;
