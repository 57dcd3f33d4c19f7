import type { StunMessage } from '../stun/message.js';
import type { Origin } from './origin.js';

/** A usage of STUN on the port of clients (RFC 8489 section 13). */
export interface Usage {
  /** Whether a request belongs to this usage. */
  takes(message: StunMessage): boolean;
  /** Handles such a request; throws for nothing in it. */
  receive(message: StunMessage, origin: Origin): void;
}
