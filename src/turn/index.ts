export { BIND_REFUSALS, BindStats } from './bind-stats.js';
export { TRUNK_SESSIONS_MAX } from './trunk-sessions.js';
export { Turn } from './turn.js';
export { TurnLog } from './turn-log.js';
export type {
  PeerRules,
  PortRange,
  RelayedAddress,
  TurnLimits,
  TurnOptions,
  TurnPlane,
} from './turn-options.js';
export type { TurnStats } from './turn-stats.js';
