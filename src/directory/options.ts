import type { AddressInput } from '../address.js';
import { HOST_SPECS, type HostOptions } from '../options/host.js';
import type { Checked, OptionSpec } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import type { ApiKey } from './http/api-keys.js';
import type { TlsFiles } from './http/server.js';

/** Options of `Directory.open`. */
export interface DirectoryOptions extends HostOptions {
  /** Address of the HTTP server, or HTTPS with `tls`; port 0 takes a free one. */
  readonly listen: AddressInput;
  /** The cluster secret, 32 bytes; the same at every directory of a cluster. */
  readonly clusterSecret: Uint8Array;
  /** The API keys of tenants: at least one, at most 1,024. */
  readonly apiKeys: readonly ApiKey[];
  /** Certificate and key. Default none: plain HTTP, for loopback or behind a proxy. */
  readonly tls?: TlsFiles | undefined;
  /**
   * Addresses and prefixes of reverse proxies, such as `10.0.0.0/8`. Limits per source do not apply
   * to their connections. Default none.
   */
  readonly trustedProxies?: readonly string[] | undefined;
}

/** Specs of `DirectoryOptions`; the type requires one for each member. */
export const DIRECTORY_SPECS = {
  listen: { ...SPECS.address, required: true },
  clusterSecret: { ...SPECS.secret, required: true },
  apiKeys: {
    kind: 'options',
    required: true,
    repeat: true,
    options: {
      key: { ...SPECS.apiKey, required: true },
      tenant: { ...SPECS.name, required: true },
    },
  },
  tls: {
    kind: 'options',
    options: {
      cert: { kind: 'pem', required: true, confidential: true },
      key: { kind: 'pem', required: true, confidential: true },
    },
  },
  trustedProxies: SPECS.prefixes,
  ...HOST_SPECS,
} as const satisfies Record<keyof DirectoryOptions, OptionSpec>;

/** Validated options of `Directory.open`. */
export type CheckedDirectoryOptions = Checked<DirectoryOptions, typeof DIRECTORY_SPECS>;
