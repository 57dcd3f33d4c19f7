import type { Credential } from '../auth/credentials.js';
import type { StunMessage } from '../stun/message.js';
import type { ReplyTarget } from './responses.js';

/** A request whose integrity has been verified, with what proved it. */
export interface LegRequest extends ReplyTarget {
  readonly message: StunMessage;
  readonly credential: Credential;
  readonly tupleKey: string;
  /** When its nonce expires, Unix seconds; the rules of nonces fill it in. */
  nonceSeconds: number;
}
