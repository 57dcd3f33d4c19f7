import type { StunMessage } from '../stun/message.js';
import type { Origin } from './origin.js';

/** A usage of STUN on the client port (RFC 8489 section 13). */
export interface Usage {
  /** Returns whether a request belongs to this usage. */
  takes(message: StunMessage): boolean;
  /** Handles such a request. Never throws for anything in it. */
  receive(message: StunMessage, origin: Origin): void;
}
