import type { TransportAddress } from '../address.js';
import type { FiveTuple } from '../native/types.js';
import type { StunMessage } from '../stun/message.js';
import type { ControlMessage, ControlOrder } from './control-message.js';
import type { RemoteRelay } from './remote-relay.js';
import type { RemoteRelaysOptions } from './remote-relays.js';

/** Why a trunk control datagram was dropped; the names of the counters. */
export type TrunkDrop =
  | 'trunk_control_malformed'
  | 'trunk_control_unknown_relay'
  | 'trunk_control_wrong_source'
  | 'trunk_control_bad_integrity'
  | 'trunk_control_old_start'
  /** It was meant for another process of this relay. */
  | 'trunk_control_other_start'
  /** It has no counter, and others of the same process have one. */
  | 'trunk_control_uncounted'
  /** An answer that was taken before. */
  | 'trunk_control_repeated'
  /** Its counter is below the window. */
  | 'trunk_control_too_old';

export interface TrunkOptions extends Omit<RemoteRelaysOptions, 'onForgotten'> {
  /**
   * An authentic control message.
   * @returns `left` where nothing was made of it and a repetition may count as new
   */
  readonly onControlMessage: (
    remote: RemoteRelay,
    control: ControlMessage,
    order: ControlOrder,
  ) => 'left' | undefined;
  /** A control datagram was dropped. */
  readonly onDrop?: (source: TransportAddress, drop: TrunkDrop) => void;
  /** Valid data on an index that is not bound. */
  readonly onUnboundIndex: (remote: RemoteRelay, sessionIndex: number) => void;
  /**
   * A response to a Binding request that was sent from a trunk socket (`DataPlane.send`): it names
   * no relay and proves nothing, so whoever asked compares its transaction.
   * @returns whether it was waited for; one that was not is counted as malformed
   */
  readonly onForeignResponse?: (message: StunMessage, tuple: FiveTuple) => boolean;
  /** A challenge of this relay's claims came; whether it is genuine is not known yet. */
  readonly onChallenge?: (message: StunMessage, tuple: FiveTuple) => void;
}
