import { readFileSync } from 'node:fs';
import type { LabProcess } from '../../src/lab/index.js';

/** Which CPU does what; the figures' meaning hangs on it. */
export interface CpuPlan {
  readonly server: number;
  /** Generator and sink. */
  readonly generator: number;
}

/** The CPUs that this process may run on (sched_setaffinity(2)), in order. */
export function allowedCpus(): number[] {
  const status = readFileSync('/proc/self/status', 'latin1');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** A host of the scene with one of its interfaces. */
export interface Place {
  readonly host: string;
  readonly device: string;
  readonly address: string;
  readonly mac: string;
}

/**
 * Where measurements happen: a near host that generates, one server or two in a row, and a far host
 * that counts. Packets travel from near to far, whichever leg of a relay is measured; for those
 * that go the other way there is the scene `turned`.
 */
export interface Scene {
  /** On loopback everything shares one network stack, so its figures only indicate. */
  readonly kind: 'namespaces' | 'loopback';
  readonly cpus: CpuPlan;
  readonly near: Place;
  /** The servers from near to far, each with the interfaces that it has towards both. */
  readonly servers: readonly { readonly near: Place; readonly far: Place }[];
  readonly far: Place;
  /** First three bytes of the clients' addresses at either end. */
  readonly nearNetwork: string;
  readonly farNetwork: string;

  /** Starts a program on a host, bound to a CPU; it ends with the scene. */
  spawn(place: Place, cpu: number, argv: readonly string[]): LabProcess;
  /**
   * Runs a tool on a host to its end.
   * @returns what it printed
   * @throws Error with the tool's complaint
   */
  run(place: Place, argv: readonly string[]): Promise<string>;
  /** Ends everything and leaves nothing. */
  close(): Promise<void>;
}

/** The server next to the generator: the only one, but for the path over two relays. */
export function firstServer({ servers }: Scene): { readonly near: Place; readonly far: Place } {
  const [server] = servers;
  if (server === undefined) throw new Error('a scene has a server');
  return server;
}

/** The same scene seen from its far end, for traffic that goes the other way. */
export function turned(scene: Scene): Scene {
  return {
    kind: scene.kind,
    cpus: scene.cpus,
    near: scene.far,
    servers: scene.servers.map(({ near, far }) => ({ near: far, far: near })).reverse(),
    far: scene.near,
    nearNetwork: scene.farNetwork,
    farNetwork: scene.nearNetwork,
    spawn: (place, cpu, argv) => scene.spawn(place, cpu, argv),
    run: (place, argv) => scene.run(place, argv),
    close: () => scene.close(),
  };
}
