import type { ProbeTarget } from './probe-target.js';

/** Probe interval of the path in use to a relay that shares connections. */
export const PROBE_INTERVAL_MS = 100;
/** Probe interval of one of our further source ports to such a relay. */
export const PROBE_LANE_INTERVAL_MS = 2_000;
/** Probes from further source ports in one tick: known ones, and as many new ones. */
export const PROBE_LANES_AT_ONCE_MAX = 64;
/** Probe interval of the path in use to a relay that shares no connections. */
export const PROBE_IDLE_INTERVAL_MS = 1_000;
/** Probe interval of what is overdue or new, within the budget. */
export const PROBE_URGENT_INTERVAL_MS = 250;
/** Probe interval of paths that are not in use, within the budget. */
export const PROBE_SECONDARY_INTERVAL_MS = 5_000;

/**
 * Outside of the budget, for relays that share connections: `live`: the path in use, and a further
 * port that is overdue. `live-size`: the size. `live-new`: a search for it, and new further ports.
 * `live-lane`: the other further ports.
 *
 * Within the budget: `urgent`: what is overdue or new, and a relay that connections are expected
 * with. `detail`: the same of further ports, and a search for the size. `primary`: the path in use
 * to any other relay. `secondary`: all the rest.
 */
export type ProbeClass =
  | 'live'
  | 'live-size'
  | 'live-new'
  | 'live-lane'
  | 'urgent'
  | 'detail'
  | 'primary'
  | 'secondary';

/** Shortest time between two probes of one target, in milliseconds. */
const INTERVAL_MS: Record<ProbeClass, number> = {
  live: PROBE_INTERVAL_MS,
  'live-size': PROBE_IDLE_INTERVAL_MS,
  'live-new': PROBE_URGENT_INTERVAL_MS,
  'live-lane': PROBE_LANE_INTERVAL_MS,
  urgent: PROBE_URGENT_INTERVAL_MS,
  detail: PROBE_URGENT_INTERVAL_MS,
  primary: PROBE_IDLE_INTERVAL_MS,
  secondary: PROBE_SECONDARY_INTERVAL_MS,
};

/** Whether a relay shares connections, or is expected to, as a peer asked for one. */
export type Interest = 'none' | 'expected' | 'shared';

/** What is to be known of a target to say how often it is asked. */
export interface TargetView {
  readonly target: ProbeTarget;
  readonly kind: 'main' | 'lane' | 'size';
  /** Whether its path is the one in use. */
  readonly isInUse: boolean;
  readonly interest: Interest;
  /** Whether the path in use to its relay does not answer as it should. */
  readonly isNeeded: boolean;
  /** Whether its path is answered from the trunk address. */
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
    if (isShared) return isSearching ? 'live-new' : 'live-size';
    return isSearching ? 'detail' : 'secondary';
  }
  if (isShared) {
    if (standing === 'suspect') return 'live';
    return standing === 'unmeasured' ? 'live-new' : 'live-lane';
  }
  return standing === 'answered' || standing === 'dead' ? 'secondary' : 'detail';
}

/** Targets by class, each class in the order in which they were asked. */
export type ProbeQueues<T extends { readonly askedAt: number }> = Record<ProbeClass, Iterable<T>>;

/** Datagrams that may be sent now for relays that share nothing. */
export interface ProbeTokens {
  /** At most two thirds are for the urgent while others are due; those share the rest. */
  readonly first: number;
  readonly secondary: number;
}

/**
 * Decides whom to probe now, and by which path. What carries connections is asked on time; the rest
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
  const details = due('detail', first);
  const kept = Math.min(primary.length + details.length, Math.floor(first / 3));
  const urgent = due('urgent', first - kept);
  const left = first - urgent.length;
  const detailsTaken = details.slice(0, left - Math.min(primary.length, Math.ceil(left / 2)));
  return [
    ...due('live', Number.POSITIVE_INFINITY),
    ...due('live-size', Number.POSITIVE_INFINITY),
    ...due('live-new', PROBE_LANES_AT_ONCE_MAX),
    ...due('live-lane', PROBE_LANES_AT_ONCE_MAX),
    ...urgent,
    ...detailsTaken,
    ...primary.slice(0, left - detailsTaken.length),
    ...due('secondary', Math.floor(tokens.secondary)),
  ];
}
