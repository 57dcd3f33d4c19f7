import { availableParallelism } from 'node:os';
import type { TransportAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { NativeBinding } from './binding.js';
import type { DataPlaneOptions } from './types.js';

/** Options with every default filled in and every value checked. */
export interface CheckedOptions {
  readonly clientAddresses: readonly TransportAddress[];
  readonly trunkAddresses: readonly TransportAddress[];
  readonly workers: number;
  readonly clientFlowsMax: number;
  readonly sessionsMax: number;
  readonly trunkPeersMax: number;
  readonly puntQueueBytes: number;
  readonly socketBufferBytes: number;
  readonly trunkMtuBytes: number;
  readonly coalescingUs: number;
  readonly busyPollUs: number;
  readonly closedHintsPerSecond: number;
  readonly cpus: readonly number[];
  readonly xdpInterfaces: readonly string[];
  readonly xdpGeneric: boolean;
}

function fail(message: string): never {
  throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `openDataPlane: ${message}`);
}

function integer(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    fail(`${name} must be a whole number from ${min} to ${max}, not ${String(value)}`);
  }
  return value;
}

function addresses(name: string, list: readonly TransportAddress[], min: number, max: number) {
  if (!Array.isArray(list) || list.length < min || list.length > max) {
    fail(`${name} must list ${min} to ${max} addresses`);
  }
  return list;
}

function cpuNumbers(cpus: readonly number[], cpusMax: number): readonly number[] {
  if (!Array.isArray(cpus)) fail(`cpus must list CPU numbers from 0 to ${cpusMax - 1}`);
  // Not `map`, which passes over the holes of a list.
  return Array.from(cpus, (cpu, index) => integer(`cpus[${index}]`, cpu, 0, cpusMax - 1));
}

/** What `xdp` asks for. Something that names no device is a mistake, not a wish for none. */
function fastPath(
  xdp: DataPlaneOptions['xdp'],
): Pick<CheckedOptions, 'xdpInterfaces' | 'xdpGeneric'> {
  if (xdp === undefined) return { xdpInterfaces: [], xdpGeneric: false };
  // Whoever calls from JavaScript may give anything.
  const { interfaces, generic = false } = (xdp ?? {}) as Partial<typeof xdp>;
  if (!Array.isArray(interfaces) || interfaces.length === 0 || !areDeviceNames(interfaces)) {
    fail('xdp.interfaces must list names of network devices, one or more, each once');
  }
  if (typeof generic !== 'boolean') {
    fail(`xdp.generic must be true or false, not ${String(generic)}`);
  }
  return { xdpInterfaces: interfaces, xdpGeneric: generic };
}

/** Of the form that Linux gives them: no space, no slash, 15 characters at most. */
function areDeviceNames(list: readonly unknown[]): boolean {
  const isName = (name: unknown) => typeof name === 'string' && /^[^\s/]{1,15}$/.test(name);
  return [...list].every(isName) && new Set(list).size === list.length;
}

/**
 * Checks what `openDataPlane` was given.
 * @param options - as the caller gave them
 * @param limits - the addon's bounds
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG that names the option
 */
export function checkOptions(
  options: DataPlaneOptions,
  limits: NativeBinding['limits'],
): CheckedOptions {
  if (typeof options.onBatch !== 'function') fail('onBatch must be a function');
  const {
    workers = Math.min(LIMITS.workersDefaultMax, availableParallelism()),
    clientFlowsMax = LIMITS.clientFlowsMax,
    sessionsMax = LIMITS.sessionsMax,
    trunkPeersMax = LIMITS.relaysMax,
    puntQueueBytes = LIMITS.puntQueueBytes,
    socketBufferBytes = LIMITS.socketBufferBytes,
    trunkMtuBytes = LIMITS.trunkMtuBytes,
    coalescingUs = LIMITS.coalescingUs,
    busyPollUs = 0,
    closedHintsPerSecond = 0,
    cpus = [],
    xdp,
  } = options;
  const perSide = limits.addressesPerSideMax;
  return {
    clientAddresses: addresses('clientAddresses', options.clientAddresses, 1, perSide),
    trunkAddresses: addresses('trunkAddresses', options.trunkAddresses, 0, perSide),
    workers: integer('workers', workers, 1, limits.workersMax),
    clientFlowsMax: integer('clientFlowsMax', clientFlowsMax, 1, limits.clientFlowsMax),
    sessionsMax: integer('sessionsMax', sessionsMax, 1, limits.sessionsMax),
    trunkPeersMax: integer('trunkPeersMax', trunkPeersMax, 1, limits.trunkPeersMax),
    puntQueueBytes: integer(
      'puntQueueBytes',
      puntQueueBytes,
      limits.puntQueueBytesMin,
      limits.puntQueueBytesMax,
    ),
    socketBufferBytes: integer('socketBufferBytes', socketBufferBytes, 1, 2 ** 31 - 1),
    trunkMtuBytes: integer(
      'trunkMtuBytes',
      trunkMtuBytes,
      limits.trunkMtuBytesMin,
      limits.datagramBytesMax,
    ),
    coalescingUs: integer('coalescingUs', coalescingUs, 0, limits.coalescingUsMax),
    busyPollUs: integer('busyPollUs', busyPollUs, 0, limits.busyPollUsMax),
    closedHintsPerSecond: integer(
      'closedHintsPerSecond',
      closedHintsPerSecond,
      0,
      limits.closedHintsPerSecondMax,
    ),
    cpus: cpuNumbers(cpus, limits.cpusMax),
    ...fastPath(xdp),
  };
}
