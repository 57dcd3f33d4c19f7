/**
 * Opens UDP sockets and sends datagrams as its standard input asks, a JSON object a line, and tells
 * what it did and what arrived the same way: the hands of a test inside a namespace.
 */
import { createSocket, type Socket } from 'node:dgram';
import { createInterface } from 'node:readline';
import type { AgentEvent, AgentRequest } from '../agent.js';

const sockets: Socket[] = [];

function tell(event: AgentEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function open(request: Extract<AgentRequest, { do: 'open' }>): void {
  const number = sockets.length;
  const socket = createSocket(request.family === 4 ? 'udp4' : 'udp6');
  sockets.push(socket);
  socket.on('message', (data, from) => {
    const { address, port } = from;
    tell({ kind: 'received', socket: number, from: { address, port }, text: data.toString() });
  });
  socket.on('error', (error) => tell({ kind: 'failed', id: request.id, why: error.message }));
  socket.bind(request.port, () => {
    tell({ kind: 'done', id: request.id, socket: number, port: socket.address().port });
  });
}

function send(request: Extract<AgentRequest, { do: 'send' }>): void {
  const { id, to, text } = request;
  sockets[request.socket]?.send(text, to.port, to.address, (error) => {
    if (error === null) tell({ kind: 'done', id });
    else tell({ kind: 'failed', id, why: error.message });
  });
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line) as AgentRequest;
  if (request.do === 'open') open(request);
  else send(request);
});
process.stdin.on('end', () => process.exit(0));
