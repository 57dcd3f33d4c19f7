import type { IntegrityPreference } from '../auth/client-credentials.js';
import type { TurnpikeError } from '../errors.js';
import type { RandomBytes } from '../random.js';
import type { ConnectionGrant } from './grant.js';
import type { ResponseFault } from './requests.js';
import type { Scheduler } from './scheduler.js';

/** Why a STUN message from the relay's address was ignored. */
export type MessageFault = ResponseFault | 'unexpected-message' | 'unauthenticated-closed';

export interface ConnectionOptions {
  readonly grant: ConnectionGrant;
  readonly integrity: IntegrityPreference;
  /** How long the relay may leave an Allocate without any answer, milliseconds. */
  readonly openTimeoutMs: number;
  /** LIFETIME to ask for, seconds. */
  readonly lifetimeSeconds: number;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  /** Sends one datagram to the relay. */
  readonly transmit: (bytes: Uint8Array) => void;
  /** Called once, when the state becomes `closed`: with the reason unless we closed it. */
  readonly onClosed: (reason: TurnpikeError | undefined) => void;
  /** The relay is being asked and has not answered in time; it has after all. */
  readonly onResponsive: (responsive: boolean) => void;
  /** The relay recommends payloads of at most so many bytes. */
  readonly onRecommendedPayload: (payloadBytes: number) => void;
}
