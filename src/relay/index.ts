export type { AddressInput } from './addresses.js';
export { Relay, type RelayEvents, type RelayOptions } from './service.js';
