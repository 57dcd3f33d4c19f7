import { LIMITS } from '../limits.js';
import type { ProbeTarget } from './probe-target.js';

/**
 * `live`: the way in use to a relay that shares connections. `live-size`: its size. `urgent`: what
 * is overdue or new, and a search for the size. `primary`: the way in use to any other relay.
 * `secondary`: all the rest.
 */
export type ProbeClass = 'live' | 'live-size' | 'urgent' | 'primary' | 'secondary';

/** Shortest time between two probes of one target, in milliseconds. */
const INTERVAL_MS: Record<ProbeClass, number> = {
  live: LIMITS.probeIntervalMs,
  'live-size': LIMITS.probeIdleIntervalMs,
  urgent: LIMITS.probeUrgentIntervalMs,
  primary: LIMITS.probeIdleIntervalMs,
  secondary: LIMITS.probeSecondaryIntervalMs,
};

/** What is to be known of a target to say how often it is asked. */
export interface TargetView {
  readonly target: ProbeTarget;
  readonly kind: 'main' | 'lane' | 'size';
  /** Whether its way is the one in use, and whether its relay shares connections. */
  readonly isInUse: boolean;
  readonly isBusy: boolean;
  /** Whether the way in use to its relay does not answer as it should. */
  readonly isNeeded: boolean;
  /** `size` only: whether a search goes on. */
  readonly isSearching: boolean;
}

/** Which class a target belongs to at present. */
export function classOf({ target, kind, ...view }: TargetView): ProbeClass {
  const { isInUse, isBusy, isNeeded, isSearching } = view;
  if (kind === 'main') {
    if (isInUse && isBusy) return 'live';
    const isSettled = target.standing === 'answered' || target.standing === 'dead';
    if (!isSettled || (isNeeded && !isInUse)) return 'urgent';
    return isInUse ? 'primary' : 'secondary';
  }
  if (kind === 'size') {
    if (isInUse && isSearching) return 'urgent';
    return isInUse && isBusy ? 'live-size' : 'secondary';
  }
  const isOpen = target.standing === 'suspect' || target.standing === 'failing';
  return isInUse && isOpen ? 'urgent' : 'secondary';
}

/** Targets by class, each class in the order in which they were asked. */
export type ProbeQueues<T extends { readonly askedAt: number }> = Record<ProbeClass, Iterable<T>>;

/** Datagrams that may be sent now for relays that share nothing. */
export interface ProbeTokens {
  /** Urgent and primary together; urgent gets at most two thirds while primary has something. */
  readonly first: number;
  readonly secondary: number;
}

/**
 * Decides whom to probe now, and by which way. What carries connections is asked on time; the rest
 * shares a budget, so that a registry of any size costs no more than that. Within a class the one
 * that was asked longest ago is first.
 * @param queues - every target, in its class
 * @param now - monotonic milliseconds
 * @param tokens - what the budget has
 * @returns those to be asked, with their classes
 */
export function chooseProbes<T extends { readonly askedAt: number }>(
  queues: ProbeQueues<T>,
  now: number,
  tokens: ProbeTokens,
): { readonly target: T; readonly of: ProbeClass }[] {
  const due = (of: ProbeClass, most: number) => {
    const chosen: { target: T; of: ProbeClass }[] = [];
    for (const target of queues[of]) {
      if (chosen.length >= most || now - target.askedAt < INTERVAL_MS[of]) break;
      chosen.push({ target, of });
    }
    return chosen;
  };
  const first = Math.floor(tokens.first);
  const primary = due('primary', first);
  const urgent = due('urgent', first - Math.min(primary.length, Math.floor(first / 3)));
  return [
    ...due('live', Number.POSITIVE_INFINITY),
    ...due('live-size', Number.POSITIVE_INFINITY),
    ...urgent,
    ...primary.slice(0, first - urgent.length),
    ...due('secondary', Math.floor(tokens.secondary)),
  ];
}
