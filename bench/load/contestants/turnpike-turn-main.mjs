/** Runs Turnpike's TURN server. The first argument has its module and its options as JSON. */
import { pino } from 'pino';

/** Prints the state of XDP when it is logged. */
const logger = pino({ base: undefined, timestamp: false }, { write: printXdp });

function printXdp(line) {
  if (JSON.parse(line).event === 'xdp') process.stdout.write(`xdp ${line}`);
}

const { entry, options } = JSON.parse(process.argv[2]);
const { TurnServer } = await import(entry);
const server = await TurnServer.open({ ...options, logger });
process.once('SIGTERM', () => void server.close().then(() => process.exit(0)));
