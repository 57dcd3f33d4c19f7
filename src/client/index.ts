export type { IntegrityPreference } from '../auth/client-authenticator.js';
export type { ConnectionState } from './connection-state.js';
export {
  type CallOptions,
  type ConnectionRequest,
  DirectoryClient,
  type PeerHints,
  type RelayDoubt,
  type RelayReachability,
  type RelaySummary,
} from './directory-client.js';
export type { DirectoryAccess } from './directory-problem.js';
export { type ConnectionGrant, type GrantPair, parseGrant, parseGrantPair } from './grant.js';
export type { Introduction } from './introduction.js';
export type {
  JoinOptions,
  JoinProgress,
  MeetOptions,
  ReconnectingJoinOptions,
  ReconnectOptions,
} from './join.js';
export { Peer } from './peer.js';
export type { IgnoredReason, PeerOptions, PeerStats } from './peer-options.js';
export { type Reconnecting, ReconnectingPeer } from './reconnecting-peer.js';
export { type NextOptions, Rendezvous, type RendezvousOptions } from './rendezvous.js';
export { type Cancel, type Scheduler, systemScheduler } from './scheduler.js';
