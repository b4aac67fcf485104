// The tests' storage driver as a program for a container of its own. Its options are its only argument, as JSON.
import { type DriverOptions, TestDriver } from './csi-driver.ts';

const driver = new TestDriver(JSON.parse(process.argv[2] ?? '') as DriverOptions);
process.on('SIGTERM', () => {
  driver.stop();
  process.exit(0);
});
await driver.startControllers();
await driver.start();
