// Images without a registry: built from a directory, imported from archives of both forms.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemProcesses } from '../../../src/base/ports/process.ts';
import { containerConfig, createNode, type Node, sandboxConfig, traces, until } from './harness.ts';

describe('images', () => {
  let node: Node;
  let started: Awaited<ReturnType<Node['start']>>;
  let before: Awaited<ReturnType<typeof traces>>;

  beforeAll(async () => {
    before = await traces();
    node = await createNode();
    started = await node.start();
    await started.images.ensureLocalImages();
  });

  afterAll(async () => {
    await started?.stop();
    await node?.clean();
    expect(await traces()).toEqual(before);
  });

  /** Runs the image's own command to its end; gives what it wrote. */
  async function outputOf(image: string): Promise<string> {
    const { runtime } = started;
    const config = sandboxConfig(node, 'run-image');
    const sandbox = await runtime.runSandbox(config);
    const container = await runtime.createContainer(sandbox, containerConfig('main', [], { image, logPath: 'out.log' }), config);
    await runtime.startContainer(container);
    await until('the end', 10_000, async () => (await runtime.containerStatus(container)).state === 'exited');
    const log = await systemProcesses.run('cat', [join(node.dataDir, 'logs/run-image/out.log')], { deadlineMs: 1_000 });
    await runtime.removeSandbox(sandbox);
    return log.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' ').slice(3).join(' '))
      .join('\n');
  }

  async function makeRoot(): Promise<string> {
    const root = join(node.dataDir, 'rootfs');
    await mkdir(join(root, 'bin'), { recursive: true });
    await systemProcesses.run('cp', ['/bin/busybox', join(root, 'bin/busybox')], { deadlineMs: 5_000 });
    await symlink('busybox', join(root, 'bin/sh'));
    await writeFile(join(root, `${'long-'.repeat(30)}name.txt`), 'a long name\n');
    await writeFile(
      join(root, 'minke.json'),
      JSON.stringify({
        entrypoint: ['/bin/sh', '-c'],
        cmd: ['echo $GREETING; cat /long*; ls /'],
        env: ['GREETING=hi', 'PATH=/bin'],
        user: '12',
      }),
    );
    return root;
  }

  test('a directory becomes an image that runs as its minke.json says', async () => {
    const name = await started.images.buildImage({ rootfsDir: await makeRoot(), name: 'minke.local/greeter', config: { user: '65534' } });
    expect(name).toBe('minke.local/greeter:latest');
    const output = await outputOf(name);
    expect(output).toContain('hi\na long name');
    expect(output).not.toContain('minke.json');
    expect((await started.runtime.imageStatus(name))?.uid).toBe(65534);
  });

  test('an exported image comes back under its name, in OCI form and in docker’s', async () => {
    const { images, runtime } = started;
    const file = join(node.dataDir, 'export.tar');
    const ctr = ['--address', node.paths.socket, '--namespace', 'k8s.io', 'images'];
    expect((await systemProcesses.run('ctr', [...ctr, 'export', file, 'minke.local/greeter:latest'], { deadlineMs: 10_000 })).code).toBe(0);
    await runtime.removeImage('minke.local/greeter:latest');
    expect(await images.importImage(file)).toEqual(['minke.local/greeter:latest']);
    expect(await outputOf('minke.local/greeter:latest')).toContain('hi');

    await runtime.removeImage('minke.local/greeter:latest');
    const docker = await dockerArchive(file);
    expect(await images.importImage(docker)).toEqual(['minke.local/greeter:latest']);
    expect(await outputOf('minke.local/greeter:latest')).toContain('hi');
  });

  /** The same archive with docker's list of images only. */
  async function dockerArchive(file: string): Promise<string> {
    const directory = join(node.dataDir, 'unpacked');
    await mkdir(directory);
    await systemProcesses.run('tar', ['-xf', file, '-C', directory], { deadlineMs: 10_000 });
    await systemProcesses.run('rm', [join(directory, 'index.json'), join(directory, 'oci-layout')], { deadlineMs: 10_000 });
    const docker = join(node.dataDir, 'docker.tar');
    expect((await systemProcesses.run('tar', ['-cf', docker, '-C', directory, '.'], { deadlineMs: 10_000 })).code).toBe(0);
    return docker;
  }

  test('what is no image is refused with its reason', async () => {
    const { images } = started;
    const text = join(node.dataDir, 'text.tar');
    await writeFile(text, 'no archive at all'.repeat(100));
    await expect(images.importImage(text)).rejects.toThrow(`Cannot import "${text}": it is not a tar archive, or it is damaged`);
    await expect(images.importImage('/none.tar')).rejects.toThrow('Cannot import "/none.tar": there is no such file');
    await expect(images.buildImage({ rootfsDir: node.dataDir, name: 'Bad Name' })).rejects.toThrow('"Bad Name" is not an image name');
    await expect(images.buildImage({ rootfsDir: '/none', name: 'a:1' })).rejects.toThrow('"/none" is not a directory');
  });
});
