// The program of the thread for heavy work. The bundle has it as a file of its own.
import { serveThread } from '../../base/ports/threads.ts';
import { heavyTasks } from './tasks.ts';

serveThread({ ...heavyTasks });
