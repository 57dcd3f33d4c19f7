import { LIMITS } from '../limits.js';
import type { OptionForm } from '../options/form.js';
import { FORMS } from '../options/forms.js';
import type { DataPlaneOptions } from './types.js';

/** The forms of `DataPlaneOptions`: every member stands here. */
export const DATA_PLANE_FORMS = {
  clientAddresses: { ...FORMS.addresses, required: true },
  trunkAddresses: { ...FORMS.addresses, itemsMin: 0 },
  workers: FORMS.workers,
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
  trunkMtuBytes: FORMS.trunkMtuBytes,
  coalescingUs: FORMS.coalescingUs,
  busyPollUs: FORMS.busyPollUs,
  closedHintsPerSecond: {
    kind: 'integer',
    minimum: 0,
    maximum: LIMITS.closedHintsPerSecondMax,
    default: 0,
  },
  cpus: FORMS.cpus,
  xdp: {
    kind: 'options',
    options: {
      interfaces: { ...FORMS.xdpInterfaces, required: true },
      generic: { kind: 'boolean', default: false },
      strict: { kind: 'boolean', default: false },
    },
  },
  onBatch: { kind: 'function', required: true },
} as const satisfies Record<keyof DataPlaneOptions, OptionForm>;
