export type { RelayOptions, RelayUpdate } from './options.js';
export { Relay, type RelayEvents } from './relay.js';
