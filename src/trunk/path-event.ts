import type { TransportAddress } from '../address.js';
import type { UnreachableReason } from './reachability.js';

/** A change of the paths to a relay. */
export type PathEvent =
  | {
      readonly type: 'reachability';
      /** Undefined if the relay is reachable now. */
      readonly reason: UnreachableReason | undefined;
      readonly before: UnreachableReason | undefined;
    }
  /** Another path is in use. */
  | { readonly type: 'path'; readonly from: string; readonly to: string }
  /** The data plane has refused the relay's entry: there is no path until it registers anew. */
  | { readonly type: 'refused'; readonly error: unknown }
  /** These workers' own source ports get no replies, while the trunk port does. */
  | { readonly type: 'lanes-closed'; readonly workers: readonly number[] }
  /** The path MTU was measured: bytes of UDP payload. */
  | { readonly type: 'mtu'; readonly bytes: number }
  /** An authentic datagram came from an address that the relay has not registered. */
  | { readonly type: 'unlisted-source'; readonly source: TransportAddress };
