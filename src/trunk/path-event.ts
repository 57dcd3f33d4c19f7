import type { TransportAddress } from '../address.js';
import type { UnreachableReason } from './reachability.js';

/** What may become of the paths to a relay. */
export type PathEvent =
  | {
      readonly type: 'reachability';
      /** Undefined where the relay can be reached now. */
      readonly reason: UnreachableReason | undefined;
      readonly before: UnreachableReason | undefined;
    }
  /** Another path came into use. */
  | { readonly type: 'path'; readonly from: string; readonly to: string }
  /** The ports of these workers are not answered while the trunk address is. */
  | { readonly type: 'lanes-closed'; readonly workers: readonly number[] }
  /** The path MTU was measured: bytes of UDP payload. */
  | { readonly type: 'mtu'; readonly bytes: number }
  /** Something authentic came from an address that the relay has not registered. */
  | { readonly type: 'unlisted-source'; readonly source: TransportAddress };
