/** Runs Turnpike's TURN server. The first argument has its `TurnAddresses` as JSON. */
import { TurnServer } from '../../../src/turn-server/index.js';
import { SERVER_PORT } from '../addresses.js';
import { RELAY_PORTS, TURN_USER, type TurnAddresses } from './turn-spec.js';

const { address, relayAddresses } = JSON.parse(process.argv[2] ?? '{}') as TurnAddresses;
const { username, password, realm } = TURN_USER;
const server = await TurnServer.open({
  listen: `${address}:${SERVER_PORT}`,
  relayAddresses,
  relayPorts: `${RELAY_PORTS.first}-${RELAY_PORTS.last}`,
  realm,
  users: [`${username}:${password}`],
  allowPrivatePeers: true,
  workers: 1,
});
process.once('SIGTERM', () => void server.close().then(() => process.exit(0)));
