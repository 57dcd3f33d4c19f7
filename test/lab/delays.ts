import { once } from 'node:events';
import { accessSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LabProcess } from '../../src/lab/processes.js';
import { findTool } from '../../src/lab/tools.js';
import type { LabHost, LabNat } from '../../src/lab/topology.js';

/** The device that the router's packets pass. */
export const DELAY_DEVICE = 'delays';

/** The program that delays them, and its arguments. */
export const DELAY_ROUTER = [
  'python3',
  fileURLToPath(new URL('delay_router.py', import.meta.url)),
  DELAY_DEVICE,
] as const;

/** The routing table that leads to the device. */
const TABLE = 7;

/** How packets travel from some nodes to others. */
export interface DelayedPath {
  readonly from: readonly (LabHost | LabNat)[];
  readonly to: readonly (LabHost | LabNat)[];
  /** Delay of one direction, ms. */
  readonly delayMs: number;
  /** Maximum of a random further delay, ms; default 0. */
  readonly jitterMs?: number;
  /** Share of packets that are lost at random; default 0. */
  readonly loss?: number;
}

/** Returns why paths cannot be delayed here, for tap's `skip` option; false if they can. */
export function delaySkipReason(): string | false {
  if (findTool('python3') === undefined) return 'python3 not found';
  try {
    accessSync('/dev/net/tun');
    return false;
  } catch {
    return '/dev/net/tun not found';
  }
}

/** Delays the packets between nodes of a lab: a process of the namespace that routes them. */
export class Delays {
  readonly #router: LabProcess;
  readonly #lines: Interface;

  private constructor(router: LabProcess, lines: Interface) {
    this.#router = router;
    this.#lines = lines;
  }

  /** Waits until a `DELAY_ROUTER` has its device. */
  static async of(router: LabProcess): Promise<Delays> {
    const { stdout } = router.child;
    if (stdout === null) throw new Error('the standard output of the router is a pipe');
    const delays = new Delays(router, createInterface(stdout));
    await delays.#answered();
    return delays;
  }

  /** Replaces the delays of all paths. A path holds in its direction; packets of others pass. */
  async set(paths: readonly DelayedPath[]): Promise<void> {
    const addressesOf = (nodes: readonly (LabHost | LabNat)[]) =>
      nodes.flatMap(({ addresses }) => Object.values(addresses));
    const told = paths.map(({ from, to, ...terms }) => ({
      ...terms,
      from: addressesOf(from),
      to: addressesOf(to),
    }));
    this.#router.child.stdin?.write(`${JSON.stringify(told)}\n`);
    await this.#answered();
  }

  async #answered(): Promise<void> {
    await Promise.race([
      once(this.#lines, 'line'),
      this.#router.ended.then(({ code }) => {
        throw new Error(`the program that delays packets has ended with code ${code}`);
      }),
    ]);
  }
}

/** Returns two paths: there and back. @param rttMs - the delay of both directions together */
export function roundTrip(
  a: readonly (LabHost | LabNat)[],
  b: readonly (LabHost | LabNat)[],
  rttMs: number,
  more: Pick<DelayedPath, 'jitterMs' | 'loss'> = {},
): [DelayedPath, DelayedPath] {
  const delayMs = rttMs / 2;
  return [
    { from: a, to: b, delayMs, ...more },
    { from: b, to: a, delayMs, ...more },
  ];
}

/**
 * Returns the `ip -batch` lines that lead what arrives from some links to the device, for one
 * family. What the router itself sends keeps its routes.
 */
export function delayLines(downlinks: readonly string[]): string[] {
  return [
    `route replace default dev ${DELAY_DEVICE} table ${TABLE}`,
    ...downlinks.map((downlink) => `rule add iif ${downlink} lookup ${TABLE}`),
  ];
}
