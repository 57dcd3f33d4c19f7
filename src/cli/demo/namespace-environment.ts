import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { relaySecret, tenantRoot } from '../../auth/keys.js';
import { TurnpikeError } from '../../errors.js';
import {
  Lab,
  type LabHost,
  LoggedProcess,
  type LogLine,
  type NatBehaviour,
  parseObject,
  readLines,
} from '../../lab/index.js';
import {
  type DemoPeerSettings,
  type Environment,
  type PeerRun,
  RELAYS_BY_SIDE,
} from './environment.js';
import type { DemoEvent, PeerFailure, PeerReport, Side } from './events.js';

const DIRECTORY_PORT = 8443;
const SERVICE_PORT = 3478;
const TRUNK_PORT = 3480;

/** The programs that run in the namespaces: `turnpike`, and the demo's peer. */
const TURNPIKE = fileURLToPath(new URL('../main.js', import.meta.url));
const PEER_PROGRAM = fileURLToPath(new URL('./peer-program.js', import.meta.url));

/** Runs each part as a process in a network namespace of its own, the peers behind NATs. */
export class NamespaceEnvironment implements Environment {
  readonly #lab = new Lab();
  readonly #directoryHost: LabHost;
  readonly #relayHosts: Readonly<Record<Side, LabHost>>;
  readonly #peerHosts: Readonly<Record<Side, LabHost>>;
  readonly #clusterSecret = randomBytes(32);
  readonly #apiKey = randomBytes(32).toString('base64');
  #directoryUrl = '';
  readonly broken: Promise<never>;
  #break: (reason: Error) => void = () => {};

  /** @throws TurnpikeError ERR_TURNPIKE_PRIVILEGE naming what is missing */
  constructor(behaviour: NatBehaviour) {
    const ipv4 = { families: [4] } as const;
    const lab = this.#lab;
    const peer = (name: string) =>
      lab.host(`peer-${name}`, { behind: lab.nat(`nat-${name}`, { behaviour, ...ipv4 }) });
    this.#directoryHost = lab.host('directory', ipv4);
    this.#peerHosts = { A: peer('a'), B: peer('b') };
    this.#relayHosts = {
      A: lab.host(RELAYS_BY_SIDE.A.id, ipv4),
      B: lab.host(RELAYS_BY_SIDE.B.id, ipv4),
    };
    this.broken = new Promise((_resolve, reject) => {
      this.#break = reject;
    });
    this.broken.catch(() => {});
  }

  async open(show: (event: DemoEvent) => void): Promise<void> {
    const begun = performance.now();
    await this.#lab.up();
    // Directory, two relays, two peers.
    show({ event: 'network', hosts: 5, elapsedMs: performance.now() - begun });
    this.#directoryUrl = await this.#openDirectory();
    show({ event: 'directory', url: this.#directoryUrl });
    await Promise.all([this.#openRelay('A', show), this.#openRelay('B', show)]);
  }

  async runPeer(side: Side, { report, stop }: PeerRun): Promise<void> {
    const settings = { directoryUrl: this.#directoryUrl, apiKey: this.#apiKey, side };
    const argv = [process.execPath, PEER_PROGRAM];
    const peer = this.#lab.spawn(this.#peerHosts[side], argv, { stdio: 'pipe' });
    const logged = new LoggedProcess(`peer ${side}`, peer);
    let failure: PeerFailure | undefined;
    readLines(peer.child.stdout, (line) => {
      const told = parseObject(line) as PeerReport | PeerFailure | undefined;
      if (told?.event === 'failed') failure = told;
      else if (told !== undefined) report(told);
    });
    // Arguments are public, so the API key goes over the pipe, whose end means stop.
    const { stdin } = peer.child;
    stdin?.on('error', () => {});
    stdin?.write(`${JSON.stringify(settings satisfies DemoPeerSettings)}\n`);
    const onStop = () => stdin?.end();
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop, { once: true });
    if ((await peer.ended).code === 0) return;
    if (failure === undefined) return logged.ended;
    throw new TurnpikeError(failure.code, `peer ${side}: ${failure.message}`);
  }

  close(): Promise<void> {
    return this.#lab.close();
  }

  async #openDirectory(): Promise<string> {
    const host = this.#directoryHost;
    const secrets = [this.#clusterSecret.toString('base64'), this.#apiKey];
    const { url } = await this.#serve(host, secrets, [
      'directory',
      ...['--listen', `${host.addresses[4]}:${DIRECTORY_PORT}`],
      ...['--cluster-secret-file', '/dev/fd/3', '--api-key-file', '/dev/fd/4'],
    ]);
    return String(url);
  }

  async #openRelay(side: Side, show: (event: DemoEvent) => void): Promise<void> {
    const { id, region } = RELAYS_BY_SIDE[side];
    const host = this.#relayHosts[side];
    const service = `${host.addresses[4]}:${SERVICE_PORT}`;
    const trunk = `${host.addresses[4]}:${TRUNK_PORT}`;
    const secrets = [relaySecret(this.#clusterSecret, id), tenantRoot(this.#clusterSecret)];
    const lines = secrets.map((secret) => Buffer.from(secret).toString('base64'));
    await this.#serve(
      host,
      [lines.join('\n')],
      [
        ...['relay', '--id', id, '--region', region, '--listen', service, '--trunk', trunk],
        ...['--directory', this.#directoryUrl, '--relay-secret-file', '/dev/fd/3'],
      ],
    );
    show({ event: 'relay', id, service, trunk });
  }

  /**
   * Starts `turnpike` in a host; its descriptors from 3 on are files with the secrets.
   * @returns the log line that says that it listens
   */
  async #serve(
    host: LabHost,
    secrets: readonly string[],
    args: readonly string[],
  ): Promise<LogLine> {
    const handles: FileHandle[] = [];
    try {
      for (const secret of secrets) handles.push(await openSecret(`${secret}\n`));
      const descriptors = handles.map((handle) => handle.fd);
      const labProcess = this.#lab.spawn(host, [process.execPath, TURNPIKE, ...args], {
        stdio: ['ignore', 'ignore', 'pipe', ...descriptors],
      });
      const { listening, ended } = new LoggedProcess(host.name, labProcess);
      ended.catch(this.#break);
      return await Promise.race([listening, ended]);
    } finally {
      await Promise.all(handles.map((handle) => handle.close()));
    }
  }
}

/**
 * Writes a secret to a file and removes its name, so that the file does not outlive the processes.
 * A child that inherits the handle as its descriptor N reads it as `/dev/fd/N`.
 * @returns the handle, for the caller to close
 */
async function openSecret(text: string): Promise<FileHandle> {
  const directory = await mkdtemp(join(tmpdir(), 'turnpike-demo-'));
  try {
    const path = join(directory, 'secret');
    await writeFile(path, text, { mode: 0o600 });
    return await open(path, 'r');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
