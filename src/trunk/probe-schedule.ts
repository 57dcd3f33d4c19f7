import type { ProbeTarget } from './probe-target.js';

/** Probe interval of the path in use to a relay with common connections. */
export const PROBE_INTERVAL_MS = 100;
/** Probe interval of a worker's own source port toward such a relay. */
export const PROBE_LANE_INTERVAL_MS = 2_000;
/**
 * Maximum probes from workers' source ports in one tick: of known ports, and as many of new ones.
 */
export const PROBE_LANES_AT_ONCE_MAX = 64;
/** Probe interval of the path in use to a relay without common connections. */
export const PROBE_IDLE_INTERVAL_MS = 1_000;
/** Probe interval of overdue or new targets, within the budget. */
export const PROBE_URGENT_INTERVAL_MS = 250;
/** Probe interval of paths that are not in use, within the budget. */
export const PROBE_SECONDARY_INTERVAL_MS = 5_000;

/**
 * Class of a probe target.
 *
 * For relays with common connections, outside the budget: `live`: the path in use, and a worker's
 * port whose reply is overdue. `live-size`: its path MTU. `live-new`: an MTU search, and new ports.
 * `live-lane`: other ports.
 *
 * Within the budget: `urgent`: overdue or new paths, and a relay with which connections are
 * expected. `detail`: the same for ports, and an MTU search. `primary`: the path in use to another
 * relay. `secondary`: everything else.
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

/** Minimum interval of two probes of one target, ms. */
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

/** Whether connections with a relay exist, or are expected because a peer has asked for one. */
export type Interest = 'none' | 'expected' | 'shared';

/** State of a target that determines its class. */
export interface TargetView {
  readonly target: ProbeTarget;
  readonly kind: 'main' | 'lane' | 'size';
  /** Whether its path is the one in use. */
  readonly isInUse: boolean;
  readonly interest: Interest;
  /** Whether the path in use to its relay is not answered. */
  readonly isNeeded: boolean;
  /** Whether its path is answered on the trunk port. */
  readonly isAnswered: boolean;
  /** Only for `size`: whether a search is under way. */
  readonly isSearching: boolean;
}

/** Returns the class of a target. */
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

/** Targets by class, each in order of the last probe. */
export type ProbeQueues<T extends { readonly askedAt: number }> = Record<ProbeClass, Iterable<T>>;

/** Probes that the budget allows now. */
export interface ProbeTokens {
  /** While `primary` or `detail` targets are due, `urgent` gets two thirds at most. */
  readonly first: number;
  readonly secondary: number;
}

/**
 * Chooses the targets to probe now. Targets with connections are probed on time. All others share a
 * budget, so that the cost does not depend on the size of the registry. Within a class the least
 * recently probed target comes first.
 * @param queues - all targets, by class
 * @param now - monotonic ms
 * @param tokens - probes that the budget allows
 * @returns the chosen targets with their classes
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
