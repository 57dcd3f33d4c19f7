import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { relaySecret, tenantRoot } from '../../auth/keys.js';
import { TurnpikeError } from '../../errors.js';
import { Lab, type LabHost, type LabProcess, type NatBehaviour } from '../../lab/index.js';
import { type DemoPeerSettings, type Environment, type PeerRun, PLACES } from './environment.js';
import type { DemoEvent, PeerReport, Side } from './events.js';
import { LoggedProcess, parseObject, readLines } from './logged-process.js';
import { openSecret } from './secret-handle.js';

const DIRECTORY_PORT = 8443;
const SERVICE_PORT = 3478;
const TRUNK_PORT = 3480;

/** The programs that run in the namespaces: what an operator runs, and the demo's peer. */
const TURNPIKE = fileURLToPath(new URL('../main.js', import.meta.url));
const PEER_PROGRAM = fileURLToPath(new URL('./peer-program.js', import.meta.url));

/** Each part a process of its own in a network namespace of its own, the peers behind NATs. */
export class NamespaceEnvironment implements Environment {
  readonly #nat: NatBehaviour;
  readonly #lab: Lab;
  readonly #clusterSecret = randomBytes(32);
  readonly #apiKey = randomBytes(32).toString('base64');
  readonly #peerHosts: Partial<Record<Side, LabHost>> = {};
  #directoryUrl = '';
  readonly broken: Promise<never>;
  #break: (reason: Error) => void = () => {};

  /** @throws TurnpikeError ERR_TURNPIKE_PRIVILEGE naming what is missing */
  constructor(nat: NatBehaviour) {
    this.#nat = nat;
    this.#lab = new Lab();
    this.broken = new Promise((_resolve, reject) => {
      this.#break = reject;
    });
    this.broken.catch(() => {});
  }

  async open(show: (event: DemoEvent) => void): Promise<void> {
    const begun = performance.now();
    const ipv4 = { families: [4] } as const;
    const directory = this.#lab.host('directory', ipv4);
    const relays = (['A', 'B'] as const).map((side) => {
      const name = side.toLowerCase();
      const nat = this.#lab.nat(`nat-${name}`, { behaviour: this.#nat, ...ipv4 });
      this.#peerHosts[side] = this.#lab.host(`peer-${name}`, { behind: nat });
      return { side, host: this.#lab.host(PLACES[side].relay, ipv4) };
    });
    await this.#lab.up();
    // Directory, two relays, two peers.
    show({ event: 'network', hosts: 5, elapsedMs: performance.now() - begun });
    this.#directoryUrl = await this.#openDirectory(directory);
    show({ event: 'directory', url: this.#directoryUrl });
    await Promise.all(
      relays.map(async ({ side, host }) => {
        const addresses = await this.#openRelay(side, host);
        show({ event: 'relay', id: PLACES[side].relay, ...addresses });
      }),
    );
  }

  async runPeer(side: Side, { report, stop }: PeerRun): Promise<void> {
    const host = this.#peerHosts[side];
    if (host === undefined)
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', 'the environment is not open');
    const { region } = PLACES[side];
    const settings: DemoPeerSettings = {
      directoryUrl: this.#directoryUrl,
      apiKey: this.#apiKey,
      room: 'demo',
      region,
    };
    const peer = this.#lab.spawn(host, [process.execPath, PEER_PROGRAM], { stdio: 'pipe' });
    // The API key goes over the pipe: arguments are for everyone to see. Its end means stop.
    peer.child.stdin?.on('error', () => {});
    peer.child.stdin?.write(`${JSON.stringify(settings)}\n`);
    const onStop = () => peer.child.stdin?.end();
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop, { once: true });
    await peerEnd(side, peer, report);
  }

  close(): Promise<void> {
    return this.#lab.close();
  }

  async #openDirectory(host: LabHost): Promise<string> {
    const secrets = [this.#clusterSecret.toString('base64'), this.#apiKey];
    const process = await this.#spawn(host, secrets, [
      'directory',
      ...['--listen', `${host.addresses[4]}:${DIRECTORY_PORT}`],
      ...['--cluster-secret-file', '/dev/fd/3', '--api-key-file', '/dev/fd/4'],
    ]);
    const { url } = await Promise.race([process.listening, process.ended]);
    return String(url);
  }

  async #openRelay(side: Side, host: LabHost): Promise<{ service: string; trunk: string }> {
    const { relay, region } = PLACES[side];
    const secret = relaySecret(this.#clusterSecret, relay);
    const lines = [secret, tenantRoot(this.#clusterSecret)].map((bytes) =>
      Buffer.from(bytes).toString('base64'),
    );
    const service = `${host.addresses[4]}:${SERVICE_PORT}`;
    const trunk = `${host.addresses[4]}:${TRUNK_PORT}`;
    const process = await this.#spawn(
      host,
      [lines.join('\n')],
      [
        'relay',
        ...['--id', relay, '--region', region, '--listen', service, '--trunk', trunk],
        ...['--directory', this.#directoryUrl, '--relay-secret-file', '/dev/fd/3'],
      ],
    );
    await Promise.race([process.listening, process.ended]);
    return { service, trunk };
  }

  /** Starts `turnpike` in a host; its descriptors from 3 on are files with the secrets. */
  async #spawn(
    host: LabHost,
    secrets: readonly string[],
    args: readonly string[],
  ): Promise<LoggedProcess> {
    const handles: FileHandle[] = [];
    try {
      for (const secret of secrets) handles.push(await openSecret(`${secret}\n`));
      const descriptors = handles.map((handle) => handle.fd);
      const labProcess = this.#lab.spawn(host, [process.execPath, TURNPIKE, ...args], {
        stdio: ['ignore', 'ignore', 'pipe', ...descriptors],
      });
      const supervised = new LoggedProcess(host.name, labProcess);
      supervised.ended.catch(this.#break);
      return supervised;
    } finally {
      await Promise.all(handles.map((handle) => handle.close()));
    }
  }
}

/** Passes a peer's reports on until it ends. */
async function peerEnd(
  side: Side,
  { child, ended }: LabProcess,
  report: (report: PeerReport) => void,
): Promise<void> {
  let failure: Extract<PeerReport, { event: 'failed' }> | undefined;
  let lastWords = '';
  readLines(child.stdout, (line) => {
    const told = parseObject(line) as PeerReport | undefined;
    if (told?.event === 'failed') failure = told;
    else if (told !== undefined) report(told);
  });
  readLines(child.stderr, (line) => {
    lastWords = line;
  });
  const { code, signal } = await ended;
  if (code === 0) return;
  const why = failure?.message ?? (lastWords || `ended with ${signal ?? `status ${code}`}`);
  const errorCode = (failure?.code ?? 'ERR_TURNPIKE_CLOSED') as TurnpikeError['code'];
  throw new TurnpikeError(errorCode, `peer ${side}: ${why}`);
}
