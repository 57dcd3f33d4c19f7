import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { coturn, newerCoturn } from './contestants/coturn.js';
import { kernelForwarding } from './contestants/kernel-forwarding.js';
import { npmTurnServer } from './contestants/npm-turn-server.js';
import { pion } from './contestants/pion.js';
import { reflector } from './contestants/reflector.js';
import { type TurnpikeVariant, turnpike } from './contestants/turnpike.js';
import { xdpRedirect } from './contestants/xdp-redirect.js';
import type { Contestant } from './types.js';

/** Options that determine the list of contestants. */
export interface CatalogueOptions {
  /** Further variants of Turnpike. */
  readonly variants: readonly TurnpikeVariant[];
  /** Folder in which the npm package `turn-server` is installed. */
  readonly turnServerFolder?: string;
  /** Path of a newer coturn's `turnserver`. */
  readonly coturnPath?: string;
}

/** Returns all contestants, including those that cannot run here. */
export function catalogue(options: CatalogueOptions): Contestant[] {
  const { variants, turnServerFolder, coturnPath } = options;
  return [
    turnpike({ name: 'turnpike', title: 'Turnpike mmsg' }),
    turnpike({ name: 'turnpike-xdp', title: 'Turnpike xdp', xdp: true }),
    ...variants.map(turnpike),
    reflector(false),
    reflector(true),
    xdpRedirect,
    kernelForwarding,
    coturn,
    ...(coturnPath === undefined ? [] : [newerCoturn(coturnPath)]),
    pion,
    npmTurnServer(turnServerFolder),
  ];
}

/**
 * Parses a variant of the command line: `NAME={"coalescingUs":0}`, with options of the data plane
 * or of a TURN server in JSON. Further members are `checkout`, the folder of another compiled
 * checkout which is measured, such as one before a change, and `"xdp":true`, which forwards by XDP.
 * @throws Error for an invalid variant, with the reason
 */
export function parseVariant(text: string): TurnpikeVariant {
  const equals = text.indexOf('=');
  const name = text.slice(0, equals);
  if (!/^[a-z0-9-]+$/.test(name)) throw new Error(`a variant is NAME={…}, not ${text}`);
  let options: Record<string, unknown>;
  try {
    options = JSON.parse(text.slice(equals + 1)) as Record<string, unknown>;
  } catch (cause) {
    throw new Error(`the options of variant ${name} are not JSON: ${text.slice(equals + 1)}`, {
      cause,
    });
  }
  const { checkout, xdp, ...rest } = options;
  if (typeof checkout === 'string' && !existsSync(join(checkout, 'build', 'Release'))) {
    throw new Error(`the checkout of variant ${name} is not there, or not compiled: ${checkout}`);
  }
  return {
    name: `turnpike-${name}`,
    title: `Turnpike ${xdp === true ? 'XDP' : 'mmsg'}, ${text.slice(equals + 1)}`,
    options: rest,
    ...(typeof checkout === 'string' && { checkout: resolve(checkout) }),
    ...(xdp === true && { xdp }),
  };
}
