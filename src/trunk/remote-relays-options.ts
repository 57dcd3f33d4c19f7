import type { TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import type { DataPlane } from '../native/types.js';
import type { LocalRelay, TrunkSocket } from './local-relay.js';
import type { PathEvent } from './path-event.js';
import type { RemoteRelay } from './remote-relay.js';

/** Dependencies of `RemoteRelays`. */
export interface RemoteRelaysOptions {
  readonly local: LocalRelay;
  /** This relay's region, of the same form as a relay id. */
  readonly region: string;
  /** This relay's advertised addresses for peers. */
  readonly serviceAddresses: readonly TransportAddress[];
  readonly plane: DataPlane;
  /** This relay's trunk sockets, in the data plane's order. */
  readonly sockets: readonly TrunkSocket[];
  readonly clock: Clock;
  /** Returns whether a leg refers to the other relay. */
  readonly inUse: (remote: RemoteRelay) => boolean;
  /**
   * Called when a relay has restarted, is gone, or has lost its entry in the data plane, before
   * further messages: its connections must end.
   */
  readonly onRelayLost: (remote: RemoteRelay, why: 'restarted' | 'silent') => void;
  /** Called when a relay that was gone has answered a probe. */
  readonly onRelayBack: (remote: RemoteRelay) => void;
  /** Called when a relay's entry was removed. */
  readonly onForgotten: (remote: RemoteRelay) => void;
  /** Called for each change of a relay's paths. */
  readonly onPathEvent: (remote: RemoteRelay, event: PathEvent) => void;
  /** Maximum length of this relay's trunk datagrams, bytes; default TRUNK_MTU_DEFAULT_BYTES. */
  readonly trunkMtuBytes?: number;
}
