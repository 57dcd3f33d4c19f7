import type { AddressFamily } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { NamespaceGuard } from './guard.js';
import {
  INTERNET,
  linkLine,
  type NamespaceSettings,
  namespaceSettings,
  nodeLines,
  parentLines,
} from './links.js';
import { newPrefix, reapStale } from './namespaces.js';
import { natRules } from './nat-rules.js';
import {
  type LabProcess,
  type SpawnOptions,
  STOP_GRACE_MS,
  spawnInNamespace,
} from './processes.js';
import { labSupport } from './support.js';
import { run } from './tools.js';
import { AddressPlan, type LabHost, type LabNat, type NatBehaviour } from './topology.js';

const DUAL_STACK: readonly AddressFamily[] = [4, 6];

/** Options of `Lab.nat`. */
export interface NatOptions {
  readonly behaviour: NatBehaviour;
  /** Default: IPv4 and IPv6. */
  readonly families?: readonly AddressFamily[];
}

/** Options of `Lab.host`. */
export interface HostOptions {
  /** The NAT in front of the host; absent for a public host. */
  readonly behind?: LabNat;
  /** Default: those of its NAT; for a public host IPv4 and IPv6. */
  readonly families?: readonly AddressFamily[];
}

/**
 * A small internet in network namespaces: public hosts and NATs around one router, hosts behind the
 * NATs. `nat` and `host` declare nodes, `up` creates them, `spawn` runs programs in them. `close`
 * and the end of the process, even by SIGKILL, remove everything.
 */
export class Lab {
  readonly #guard: NamespaceGuard;
  readonly #plan: AddressPlan;
  readonly #prefix: string;
  readonly #processes = new Set<LabProcess>();
  #pendingNodes: (LabHost | LabNat)[] = [];
  #rising: Promise<void> | undefined;
  #isRouterUp = false;
  #isClosed = false;

  /**
   * Creates an empty lab. Also removes the namespaces that labs of dead processes have left.
   * @throws TurnpikeError ERR_TURNPIKE_PRIVILEGE with what is missing
   */
  constructor() {
    const support = labSupport();
    if (!support.ok) throw new TurnpikeError('ERR_TURNPIKE_PRIVILEGE', support.why);
    reapStale();
    this.#prefix = newPrefix();
    this.#guard = new NamespaceGuard();
    this.#plan = new AddressPlan(this.#prefix);
  }

  /**
   * Declares a NAT on the internet.
   * @throws TurnpikeError ERR_TURNPIKE_LAB for an invalid name, ERR_TURNPIKE_LIMIT if the lab is
   *   full
   */
  nat(name: string, options: NatOptions): LabNat {
    const nat = this.#plan.nat(name, options.behaviour, options.families ?? DUAL_STACK);
    this.#pendingNodes.push(nat);
    return nat;
  }

  /**
   * Declares a host.
   * @throws TurnpikeError ERR_TURNPIKE_LAB for an invalid name, ERR_TURNPIKE_LIMIT if the lab is
   *   full
   */
  host(name: string, options: HostOptions = {}): LabHost {
    const families = options.families ?? options.behind?.families ?? DUAL_STACK;
    const host = this.#plan.host(name, families, options.behind);
    this.#pendingNodes.push(host);
    return host;
  }

  /**
   * Creates all nodes declared since the last call.
   * @throws TurnpikeError ERR_TURNPIKE_LAB if a tool fails; the lab must be closed then
   */
  up(): Promise<void> {
    this.#rising = this.#rise();
    return this.#rising;
  }

  /**
   * Starts a program in a host. It ends with the lab.
   * @param host - a host that is up
   * @param argv - program and arguments, without a shell
   * @returns the process; one whose program is not found ends with code 127
   * @throws TurnpikeError ERR_TURNPIKE_CLOSED after `close`
   */
  spawn(host: LabHost, argv: readonly string[], options?: SpawnOptions): LabProcess {
    if (this.#isClosed) throw new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the lab is closed');
    const labProcess = spawnInNamespace(host, argv, options);
    this.#processes.add(labProcess);
    void labProcess.ended.then(() => this.#processes.delete(labProcess));
    return labProcess;
  }

  /**
   * Ends all processes and removes all namespaces. May be called at any time, and again.
   * @param graceMs - time between SIGTERM and SIGKILL, ms
   */
  async close(graceMs = STOP_GRACE_MS): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Otherwise namespaces that `up` is creating would be created after the removal.
    await this.#rising?.catch(() => {});
    await Promise.all([...this.#processes].map((labProcess) => labProcess.stop(graceMs)));
    await this.#guard.close();
  }

  async #rise(): Promise<void> {
    const nodes = this.#pendingNodes;
    this.#pendingNodes = [];
    await this.#makeNamespaces(nodes);
    const links = nodes.map((node) => linkLine(node, this.parentOf(node)));
    await run(['ip', '-batch', '-'], lines(links));
    await Promise.all([
      ...[...this.#addressing(nodes)].map(([name, batch]) =>
        run(['ip', '-n', name, '-batch', '-'], lines(batch)),
      ),
      ...nodes.map((node) => (node.kind === 'nat' ? this.#loadNat(node) : undefined)),
    ]);
  }

  async #makeNamespaces(nodes: readonly (LabHost | LabNat)[]): Promise<void> {
    const settings = new Map<string, NamespaceSettings>();
    if (!this.#isRouterUp) settings.set(this.#router, namespaceSettings(true));
    this.#isRouterUp = true;
    for (const node of nodes) {
      const ports = node.kind === 'host' ? node.ephemeralPorts : undefined;
      settings.set(node.namespace, namespaceSettings(node.kind === 'nat', ports));
    }
    for (const namespace of settings.keys()) this.#guard.watch(namespace);
    await run(
      ['ip', '-batch', '-'],
      lines([...settings.keys()].map((name) => `netns add ${name}`)),
    );
    await Promise.all(
      [...settings].flatMap(([namespace, values]) =>
        Object.entries(values).map(([value, files]) => {
          const paths = files.map((file) => `/proc/sys/net/${file}`);
          return run(['ip', 'netns', 'exec', namespace, 'tee', ...paths], value);
        }),
      ),
    );
  }

  /** Returns the `ip` lines of each namespace that gets a link. */
  #addressing(nodes: readonly (LabHost | LabNat)[]) {
    const batches = new Map<string, string[]>();
    const add = (namespace: string, more: string[]) => {
      batches.set(namespace, [...(batches.get(namespace) ?? []), ...more]);
    };
    for (const node of nodes) {
      add(node.namespace, nodeLines(node));
      add(this.parentOf(node), parentLines(node));
    }
    return batches;
  }

  #loadNat(nat: LabNat): Promise<void> {
    return run(['ip', 'netns', 'exec', nat.namespace, 'nft', '-f', '-'], natRules(nat.behaviour));
  }

  /** Returns the namespace at the other end of a node's uplink. */
  protected parentOf(node: LabHost | LabNat): string {
    const nat = node.kind === 'host' ? node.behind : undefined;
    return nat?.namespace ?? this.#router;
  }

  get #router(): string {
    return `${this.#prefix}-${INTERNET}`;
  }
}

function lines(batch: readonly string[]): string {
  return batch.map((line) => `${line}\n`).join('');
}
