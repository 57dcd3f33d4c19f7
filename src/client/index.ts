export type { IntegrityPreference } from '../auth/client-authenticator.js';
export type { ConnectionState } from './connection-state.js';
export {
  type CallOptions,
  type CandidatesRequest,
  type ConnectionRequest,
  DirectoryClient,
  type PeerHints,
  type RelayCandidate,
  type RelayCandidates,
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
export type { Measurement, MeasureOptions, RelayMeasurement } from './measure.js';
export { Peer } from './peer.js';
export type { IgnoredReason, PeerOptions, PeerStats } from './peer-options.js';
export { type Reconnecting, ReconnectingPeer } from './reconnecting-peer.js';
export type { PingProgress } from './relay-pings.js';
export { type NextOptions, Rendezvous, type RendezvousOptions } from './rendezvous.js';
export { type Cancel, type Scheduler, systemScheduler } from './scheduler.js';
