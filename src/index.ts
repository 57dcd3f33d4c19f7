export {
  type AddressInput,
  formatAddress,
  parseAddress,
  type TransportAddress,
} from './address.js';
export { relaySecret, tenantRoot, tenantSecret } from './auth/keys.js';
export { mintTurnCredential, type TurnCredentialInput } from './auth/tenant-turn-credentials.js';
export * from './client/index.js';
export { type Clock, systemClock } from './clock.js';
export {
  type ApiKey,
  type CertificateAndKey,
  Directory,
  type DirectoryOptions,
  type DirectoryUpdate,
} from './directory/index.js';
export {
  isTurnpikeError,
  TurnpikeError,
  type TurnpikeErrorCode,
  type TurnpikeErrorDetails,
  type TurnpikeErrorReason,
} from './errors.js';
export type { NetworkPlace, NetworkPlaces } from './estimates/network-places.js';
export type { Health, HealthReason } from './http/health.js';
export type { OneOrMore } from './options/option-spec.js';
export { type CredentialInput, mintCredential } from './overlay/leg-credentials.js';
export type { RandomBytes } from './random.js';
export type { RelayRecord } from './registry/types.js';
export { Relay, type RelayEvents, type RelayOptions, type RelayUpdate } from './relay/index.js';
export {
  type AllocationEvent,
  type Authenticate,
  type AuthenticateAnswer,
  type AuthenticateRequest,
  TurnServer,
  type TurnServerOptions,
  type TurnServerUpdate,
} from './turn-server/index.js';
