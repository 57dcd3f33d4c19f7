import type { RelayPaths } from './paths.js';

/**
 * Why no path to a relay serves both directions. `no-answer`: it answers no probe. `not-heard`: it
 * answers, but says that it gets no answers from here. `unlisted-source`: either, while what it
 * sends comes from a port that it has not registered. `no-common-family`: the registrations leave
 * nothing to send by, which is a property of the two and no fault.
 */
export type UnreachableReason = 'no-answer' | 'not-heard' | 'unlisted-source' | 'no-common-family';

/** Those of which something is to be mended. */
export type UnreachableFault = Exclude<UnreachableReason, 'no-common-family'>;

export interface UnreachableRelay {
  readonly id: string;
  readonly reason: UnreachableFault;
}

/** Whether a relay is out of reach for something that is to be mended. */
export function isFault(reason: UnreachableReason | undefined): reason is UnreachableFault {
  return reason !== undefined && reason !== 'no-common-family';
}

/**
 * Why a relay cannot be reached, if that is known: one that is not measured yet is reachable. An
 * old relay is judged by the path in use, as it is asked by no other (PROTOCOL.md section 4).
 * @param paths - all that lead to it
 * @param at - monotonic milliseconds, and whether it was seen to send from an unregistered port
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

/** The reason phrase of the 447 that a peer gets (PROTOCOL.md section 2). */
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
