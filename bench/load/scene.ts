import { readFileSync } from 'node:fs';
import type { LabProcess } from '../../src/lab/index.js';

/** The CPUs to which programs are pinned. */
export interface CpuPlan {
  /** CPU of the contestant. */
  readonly server: number;
  /** CPU of generator and sink. */
  readonly generator: number;
}

/** Returns the CPUs that this process may run on (sched_setaffinity(2)), in order. */
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
 * The hosts of a measurement: a near host with the generator, one or two servers in a row, and a
 * far host that counts. Packets go from near to far, whichever leg of a relay is measured.
 * `turned` returns the scene for the opposite direction.
 */
export interface Scene {
  /** On loopback all hosts share one network stack, so its figures are only indicative. */
  readonly kind: 'namespaces' | 'loopback';
  readonly cpus: CpuPlan;
  readonly near: Place;
  /** The servers from near to far, each with its interfaces towards both ends. */
  readonly servers: readonly { readonly near: Place; readonly far: Place }[];
  readonly far: Place;
  /** First three bytes of the clients' addresses at either end. */
  readonly nearNetwork: string;
  readonly farNetwork: string;

  /** Starts a program on a host, pinned to a CPU. It ends with the scene. */
  spawn(place: Place, cpu: number, argv: readonly string[]): LabProcess;
  /**
   * Runs a tool on a host to its end.
   * @returns its standard output
   * @throws Error with the tool's standard error
   */
  run(place: Place, argv: readonly string[]): Promise<string>;
  /** Ends all programs and removes the scene. */
  close(): Promise<void>;
}

/** Returns the server next to the generator: the only one, except on a path of two relays. */
export function firstServer({ servers }: Scene): { readonly near: Place; readonly far: Place } {
  const [server] = servers;
  if (server === undefined) throw new Error('a scene has a server');
  return server;
}

/** Returns the scene with near and far exchanged, for traffic in the opposite direction. */
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
