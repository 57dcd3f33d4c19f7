export type {
  Authenticate,
  AuthenticateAnswer,
  AuthenticateRequest,
} from '../auth/authenticate-hook.js';
export type { AllocationEvent } from '../turn/allocation-events.js';
export type { TurnServerOptions, TurnServerUpdate } from './options.js';
export { TurnServer } from './turn-server.js';
