import type { RelayWays } from './ways.js';

/**
 * Why no way to a relay serves both directions. `no-answer`: it answers no probe. `not-heard`: it
 * answers, but says that it gets no answers from here. `no-common-family`: nothing to send by.
 */
export type UnreachableReason = 'no-answer' | 'not-heard' | 'no-common-family';

export interface UnreachableRelay {
  readonly id: string;
  readonly reason: UnreachableReason;
}

/**
 * Why a relay cannot be reached, if that is known: one that is not measured yet is reachable.
 * @param ways - all that lead to it
 * @param now - monotonic milliseconds
 */
export function unreachableReason(
  { ways }: Pick<RelayWays, 'ways'>,
  now: number,
): UnreachableReason | undefined {
  if (ways.length === 0) return 'no-common-family';
  if (!ways.every((way) => way.isLost(now))) return undefined;
  return ways.some(({ main }) => main.isGood) ? 'not-heard' : 'no-answer';
}

/** The reason phrase of the 447 that a peer gets (PROTOCOL.md section 2). */
export function unreachablePhrase(id: string, reason: UnreachableReason): string {
  switch (reason) {
    case 'no-answer':
      return `no way to relay ${id} answers for 5 s`;
    case 'not-heard':
      return `relay ${id} gets no answers from here`;
    case 'no-common-family':
      return `no address family in common with relay ${id}`;
  }
}
