import type { TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import type { DataPlane, FiveTuple } from '../native/types.js';
import type { StunMessage } from '../stun/message.js';
import type { ControlMessage, ControlOrder } from './control-message.js';
import type { UnreachableReason } from './reachability.js';
import type { LocalRelay, RemoteRelay, TrunkSocket } from './remote-relay.js';

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

export interface TrunkOptions {
  readonly local: LocalRelay;
  readonly plane: DataPlane;
  /** This relay's trunk sockets, in the data plane's order. */
  readonly sockets: readonly TrunkSocket[];
  readonly clock: Clock;
  /** Whether anything of this relay still refers to the other one. */
  readonly inUse: (remote: RemoteRelay) => boolean;
  /** A relay started anew or is gone: its connections must end. Called before further messages. */
  readonly onRelayLost: (remote: RemoteRelay, why: 'restarted' | 'silent') => void;
  /** A relay that was held gone for its silence has answered a probe. */
  readonly onRelayBack: (remote: RemoteRelay) => void;
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
  /** Something has become of the paths to a relay. */
  readonly onPathEvent?: (remote: RemoteRelay, news: PathEvent) => void;
  /** The longest bundle of this relay; default LIMITS.trunkMtuBytes. */
  readonly trunkMtuBytes?: number;
}

/** What may become of the paths to a relay; without a reason it can be reached. */
export type PathEvent =
  | {
      readonly type: 'reachability';
      readonly reason: UnreachableReason | undefined;
      readonly before: UnreachableReason | undefined;
    }
  | { readonly type: 'path'; readonly from: string; readonly to: string }
  | { readonly type: 'lanes-closed'; readonly workers: readonly number[] }
  | { readonly type: 'mtu'; readonly bytes: number }
  | { readonly type: 'unlisted-source'; readonly source: TransportAddress };

/** What is known of a relay, for those who show it. */
export interface TrunkRelayView {
  readonly remote: RemoteRelay;
  /** Median of the last round trips by the path in use, while that is measured. */
  readonly rttNs: number | undefined;
  /** The longest datagram that passes the path in use, in bytes of UDP payload, once measured. */
  readonly mtuBytes: number | undefined;
  readonly pathSwitches: number;
}
