export type { RelayOptions } from './options.js';
export { Relay, type RelayEvents } from './service.js';
