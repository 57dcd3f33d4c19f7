import type { Credential } from '../auth/credentials.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import { LEG_LIMITS } from './leg-limits.js';
import type { ReplyTarget } from './responses.js';

/** A request whose integrity has been verified, with what proved it. */
export interface LegRequest extends ReplyTarget {
  readonly message: StunMessage;
  readonly credential: Credential;
  readonly tupleKey: string;
  /** When its nonce expires, Unix seconds; the rules of nonces fill it in. */
  nonceSeconds: number;
}

/** RFC 8656 section 7.2: at least the default, at most the maximum. */
export function lifetimeOf({ message }: LegRequest): number {
  const wanted = message.lifetimeSeconds() ?? LEG_LIMITS.lifetimeSeconds;
  return Math.min(Math.max(wanted, LEG_LIMITS.lifetimeSeconds), LEG_LIMITS.lifetimeSecondsMax);
}

/**
 * How long data may go to a peer that answers with nothing, from the LIVENESS of its Allocate or
 * Connect (PROTOCOL.md section 2); 0 for a peer that has promised nothing.
 */
export function livenessMsOf({ message }: LegRequest): number {
  const seconds = message.u32(AttributeType.Liveness) ?? 0;
  return Math.min(seconds * LEG_LIMITS.peerSilentUnderDataMs, LEG_LIMITS.peerSilentMs);
}
