import { LIMITS } from '../limits.js';
import type { OptionSpec } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import type { DataPlaneOptions } from './types.js';

/** The specs of `DataPlaneOptions`: every member stands here. */
export const DATA_PLANE_SPECS = {
  clientAddresses: { ...SPECS.addresses, required: true },
  trunkAddresses: { ...SPECS.addresses, itemsMin: 0 },
  workers: SPECS.workers,
  clientFlowsMax: {
    kind: 'integer',
    minimum: 1,
    maximum: LIMITS.clientFlowsLimit,
    default: LIMITS.clientFlowsMax,
  },
  sessionsMax: {
    kind: 'integer',
    minimum: 1,
    maximum: LIMITS.sessionsLimit,
    default: LIMITS.sessionsMax,
  },
  trunkPeersMax: {
    kind: 'integer',
    minimum: 1,
    maximum: LIMITS.trunkPeersLimit,
    default: LIMITS.relaysMax,
  },
  puntQueueBytes: {
    kind: 'integer',
    minimum: LIMITS.puntQueueBytesMin,
    maximum: LIMITS.puntQueueBytesLimit,
    default: LIMITS.puntQueueBytes,
  },
  socketBufferBytes: {
    kind: 'integer',
    minimum: 1,
    maximum: 2 ** 31 - 1,
    default: LIMITS.socketBufferBytes,
  },
  trunkMtuBytes: SPECS.trunkMtuBytes,
  coalescingUs: SPECS.coalescingUs,
  busyPollUs: SPECS.busyPollUs,
  closedIndicationsPerSecond: {
    kind: 'integer',
    minimum: 0,
    maximum: LIMITS.closedIndicationsPerSecondMax,
    default: 0,
  },
  cpus: SPECS.cpus,
  xdp: {
    kind: 'options',
    options: {
      interfaces: { ...SPECS.xdpInterfaces, required: true },
      generic: { kind: 'boolean', default: false },
      strict: { kind: 'boolean', default: false },
    },
  },
  onBatch: { kind: 'function', required: true },
} as const satisfies Record<keyof DataPlaneOptions, OptionSpec>;
