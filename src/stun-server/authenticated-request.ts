import type { Principal } from '../auth/principal.js';
import type { IntegrityKind } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import type { Origin } from './origin.js';

/** Integrity of messages to a client: as in its last request (PROTOCOL.md section 2). */
export interface Signer {
  readonly kind: IntegrityKind;
  readonly key: Uint8Array;
}

/** A request whose integrity has been verified, with its sender. */
export interface AuthenticatedRequest<Claims> {
  readonly message: StunMessage;
  readonly method: number;
  readonly transactionId: Uint8Array;
  readonly origin: Origin;
  /** `tupleKey` of the origin. */
  readonly tupleKey: string;
  readonly principal: Principal<Claims>;
  readonly signer: Signer;
  /** Expiry of its nonce, Unix seconds. */
  readonly nonceSeconds: number;
}
