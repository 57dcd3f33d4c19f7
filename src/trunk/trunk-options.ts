import type { TransportAddress } from '../address.js';
import type { FiveTuple } from '../native/types.js';
import type { StunMessage } from '../stun/message.js';
import type { ControlMessage, ControlOrder } from './control-message.js';
import type { RemoteRelay } from './remote-relay.js';
import type { RemoteRelaysOptions } from './remote-relays-options.js';

/** Why a trunk control datagram was dropped, as the counters name it. */
export type TrunkDrop =
  | 'trunk_control_malformed'
  | 'trunk_control_unknown_relay'
  | 'trunk_control_wrong_source'
  | 'trunk_control_bad_integrity'
  | 'trunk_control_old_start'
  /** It is for another incarnation of this relay. */
  | 'trunk_control_other_start'
  /** It has no counter, although its sender's other messages have one. */
  | 'trunk_control_uncounted'
  /** A response that was processed before. */
  | 'trunk_control_repeated'
  /** Its counter is below the window. */
  | 'trunk_control_too_old';

/** Dependencies of `Trunk`. */
export interface TrunkOptions extends Omit<RemoteRelaysOptions, 'onForgotten'> {
  /**
   * Called with an authentic control message.
   * @returns `left` if it had no effect and a retransmission may count as new
   */
  readonly onControlMessage: (
    remote: RemoteRelay,
    control: ControlMessage,
    order: ControlOrder,
  ) => 'left' | undefined;
  /** Called when a control datagram was dropped. */
  readonly onDrop?: (source: TransportAddress, drop: TrunkDrop) => void;
  /** Called for valid data on a session index that is not bound. */
  readonly onUnboundIndex: (remote: RemoteRelay, sessionIndex: number) => void;
  /**
   * Called with a response to a Binding request that was sent from a trunk socket
   * (`DataPlane.send`). It is not authenticated, so the callee compares the transaction.
   * @returns whether the response was expected; another one counts as malformed
   */
  readonly onForeignResponse?: (message: StunMessage, tuple: FiveTuple) => boolean;
  /** Called with a challenge of this relay's claims, not yet verified. */
  readonly onClaimChallenge?: (message: StunMessage, tuple: FiveTuple) => void;
}
