import type { Trunk } from '../trunk/trunk.js';
import { ClaimChecker, type ClaimCheckerOptions } from './claim-checker.js';
import { ClaimResponder } from './claim-responder.js';

/** What it works with. */
export interface RelayClaimsOptions extends Omit<ClaimCheckerOptions, 'onResult'> {
  readonly trunk: () => Trunk;
  /** Something is known now that the directory waits for. */
  readonly onChange: () => void;
}

/** How relays prove to each other at which addresses they are (docs/registration.md, Claims). */
export class RelayClaims {
  /** Finds out whether others are where they claim to be. */
  readonly checker: ClaimChecker;
  /** Proves that this relay is. */
  readonly responder: ClaimResponder;

  constructor(options: RelayClaimsOptions) {
    this.checker = new ClaimChecker({ ...options, onResult: options.onChange });
    const remote = (id: string) => options.trunk().get(id);
    this.responder = new ClaimResponder({ ...options, remote });
  }
}
