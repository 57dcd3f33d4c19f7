import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
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
 * in JSON. Beside them `checkout` names another checkout, compiled there, whose data plane runs in
 * place of this one's, as it is before a change; and `"xdp":true` has it forward by XDP.
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
