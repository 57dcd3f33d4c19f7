import type { CommandDefinition } from '../command.js';
import { demoCommand } from './demo.js';
import { directoryCommand } from './directory.js';
import { explainCommand } from './explain.js';
import { peerCommand } from './peer.js';
import { pingCommand } from './ping.js';
import { relayCommand } from './relay.js';
import {
  secretNewCommand,
  secretRelayCommand,
  secretTenantCommand,
  secretTurnCommand,
} from './secret.js';
import { turnCommand } from './turn.js';

/** All commands, in the order of help. */
export const COMMANDS: readonly CommandDefinition[] = [
  demoCommand,
  directoryCommand,
  relayCommand,
  turnCommand,
  peerCommand,
  pingCommand,
  explainCommand,
  secretNewCommand,
  secretRelayCommand,
  secretTenantCommand,
  secretTurnCommand,
];
