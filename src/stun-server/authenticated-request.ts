import type { Principal } from '../auth/principal.js';
import type { IntegrityKind } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import type { Origin } from './origin.js';

/** How to sign what is sent to a client: as its last request was (PROTOCOL.md section 2). */
export interface Signer {
  readonly kind: IntegrityKind;
  readonly key: Uint8Array;
}

/** A request whose integrity has been verified, and who sent it. */
export interface AuthenticatedRequest<Claims> {
  readonly message: StunMessage;
  readonly method: number;
  readonly transactionId: Uint8Array;
  readonly origin: Origin;
  /** `tupleKey` of the origin. */
  readonly tupleKey: string;
  readonly principal: Principal<Claims>;
  readonly signer: Signer;
  /** When its nonce expires, Unix seconds. */
  readonly nonceSeconds: number;
}
