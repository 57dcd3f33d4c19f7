import type { Signer } from '../auth/long-term.js';
import type { Principal, User } from '../auth/principal.js';
import type { Received } from './usage.js';

/** A request whose integrity has been verified, with its sender. */
export interface AuthenticatedRequest<Proved extends Principal> extends Received {
  readonly method: number;
  readonly transactionId: Uint8Array;
  /** `tupleKey` of the origin. */
  readonly tupleKey: string;
  readonly principal: Proved;
  /**
   * The user, if it was looked up outside of this process or has an access token. A usage keeps it
   * with what it makes, and gives it to `Authenticator.authenticate` for later requests about that.
   */
  readonly kept: User<Proved> | undefined;
  readonly signer: Signer;
  /** Expiry of its nonce, Unix seconds. */
  readonly nonceSeconds: number;
}
