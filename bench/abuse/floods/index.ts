import type { Flood } from '../flood.js';
import { HTTP } from './http.js';
import { RELAYS } from './relays.js';
import { STRANGERS } from './strangers.js';
import { TENANT_LEGS } from './tenant-legs.js';

/** Every flood, in the order in which they are run. */
export const FLOODS: readonly Flood[] = [...STRANGERS, ...TENANT_LEGS, ...HTTP, ...RELAYS];

/** @throws Error for a name that none has */
export function floodOf(name: string): Flood {
  const flood = FLOODS.find((each) => each.name === name);
  if (flood === undefined) throw new Error(`no flood is called ${name}`);
  return flood;
}
