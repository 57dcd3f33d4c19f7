/** Runs Turnpike's TURN server. The first argument has its module and its options as JSON. */
const { entry, options } = JSON.parse(process.argv[2]);
const { TurnServer } = await import(entry);
const server = await TurnServer.open(options);
process.once('SIGTERM', () => void server.close().then(() => process.exit(0)));
