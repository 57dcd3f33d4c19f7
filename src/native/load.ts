import { createRequire } from 'node:module';
import { TurnpikeError } from '../errors.js';
import type { NativeBinding } from './binding.js';

interface Locator {
  loadAddon(): { addon: NativeBinding | undefined; tried: readonly string[] };
  explain(tried: readonly string[]): string;
}

let loaded: NativeBinding | undefined;

/**
 * Loads the compiled addon once. native/locate.cjs lists where it is searched.
 * @throws TurnpikeError ERR_TURNPIKE_ADDON that lists every place tried and why each failed
 */
export function loadBinding(): NativeBinding {
  if (loaded === undefined) {
    const locator: Locator = createRequire(import.meta.url)('../../native/locate.cjs');
    const { addon, tried } = locator.loadAddon();
    if (addon === undefined) throw new TurnpikeError('ERR_TURNPIKE_ADDON', locator.explain(tried));
    loaded = addon;
  }
  return loaded;
}
