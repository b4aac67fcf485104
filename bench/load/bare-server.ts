// The machine's own limit over TLS: Node's HTTPS server, answering the same bytes and doing nothing for them.
// Paths: GET /object and POST /object answer an object of the size asked for; GET /list streams so many of them; GET /watch holds the
// connection, and POST /write sends an event to all who watch before it is answered.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const [port = '0', certFile = '', keyFile = '', objectBytes = '1000', items = '0'] = process.argv.slice(2);
const object = Buffer.alloc(Number(objectBytes), 'x');
const batchItems = 24;
const batch = Buffer.alloc(object.length * batchItems, 'x');
const watching = new Set<http.ServerResponse>();
const jsonHead = { 'content-type': 'application/json', 'content-length': object.length };

async function sendList(response: http.ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  for (let sent = 0; sent < Number(items); sent += batchItems) {
    if (!response.write(batch)) await new Promise<void>((resolve) => response.once('drain', resolve));
  }
  response.end();
}

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  if (request.url?.startsWith('/list')) return void sendList(response);
  if (request.url?.startsWith('/watch')) {
    watching.add(response);
    response.on('close', () => watching.delete(response));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    return;
  }
  if (request.method === 'GET') return void response.writeHead(200, jsonHead).end(object);
  request.on('data', () => {});
  request.on('end', () => {
    if (request.url?.startsWith('/write')) for (const watcher of watching) watcher.write(object);
    response.writeHead(201, jsonHead).end(object);
  });
}

// Without TLS files it is a plain server, which nobody measures.
const server =
  certFile === '' ? http.createServer(answer) : https.createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, answer);
server.on('connection', (socket) => socket.setNoDelay(true));
server.listen(Number(port), '127.0.0.1');
