import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Composed, type ComposeFile, readComposeFile } from './composed.js';
import { type Image, readDockerfile } from './images.js';

/** Up to ten processes start here, on a machine with two cores that may have other work. */
const LIMIT = 180_000;
const DOCKERFILE = 'docker/Dockerfile';

describe('the Dockerfile and the compose file', () => {
  let compose: ComposeFile;
  let images: Map<string, Image>;
  let composed: Composed | undefined;
  beforeAll(async () => {
    compose = await readComposeFile('docker/compose.yaml');
    images = readDockerfile(DOCKERFILE);
  });
  afterEach(() => composed?.cleanUp());

  const up = async (profile: string): Promise<Composed> => {
    composed = await Composed.of(profile, compose, DOCKERFILE);
    await composed.up();
    return composed;
  };

  it('run nobody as root, keep messages in volumes, and grant time to stop', () => {
    expect([images.get('broker'), images.get('application')]).toMatchObject([{ user: 'node' }, { user: 'node' }]);
    for (const [name, service] of Object.entries(compose.services)) {
      expect(service.build).toEqual({ context: '..', dockerfile: DOCKERFILE, target: expect.any(String) });
      const image = images.get(service.build.target)!;
      for (const volume of service.volumes ?? []) {
        const [source, target] = volume.split(':');
        expect([name, Object.keys(compose.volumes)]).toEqual([name, expect.arrayContaining([source])]);
        expect(image.volumes).toContain(target);
      }
      expect(parseInt(service.stop_grace_period, 10)).toBeGreaterThanOrEqual(20);
    }
  });

  it(
    'run the application with its broker inside',
    async () => {
      const run = await up('embedded');
      await run.sees('embedded', /bill for order 2, to Norway/);
      expect(await run.stop('embedded')).toBe('SIGTERM');
      expect(await readdir(join(run.volume('embedded', 'embedded'), 'messages'))).toContain('commitlog');
    },
    LIMIT,
  );

  it(
    'run the same application with a broker of its own',
    async () => {
      const run = await up('standalone');
      await run.sees('standalone', /bill for order 2, to Norway/);
      await run.becomesHealthy('broker');
      expect(await run.stop('standalone')).toBe('SIGTERM');
      expect(await run.stop('broker')).toBe(0);
      expect(await run.isHealthy('broker')).toBe(false);
      expect(await readdir(run.volume('broker', 'broker'))).toContain('commitlog');
    },
    LIMIT,
  );

  it(
    'run the same application with a cluster, of which one broker may die',
    async () => {
      const run = await up('cluster');
      await run.sees('cluster', /bill for order 1, to Norway/);
      await run.becomesHealthy('broker-b');
      expect(await run.stop('broker-a', 'SIGKILL')).toBe('SIGKILL');
      const before = run.output.get('cluster')!.length;
      while (!/bill for order \d+/.test(run.output.get('cluster')!.slice(before)))
        await new Promise((done) => setTimeout(done, 20));
      while (await run.isHealthy('broker-a'));
      await run.becomesHealthy('broker-b');
      await run.becomesHealthy('namesrv');
      expect(await run.stop('cluster')).toBe('SIGTERM');
      expect(await run.stop('broker-b')).toBe(0);
      expect(await run.stop('namesrv')).toBe(0);
    },
    LIMIT,
  );
});
