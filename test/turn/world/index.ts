export { bindError, clientKey, FakeTurnPlane, peerKey } from './fake-turn-plane.js';
export { type Answer, type Content, family, relayedOf, TurnClient } from './turn-client.js';
export {
  DENIED,
  PASSWORD,
  PEER,
  POLICY,
  REALM,
  RELAY_V4,
  RELAY_V6,
  TurnWorld,
  tupleOf,
} from './turn-world.js';
