import type { RelayPaths } from './paths.js';

/**
 * Why no path to a relay serves both directions. `no-answer`: it answers no probe. `not-heard`: it
 * answers, but reports that it gets no replies from here. `unlisted-source`: either of these, and
 * its datagrams come from a port that it has not registered. `no-common-family`: there is no common
 * trunk address family, which is not a fault.
 */
export type UnreachableReason = 'no-answer' | 'not-heard' | 'unlisted-source' | 'no-common-family';

/** The reasons that are faults. */
export type UnreachableFault = Exclude<UnreachableReason, 'no-common-family'>;

/** A relay that is unreachable due to a fault. */
export interface UnreachableRelay {
  readonly id: string;
  readonly reason: UnreachableFault;
}

/** Returns whether a reason is a fault. */
export function isFault(reason: UnreachableReason | undefined): reason is UnreachableFault {
  return reason !== undefined && reason !== 'no-common-family';
}

/**
 * Returns why a relay cannot be reached; undefined if it can, or is not measured yet. An old
 * version is judged by the path in use alone, because only that is probed (PROTOCOL.md section 4).
 * @param paths - all paths to the relay
 * @param at - `now`: monotonic ms; `isUnlisted`: whether it sends from an unregistered port
 */
export function unreachableReason(
  { all, inUse, probeSupport }: Pick<RelayPaths, 'all' | 'inUse' | 'probeSupport'>,
  { now, isUnlisted }: { readonly now: number; readonly isUnlisted: boolean },
): UnreachableReason | undefined {
  if (all.length === 0) return 'no-common-family';
  const judged = probeSupport.kind === 'plain' && inUse ? [inUse] : all;
  if (probeSupport.mayBeOld || !judged.every((path) => path.isLost(now))) return undefined;
  if (isUnlisted) return 'unlisted-source';
  return judged.some(({ main }) => main.isGood) ? 'not-heard' : 'no-answer';
}

/** Returns the reason phrase of the 447 to a peer (PROTOCOL.md section 2). */
export function unreachablePhrase(id: string, reason: UnreachableReason): string {
  switch (reason) {
    case 'no-answer':
      return `no way to relay ${id} answers for 5 s`;
    case 'not-heard':
      return `relay ${id} gets no answers from here`;
    case 'unlisted-source':
      return `relay ${id} sends from a port that it has not registered`;
    case 'no-common-family':
      return `no address family in common with relay ${id}`;
  }
}
