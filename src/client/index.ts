export type { IntegrityPreference } from '../auth/client-credentials.js';
export type { ConnectionState } from './connection.js';
export {
  type CallOptions,
  type ConnectionRequest,
  DirectoryClient,
  type PeerHints,
  type RelaySummary,
} from './directory-client.js';
export type { DirectoryAccess } from './directory-problem.js';
export { type ConnectionGrant, type ConnectionOffer, parseGrant, parseOffer } from './grant.js';
export type { Introduction } from './introduction.js';
export type { JoinOptions, JoinProgress, MeetOptions } from './join.js';
export { type IgnoredReason, Peer, type PeerOptions, type PeerStats } from './peer.js';
export { Rendezvous, type RendezvousOptions } from './rendezvous.js';
export { type Cancel, type Scheduler, systemScheduler } from './scheduler.js';
