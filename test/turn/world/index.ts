export { FakeHook } from './fake-hook.js';
export { bindError, clientKey, FakeTurnPlane, movedKey, peerKey } from './fake-turn-plane.js';
export { ALLOCATE, allocatedByHook, hookScene } from './hook-scene.js';
export {
  type Answer,
  type Content,
  family,
  type RequestOptions,
  relayedOf,
  TurnClient,
} from './turn-client.js';
export {
  DENIED,
  PASSWORD,
  PEER,
  POLICY,
  REALM,
  RELAY_V4,
  RELAY_V6,
  STATIC_USER,
  TurnWorld,
  tupleOf,
  type WorldOptions,
} from './turn-world.js';
