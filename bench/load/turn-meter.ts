// Loaded before a server's program (`--import`): tells the CPU time of each turn of its event loop, which other load on the machine moves little.
// The parent writes a line to descriptor 3 to begin, and another to end, and is sent the turns in between that took a millisecond and more.
import { openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import type { Turn } from './jobs.ts';

const toldFromMs = 1;
const parentFd = 3;
/** Of the process's first thread, which is the one of the event loop. */
const path = '/proc/self/schedstat';

function meter(): void {
  const file = openSync(path, 'r');
  const text = Buffer.alloc(64);
  const cpuMs = (): number => {
    // Without this the kernel's count is that of its last tick, 4 ms ago at most.
    process.cpuUsage();
    return Number.parseInt(text.toString('latin1', 0, readSync(file, text, 0, text.length, 0)), 10) / 1e6;
  };
  let measuring = false;
  let turns: Turn[] = [];
  let startMs = 0;
  const next = (): void => {
    const ms = cpuMs() - startMs;
    if (ms >= toldFromMs) turns.push({ endMs: Date.now(), cpuMs: ms });
    startMs = cpuMs();
    if (measuring) setImmediate(next);
  };
  const parent = new Socket({ fd: parentFd });
  parent.unref();
  parent.on('data', () => {
    measuring = !measuring;
    if (!measuring) return void parent.write(`${JSON.stringify(turns)}\n`);
    turns = [];
    startMs = cpuMs();
    setImmediate(next);
  });
}

if (isMainThread) meter();
