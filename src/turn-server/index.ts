export type { TurnServerOptions, TurnServerUpdate } from './options.js';
export { TurnServer } from './turn-server.js';
