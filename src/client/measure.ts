import { randomBytes } from 'node:crypto';
import {
  type AddressFamily,
  type AddressInput,
  familyOf,
  type TransportAddress,
} from '../address.js';
import { asTurnpikeError, TurnpikeError } from '../errors.js';
import { checkOptions } from '../options/check.js';
import type { Checked } from '../options/option-spec.js';
import type { RandomBytes } from '../random.js';
import type { RelayCandidate } from './directory-client.js';
import type { DirectoryAccess } from './directory-problem.js';
import { MEASURE_SPECS } from './option-specs.js';
import { aborted } from './peer-errors.js';
import { relayCandidates } from './relay-candidates.js';
import { type PingProgress, type PingResult, pingAddresses } from './relay-pings.js';
import { jitterOf, medianOf } from './sample-statistics.js';
import { type Scheduler, systemScheduler } from './scheduler.js';
import { usableFamilies } from './usable-families.js';

/** Options of `Peer.measure`: the access to a directory, or `candidates`. */
export interface MeasureOptions extends Partial<DirectoryAccess> {
  /** Relays to measure, from `DirectoryClient.listCandidates`, in place of a directory's. */
  readonly candidates?: readonly RelayCandidate[] | undefined;
  /** Address families to measure; default those in which this host has a route to the relays. */
  readonly families?: readonly AddressFamily[] | undefined;
  /** Measures relays of this region only. */
  readonly region?: string | undefined;
  /** Number of relays at most, 1 to 12; default 10, or all `candidates`. */
  readonly relays?: number | undefined;
  /** Local address, of which the IP address counts; default any. */
  readonly bind?: AddressInput | undefined;
  /** Pings to each address, 1 to 1,000; default 3. */
  readonly count?: number | undefined;
  /** Time for the pings and their answers, ms; default 300. The directory's answer has its own. */
  readonly timeoutMs?: number | undefined;
  /** Aborts `Peer.measure`. */
  readonly signal?: AbortSignal | undefined;
  /** Called at each ping and each answer. */
  readonly onProgress?: ((progress: PingProgress) => void) | undefined;
  readonly scheduler?: Scheduler | undefined;
  readonly random?: RandomBytes | undefined;
}

/** What was measured of one address of a relay. */
export interface RelayMeasurement {
  readonly id: string;
  readonly region: string;
  readonly address: TransportAddress;
  readonly answered: boolean;
  /** Least and median round trip, ms; undefined without an answer. */
  readonly rttMs: number | undefined;
  readonly medianMs: number | undefined;
  /** Mean absolute difference of successive round trips, ms; undefined without an answer. */
  readonly jitterMs: number | undefined;
  /** Pings that were answered or are overdue, and the overdue ones of them. */
  readonly sent: number;
  readonly lost: number;
}

/** What a peer measured of some relays. */
export interface Measurement {
  /** The nearest first; without an answer last. */
  readonly relays: readonly RelayMeasurement[];
  /** Least round trip by region, ms: for the hint `latencies`. Empty if nothing was answered. */
  readonly latencies: Readonly<Record<string, number>>;
}

/** Measures relays; see `Peer.measure`. */
export async function measure(given: MeasureOptions): Promise<Measurement> {
  try {
    const specs = MEASURE_SPECS;
    return await measured(checkOptions<MeasureOptions, typeof specs>('Peer.measure', specs, given));
  } catch (error) {
    throw asTurnpikeError('Peer.measure', error);
  }
}

async function measured(
  options: Checked<MeasureOptions, typeof MEASURE_SPECS>,
): Promise<Measurement> {
  const { signal, count, timeoutMs, onProgress, relays } = options;
  const { scheduler = systemScheduler, random = randomBytes } = options;
  if (signal?.aborted) throw aborted(signal);
  const access = accessOf(options);
  const from = options.bind?.address;
  const own = options.bind === undefined ? undefined : [familyOf(options.bind)];
  const families = options.families ?? own;
  const { region, candidates = [] } = options;
  const peer = { ...(families && { families }), ...(region !== undefined && { region }) };
  const wish = { peer, relays, signal, scheduler, random };
  const found = access === undefined ? candidates : await relayCandidates({ access, ...wish });
  const chosen = found.filter((each) => region === undefined || each.region === region);
  const results = await pingCandidates(chosen.slice(0, relays), {
    ...{ families, from, count, timeoutMs, signal, scheduler, random, onProgress },
  });
  if (signal?.aborted) throw aborted(signal);
  return results;
}

/** How to ping relays. */
export interface CandidatePings {
  /** Default those in which this host has a route to the relays. */
  readonly families?: readonly AddressFamily[] | undefined;
  readonly from?: string | undefined;
  readonly count: number;
  readonly timeoutMs: number;
  readonly isHasty?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PingProgress) => void) | undefined;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
}

/** Pings relays at their addresses of the usable families. Never rejects. */
export async function pingCandidates(
  candidates: readonly RelayCandidate[],
  options: CandidatePings,
): Promise<Measurement> {
  const all = candidates.flatMap(({ id, region, addresses }) =>
    addresses.map((address) => ({ id, region, address })),
  );
  const usable = options.families ?? (await usableFamilies(all.map(({ address }) => address)));
  // No family is one without any route as far as is known: then each is tried.
  const targets = all.filter(
    ({ address }) => usable.length === 0 || usable.includes(familyOf(address)),
  );
  const results = await pingAddresses(
    targets.map(({ address }) => address),
    options,
  );
  const relays = targets.map((target, at) => ({ ...target, ...described(results[at]) }));
  const far = Number.POSITIVE_INFINITY;
  relays.sort((one, other) => (one.rttMs ?? far) - (other.rttMs ?? far) || 0);
  // Of several relays of a region the nearest counts, which comes last.
  const latencies = Object.fromEntries(
    relays.flatMap(({ region, rttMs }) => (rttMs === undefined ? [] : [[region, rttMs]])).reverse(),
  );
  return { relays, latencies };
}

function described({ sent, roundTripsMs }: PingResult = { sent: 0, roundTripsMs: [] }) {
  const answered = roundTripsMs.length > 0;
  return {
    answered,
    rttMs: answered ? rounded(Math.min(...roundTripsMs)) : undefined,
    medianMs: answered ? rounded(medianOf(roundTripsMs)) : undefined,
    jitterMs: answered ? rounded(jitterOf(roundTripsMs)) : undefined,
    sent,
    lost: sent - roundTripsMs.length,
  };
}

/** Rounds to 0.01 ms. */
function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** Returns the access to the directory; undefined with `candidates`. */
function accessOf(
  options: Checked<MeasureOptions, typeof MEASURE_SPECS>,
): DirectoryAccess | undefined {
  const { candidates, directoryUrl, apiKey, ca } = options;
  if (candidates !== undefined) return undefined;
  if (directoryUrl !== undefined && apiKey !== undefined) return { directoryUrl, apiKey, ca };
  throw new TurnpikeError(
    'ERR_TURNPIKE_CONFIG',
    'Peer.measure: give directoryUrl and apiKey, or candidates of `listCandidates`',
  );
}
