import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { formatAddress, type TransportAddress } from '../../src/address.js';
import { relaySecret, tenantRoot } from '../../src/auth/keys.js';
import { Directory } from '../../src/directory/index.js';
import { Relay } from '../../src/relay/index.js';
import { ownLoopback } from '../setup/own-loopback.js';
import { Spawned } from './spawned.js';

const ANY = { address: '127.0.0.1', port: 0 } as const;

/** A directory and relays on loopback in this process, for peers in their own processes. */
export interface LoopbackSystem {
  readonly url: string;
  /** Writes a file with a new secret and returns its path. */
  secretFile(name: string): string;
  openRelay(id: string): Promise<Relay>;
  /** Starts `turnpike peer` in a room with the API key and further options. */
  peer(room: string, ...argv: string[]): Spawned;
}

/** A system whose directory is not open yet. */
export interface LateSystem extends Omit<LoopbackSystem, 'url'> {
  /** @returns its URL */
  openDirectory(): Promise<string>;
}

/** Opens a system; the end of the test closes it. */
export async function openSystem(t: Test): Promise<LoopbackSystem> {
  const system = await systemAt(t, ANY);
  return { ...system, url: await system.openDirectory() };
}

/** Makes a system without its directory, whose address is known. */
export async function openLateSystem(t: Test): Promise<LateSystem> {
  return systemAt(t, { address: ownLoopback(), port: 8443 });
}

async function systemAt(t: Test, listen: TransportAddress): Promise<LateSystem> {
  const folder = t.testdir();
  const clusterSecret = randomBytes(32);
  const key = randomBytes(32).toString('base64');
  const apiKeyFile = join(folder, 'api.key');
  writeFileSync(apiKeyFile, `${key}\n`, { mode: 0o600 });
  const apiKeys = [{ key, tenant: 'default' }];
  let url = `http://${formatAddress(listen)}`;
  return {
    async openDirectory() {
      const directory = await Directory.open({ listen, clusterSecret, apiKeys });
      t.teardown(() => directory.close());
      url = directory.url;
      return url;
    },
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
        directoryUrl: url,
        workers: 1,
      });
      t.teardown(() => relay.close());
      return relay;
    },
    peer(room, ...argv) {
      const common = ['--directory', url, '--api-key-file', apiKeyFile, '--room', room];
      const peer = new Spawned(['peer', ...common, ...argv]);
      t.teardown(() => peer.kill());
      return peer;
    },
  };
}
