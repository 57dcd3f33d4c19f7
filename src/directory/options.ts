import type { AddressInput } from '../address.js';
import type { NetworkPlaces } from '../estimates/network-places.js';
import { HOST_SPECS, type HostOptions } from '../options/host.js';
import type { Checked, Settings } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import type { Update } from '../options/update.js';
import type { ApiKey } from './http/api-keys.js';
import type { CertificateAndKey } from './http/server.js';
import { SELECTION_SPECS, type SelectionSettings } from './selection-settings.js';

/** Maximum keys of operators: a present and a next one of each of a few. */
export const OPERATOR_KEYS_MAX = 16;

/** Options of `Directory.open`. */
export interface DirectoryOptions extends HostOptions {
  /** Address of the HTTP server, or HTTPS with `tls`; port 0 takes a free one. */
  readonly listen: AddressInput;
  /** The cluster secret, 32 bytes; the same at every directory of a cluster. */
  readonly clusterSecret: Uint8Array;
  /** The API keys of tenants: at least one, at most 1,024. */
  readonly apiKeys: readonly ApiKey[];
  /**
   * Keys of operators, at most 16: with one a request gets the explanation of a selection. They
   * name other tenants' relays and networks, so give them to no tenant. Default none.
   */
  readonly operatorKeys?: readonly string[] | undefined;
  /** Certificate and key. Default none: plain HTTP, for loopback or behind a proxy. */
  readonly tls?: CertificateAndKey | undefined;
  /**
   * Addresses and prefixes of reverse proxies, such as `10.0.0.0/8`. Limits per source do not apply
   * to their connections. Default none.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /**
   * Tells the autonomous systems and countries of peers' addresses, by which their networks are
   * clustered. Default none: they are clustered by prefix.
   */
  readonly places?: NetworkPlaces | undefined;
  /**
   * What decides among relays: weights, prices of providers, and the regions and providers that
   * tenants are allowed. `update` replaces all of it. Default none of it.
   */
  readonly selection?: SelectionSettings | undefined;
}

/** The settings of a directory; the type requires one for each member of `DirectoryOptions`. */
export const DIRECTORY_SPECS = {
  listen: {
    ...SPECS.address,
    changes: 'at start',
    required: true,
    description: 'where to serve HTTP, or HTTPS with --tls-cert',
  },
  clusterSecret: {
    ...SPECS.secret,
    changes: 'at start',
    required: true,
    description: 'secret that the directories of a cluster share',
  },
  apiKeys: {
    kind: 'options',
    changes: 'while running',
    required: true,
    repeat: true,
    options: {
      key: { ...SPECS.apiKey, required: true },
      tenant: { ...SPECS.name, required: true },
    },
    description: 'keys that peers and their servers present',
  },
  operatorKeys: {
    ...SPECS.apiKey,
    changes: 'while running',
    repeat: true,
    itemsMax: OPERATOR_KEYS_MAX,
    description: 'keys with which operators ask why relays were chosen',
  },
  tls: {
    kind: 'options',
    changes: 'while running',
    options: {
      cert: { kind: 'pem', required: true, confidential: true },
      key: { kind: 'pem', required: true, confidential: true },
    },
    description: 'certificate and key; switched on or off at a start only',
  },
  trustedProxies: {
    ...SPECS.prefixes,
    changes: 'while running',
    description: 'address or prefix of a proxy in front, exempt from limits per source',
    placeholder: 'ADDRESSES',
  },
  places: {
    kind: 'methods',
    methods: ['placeOf'],
    changes: 'while running',
    description: "what tells the places of peers' addresses",
  },
  selection: {
    kind: 'options',
    options: SELECTION_SPECS,
    changes: 'while running',
    description: "weights, providers' prices, and the relays that tenants are allowed",
  },
  ...HOST_SPECS,
} as const satisfies Settings<DirectoryOptions>;

/** Settings of `Directory#update`: those that can change while a directory runs. */
export type DirectoryUpdate = Update<DirectoryOptions, typeof DIRECTORY_SPECS>;

/** Validated options of `Directory.open`. */
export type CheckedDirectoryOptions = Checked<DirectoryOptions, typeof DIRECTORY_SPECS>;
