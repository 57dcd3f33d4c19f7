import { existsSync } from 'node:fs';
import { coturn } from './contestants/coturn.js';
import { kernelForwarding } from './contestants/kernel-forwarding.js';
import { npmTurnServer } from './contestants/npm-turn-server.js';
import { pion } from './contestants/pion.js';
import { reflector } from './contestants/reflector.js';
import { type TurnpikeVariant, turnpike } from './contestants/turnpike.js';
import { xdpRedirect } from './contestants/xdp-redirect.js';
import type { Contestant } from './types.js';

/** What the list of contestants depends on. */
export interface CatalogueOptions {
  /** More Turnpikes beside the plain one. */
  readonly variants: readonly TurnpikeVariant[];
  /** Where the npm package `turn-server` is installed. */
  readonly turnServerFolder?: string;
}

/** Everyone who can take part. */
export function catalogue({ variants, turnServerFolder }: CatalogueOptions): Contestant[] {
  return [
    turnpike({ name: 'turnpike', title: 'Turnpike mmsg' }),
    turnpike({ name: 'turnpike-xdp', title: 'Turnpike xdp', xdp: true }),
    ...variants.map(turnpike),
    reflector(false),
    reflector(true),
    xdpRedirect,
    kernelForwarding,
    coturn,
    pion,
    npmTurnServer(turnServerFolder),
  ];
}

/**
 * Reads a variant as the command line gives it: `NAME={"coalescingUs":0}`, the data plane's options
 * in JSON, with `addon` among them for another build.
 * @throws Error that says what is wrong with it
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
  const { addon, ...rest } = options;
  // The relay would take the plain build instead.
  if (typeof addon === 'string' && !existsSync(addon)) {
    throw new Error(`the addon of variant ${name} is not there: ${addon}`);
  }
  return {
    name: `turnpike-${name}`,
    title: `Turnpike mmsg, ${text.slice(equals + 1)}`,
    options: rest,
    ...(typeof addon === 'string' && { addon }),
  };
}
