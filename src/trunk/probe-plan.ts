import { LIMITS } from '../limits.js';
import type { ProbeTarget } from './probe-target.js';

/**
 * `live`: the way in use to a relay that shares connections, and a further port that is overdue.
 * `live-size`: its size. `live-lane`: its further ports. `urgent`: what is overdue or new, a relay
 * that connections are expected with, and a search for the size. `primary`: the way in use to any
 * other relay. `secondary`: all the rest.
 */
export type ProbeClass = 'live' | 'live-size' | 'live-lane' | 'urgent' | 'primary' | 'secondary';

/** Shortest time between two probes of one target, in milliseconds. */
const INTERVAL_MS: Record<ProbeClass, number> = {
  live: LIMITS.probeIntervalMs,
  'live-size': LIMITS.probeIdleIntervalMs,
  'live-lane': LIMITS.probeLaneIntervalMs,
  urgent: LIMITS.probeUrgentIntervalMs,
  primary: LIMITS.probeIdleIntervalMs,
  secondary: LIMITS.probeSecondaryIntervalMs,
};

/** Whether a relay shares connections, or is expected to, as a peer asked for one. */
export type Interest = 'none' | 'expected' | 'shared';

/** What is to be known of a target to say how often it is asked. */
export interface TargetView {
  readonly target: ProbeTarget;
  readonly kind: 'main' | 'lane' | 'size';
  /** Whether its way is the one in use. */
  readonly isInUse: boolean;
  readonly interest: Interest;
  /** Whether the way in use to its relay does not answer as it should. */
  readonly isNeeded: boolean;
  /** Whether its way is answered from the trunk address. */
  readonly isAnswered: boolean;
  /** `size` only: whether a search goes on. */
  readonly isSearching: boolean;
}

/** Which class a target belongs to at present. */
export function classOf({ target, kind, ...view }: TargetView): ProbeClass {
  const { isInUse, interest, isNeeded, isAnswered, isSearching } = view;
  const isShared = interest === 'shared';
  const { standing } = target;
  if (kind === 'main') {
    if (isInUse && isShared) return 'live';
    const isSettled = standing === 'answered' || standing === 'dead';
    const isWanted = isInUse ? interest === 'expected' : isNeeded;
    if (!isSettled || isWanted) return 'urgent';
    return isInUse ? 'primary' : 'secondary';
  }
  if (!isInUse || !isAnswered) return 'secondary';
  if (kind === 'size') {
    if (isSearching) return 'urgent';
    return isShared ? 'live-size' : 'secondary';
  }
  if (isShared) return standing === 'suspect' ? 'live' : 'live-lane';
  return standing === 'answered' || standing === 'dead' ? 'secondary' : 'urgent';
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
    ...due('live-lane', LIMITS.probeLanesAtOnce),
    ...urgent,
    ...primary.slice(0, first - urgent.length),
    ...due('secondary', Math.floor(tokens.secondary)),
  ];
}
