import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/** An API key of valid form, for servers that do not check it. */
export const API_KEY = 'an-api-key-for-tests';

export interface ScriptedAnswer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

export interface ScriptedRequest {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface ScriptedServer {
  readonly url: string;
  readonly requests: ScriptedRequest[];
  readonly server: Server;
}

/** Starts an HTTP server with scripted answers; undefined leaves a request unanswered. */
export async function httpServer(
  t: Test,
  answer: (request: ScriptedRequest) => ScriptedAnswer | undefined,
): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    let body = '';
    for await (const chunk of incoming.setEncoding('utf8')) body += chunk;
    const { method, url, headers } = incoming;
    const request = { method, url, headers, body };
    requests.push(request);
    const scripted = answer(request);
    if (scripted === undefined) return;
    outgoing.writeHead(scripted.status, { 'content-type': scripted.type ?? 'application/json' });
    outgoing.end(scripted.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests, server };
}

const half = (role: 0 | 1) => ({
  role,
  relay: {
    id: role === 0 ? 'fra-1' : 'nyc-1',
    region: role === 0 ? 'fra' : 'nyc',
    address: role === 0 ? '::ffff:192.0.2.10' : '192.0.2.20',
    port: 3478,
  },
  peerRelay: { address: role === 0 ? '192.0.2.20' : '192.0.2.10', port: 3478 },
  username: `1800000000:default/${'5f'.repeat(16)}/${role}`,
  password: 'c2VjcmV0',
});

/** Returns the answer of `POST /v1/connections` in PROTOCOL.md section 5. */
export function offerJson(): Record<string, unknown> & { peers: Record<string, unknown>[] } {
  return {
    connectionId: '5f'.repeat(16),
    expiresAt: '2026-11-22T15:00:00Z',
    realm: 'turnpike',
    peers: [half(0), half(1)],
  };
}
