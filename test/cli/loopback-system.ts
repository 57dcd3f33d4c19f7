import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { relaySecret, tenantRoot } from '../../src/auth/keys.js';
import { Directory } from '../../src/directory/index.js';
import { Relay } from '../../src/relay/index.js';
import { Spawned } from './spawned.js';

const ANY = { address: '127.0.0.1', port: 0 } as const;

/** A directory on loopback in this process, for relays here and peers in processes of their own. */
export interface LoopbackSystem {
  readonly url: string;
  /** Writes a file with a new secret and returns its path. */
  secretFile(name: string): string;
  openRelay(id: string): Promise<Relay>;
  /** Starts `turnpike peer` in a room with the API key, and what else is given. */
  peer(room: string, ...argv: string[]): Spawned;
}

/** Opens a system; everything of it ends with the test. */
export async function openSystem(t: Test): Promise<LoopbackSystem> {
  const folder = t.testdir();
  const clusterSecret = randomBytes(32);
  const key = randomBytes(32).toString('base64');
  const apiKeyFile = join(folder, 'api.key');
  writeFileSync(apiKeyFile, `${key}\n`, { mode: 0o600 });
  const apiKeys = [{ key, tenant: 'default' }];
  const directory = await Directory.open({ listen: ANY, clusterSecret, apiKeys });
  t.teardown(() => directory.close());
  return {
    url: directory.url,
    secretFile(name) {
      const file = join(folder, name);
      writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
      return file;
    },
    async openRelay(id) {
      const relay = await Relay.open({
        id,
        region: id,
        listen: [ANY],
        trunk: [ANY],
        relaySecret: relaySecret(clusterSecret, id),
        tenantRoot: tenantRoot(clusterSecret),
        directoryUrl: directory.url,
        workers: 1,
      });
      t.teardown(() => relay.close());
      return relay;
    },
    peer(room, ...argv) {
      const common = ['--directory', directory.url, '--api-key-file', apiKeyFile, '--room', room];
      const peer = new Spawned(['peer', ...common, ...argv]);
      t.teardown(() => peer.kill());
      return peer;
    },
  };
}
