import type { Signer } from '../auth/long-term.js';
import type { Principal } from '../auth/principal.js';
import type { Received } from './usage.js';

/** A request whose integrity has been verified, with its sender. */
export interface AuthenticatedRequest<Proved extends Principal> extends Received {
  readonly method: number;
  readonly transactionId: Uint8Array;
  /** `tupleKey` of the origin. */
  readonly tupleKey: string;
  readonly principal: Proved;
  readonly signer: Signer;
  /** Expiry of its nonce, Unix seconds. */
  readonly nonceSeconds: number;
}
