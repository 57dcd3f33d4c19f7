import type { StunMessage } from '../stun/message.js';
import type { Origin } from './origin.js';

/** Maximum types in the UNKNOWN-ATTRIBUTES of a response to an authenticated client. */
export const UNKNOWN_ATTRIBUTES_MAX = 16;

/** A request or indication of a client. */
export interface Received {
  readonly message: StunMessage;
  readonly origin: Origin;
  /** Its comprehension-required attributes that the usage does not know: 420 if it is a request. */
  readonly unknownAttributes: readonly number[];
}

/** A usage of STUN on the client port (RFC 8489 section 13). */
export interface Usage {
  /** Comprehension-required attributes that its messages may have. */
  readonly knownAttributes: ReadonlySet<number>;
  /** Returns whether a message belongs to this usage. */
  owns(message: StunMessage): boolean;
  /** Handles such a message. Never throws for anything in it. */
  receive(received: Received): void;
}

/** Is told of each message that shows that a 5-tuple's client is alive. */
export interface SignsOfLife {
  /** @param tupleKey - as the function of that name returns it */
  heard(tupleKey: string): void;
}
