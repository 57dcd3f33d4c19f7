import type { TransportAddress } from '../address.js';
import type { DataPlane } from '../native/types.js';
import type { RelayRecord } from '../registry/types.js';
import { withLanes } from './advertised-addresses.js';
import type { LocalIncarnation } from './local-incarnation.js';
import type { CheckedRelayOptions } from './options.js';

/** Maximum records that this relay accepts in a trunk datagram: as many as fit into one. */
export const RECORDS_MAX = 8_185;

/** Where a relay is, and whose host it is, as it registers. */
export interface OwnSite {
  readonly provider?: string;
  /** Degrees: latitude north, longitude east. */
  readonly location?: readonly [latitude: number, longitude: number];
}

/** Returns a relay's site by its options; undefined if they tell nothing of it. */
export function ownSite({
  provider,
  location,
}: Pick<CheckedRelayOptions, 'provider' | 'location'>): OwnSite | undefined {
  if (provider === undefined && location === undefined) return undefined;
  const [latitude = 0, longitude = 0] = location?.split(',').map(Number) ?? [];
  return {
    ...(provider !== undefined && { provider }),
    ...(location !== undefined && { location: [latitude, longitude] as const }),
  };
}

/** What a relay's registration is made of. */
export interface OwnRecordParts {
  readonly id: string;
  readonly region: string;
  readonly publicKey: Uint8Array;
  /** Advertised addresses. */
  readonly serviceAddresses: readonly TransportAddress[];
  readonly trunkAddresses: readonly TransportAddress[];
  readonly incarnation: LocalIncarnation;
  readonly plane: Pick<DataPlane, 'trunkLanePorts' | 'xdp'>;
}

/** Returns what makes a relay's registration as it is at each call. */
export function ownRecord(parts: OwnRecordParts): () => RelayRecord {
  const { id, region, serviceAddresses, trunkAddresses, incarnation, plane } = parts;
  const trunkSources = withLanes(trunkAddresses, plane.trunkLanePorts);
  const publicKey = Buffer.from(parts.publicKey).toString('base64');
  return () => ({
    id,
    region,
    start: incarnation.value,
    publicKey,
    serviceAddresses,
    trunkAddresses,
    trunkSources,
    // The XDP program accepts single-record datagrams only; others take the slower sockets.
    recordsMax: plane.xdp.mode === 'off' ? RECORDS_MAX : 1,
  });
}
