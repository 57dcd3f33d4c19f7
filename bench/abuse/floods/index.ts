import type { Flood } from '../flood.js';
import { HTTP } from './http.js';
import { RELAYS } from './relays.js';
import { STRANGERS } from './strangers.js';
import { TENANT_LEGS } from './tenant-legs.js';

/** All floods, in the order in which they run. */
export const FLOODS: readonly Flood[] = [...STRANGERS, ...TENANT_LEGS, ...HTTP, ...RELAYS];

/** Returns a flood by name. @throws Error for an unknown name */
export function floodOf(name: string): Flood {
  const flood = FLOODS.find((each) => each.name === name);
  if (flood === undefined) throw new Error(`no flood is called ${name}`);
  return flood;
}
