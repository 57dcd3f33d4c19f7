import type { AddressInput } from '../address.js';
import type { Checked, OptionForm } from '../options/form.js';
import { FORMS } from '../options/forms.js';
import { HOST_FORMS, type HostOptions } from '../options/host.js';
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

/** The forms of `DirectoryOptions`: every member stands here. */
export const DIRECTORY_FORMS = {
  listen: { ...FORMS.address, required: true },
  clusterSecret: { ...FORMS.secret, required: true },
  apiKeys: {
    kind: 'options',
    required: true,
    repeat: true,
    options: {
      key: { ...FORMS.apiKey, required: true },
      tenant: { ...FORMS.name, required: true },
    },
  },
  tls: {
    kind: 'options',
    options: {
      cert: { kind: 'pem', required: true, confidential: true },
      key: { kind: 'pem', required: true, confidential: true },
    },
  },
  trustedProxies: FORMS.prefixes,
  ...HOST_FORMS,
} as const satisfies Record<keyof DirectoryOptions, OptionForm>;

/** What `Directory.open` works with. */
export type CheckedDirectoryOptions = Checked<DirectoryOptions, typeof DIRECTORY_FORMS>;
