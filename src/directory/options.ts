import type { AddressInput } from '../address.js';
import { HOST_SPECS, type HostOptions } from '../options/host.js';
import type { Checked, OptionSpec } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import type { ApiKey } from './http/api-keys.js';
import type { TlsFiles } from './http/server.js';

/** What a directory is opened with. */
export interface DirectoryOptions extends HostOptions {
  /** Where to serve HTTP, or HTTPS with `tls`; port 0 takes a free one. */
  readonly listen: AddressInput;
  /** 32 bytes, the same at every directory of a cluster. */
  readonly clusterSecret: Uint8Array;
  /** The keys that peers and their servers present: at least one, at most 1,024. */
  readonly apiKeys: readonly ApiKey[];
  /** Certificate and key; default none: plain HTTP, which is for loopback or behind a proxy. */
  readonly tls?: TlsFiles | undefined;
  /**
   * Addresses and prefixes of proxies in front of it, such as `10.0.0.0/8`: limits per source do
   * not apply to their connections. Default none.
   */
  readonly trustedProxies?: readonly string[] | undefined;
}

/** The specs of `DirectoryOptions`: every member stands here. */
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

/** What `Directory.open` works with. */
export type CheckedDirectoryOptions = Checked<DirectoryOptions, typeof DIRECTORY_SPECS>;
