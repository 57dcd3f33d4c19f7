/** Runs the npm package `turn-server`. The first argument has its addresses and user as JSON. */
const spec = JSON.parse(process.argv[2]);
const { createServer } = await import(spec.entry);
const server = createServer({
  auth: {
    mechanism: 'long-term',
    realm: spec.realm,
    credentials: { [spec.username]: spec.password },
  },
  relay: {
    ip: spec.relayAddress,
    externalIp: spec.relayAddress,
    portRange: [spec.first, spec.last],
  },
});
server.listen({ port: spec.port, address: spec.address });
