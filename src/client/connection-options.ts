import type { IntegrityPreference } from '../auth/client-authenticator.js';
import type { TurnpikeError } from '../errors.js';
import type { RandomBytes } from '../random.js';
import type { ConnectionGrant } from './grant.js';
import type { ResponseFault } from './requests.js';
import type { Scheduler } from './scheduler.js';

/** Why a STUN message from the relay's address was ignored. */
export type MessageFault = ResponseFault | 'unexpected-message' | 'unauthenticated-closed';

/** Options of a `Connection`. */
export interface ConnectionOptions {
  readonly grant: ConnectionGrant;
  readonly integrity: IntegrityPreference;
  /** Time for the first response to an Allocate, ms. */
  readonly openTimeoutMs: number;
  /** LIFETIME to request, s. */
  readonly lifetimeSeconds: number;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  /** Sends a datagram to the relay. */
  readonly transmit: (bytes: Uint8Array) => void;
  /** Called once, in state `closed`: with the reason, or undefined after `close` without one. */
  readonly onClosed: (reason: TurnpikeError | undefined) => void;
  /**
   * Called with false when the relay's response is overdue, and with true when it is heard again.
   */
  readonly onResponsive: (responsive: boolean) => void;
  /** Called with the relay's recommended payload, bytes. */
  readonly onRecommendedPayload: (payloadBytes: number) => void;
}
