import type { Test } from 'tap';
import { transportAddress } from '../../../src/address.js';
import { relaySecret, tenantRoot } from '../../../src/auth/keys.js';
import { DirectoryClient } from '../../../src/client/index.js';
import { type CertificateAndKey, Directory } from '../../../src/directory/index.js';
import { Relay } from '../../../src/relay/index.js';
import { until } from './until.js';

const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);

export const API_KEY = 'api-key-of-default';

export interface Cluster {
  readonly directory: Directory;
  readonly client: DirectoryClient;
  /** The relays of the regions `west` and `east`. */
  readonly relays: readonly [Relay, Relay];
}

/** Opens a directory on loopback without relays; the end of the test closes it. */
export async function openDirectory(t: Test, tls?: CertificateAndKey): Promise<Directory> {
  const directory = await Directory.open({
    listen: transportAddress('127.0.0.1', 0),
    clusterSecret: CLUSTER_SECRET,
    apiKeys: [{ key: API_KEY, tenant: 'default' }],
    ...(tls === undefined ? {} : { tls }),
  });
  t.teardown(() => directory.close());
  return directory;
}

/** Opens a directory and two relays on loopback, IPv4 and IPv6; the end of the test closes them. */
export async function cluster(t: Test): Promise<Cluster> {
  const directory = await openDirectory(t);
  const open = async (region: string) => {
    const id = `${region}-1`;
    const relay = await Relay.open({
      id,
      region,
      listen: ['127.0.0.1:0', '[::1]:0'],
      trunk: ['127.0.0.1:0'],
      relaySecret: relaySecret(CLUSTER_SECRET, id),
      tenantRoot: tenantRoot(CLUSTER_SECRET),
      directoryUrl: directory.url,
      workers: 1,
    });
    t.teardown(() => relay.close());
    return relay;
  };
  const relays = [await open('west'), await open('east')] as const;
  const client = new DirectoryClient({ directoryUrl: directory.url, apiKey: API_KEY });
  let listed = 0;
  const poll = async () => {
    listed = (await client.listRelays()).length;
  };
  await until('both relays are listed', () => {
    void poll().catch(() => {});
    return listed === 2;
  });
  return { directory, client, relays };
}
