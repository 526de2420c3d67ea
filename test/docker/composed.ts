import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAIN } from '../cli/command.js';
import { freePort } from '../support/free-port.js';
import { type Image, readDockerfile } from './images.js';

/** The part of a compose file that is used here. */
export interface Service {
  readonly build: { readonly context: string; readonly dockerfile: string; readonly target: string };
  readonly profiles: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period: string;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const { load } = createRequire(import.meta.url)('js-yaml') as { load(text: string): unknown };

export async function readComposeFile(path: string): Promise<ComposeFile> {
  return load(await readFile(path, 'utf8')) as ComposeFile;
}

/**
 * The services of one profile as processes of this machine: each has a port of its own for the 9876 of its container, and
 * folders for its volumes. Names of services become loopback addresses.
 */
export class Composed {
  readonly output = new Map<string, string>();
  private readonly ports = new Map<string, number>();
  private readonly running = new Map<string, { child: ChildProcess; ended: Promise<number | string> }>();
  private folder = '';

  private constructor(
    private readonly services: ReadonlyMap<string, Service>,
    private readonly images: ReadonlyMap<string, Image>,
  ) {}

  static async of(profile: string, compose: ComposeFile, dockerfile: string): Promise<Composed> {
    const services = Object.entries(compose.services).filter(([, { profiles }]) => profiles.includes(profile));
    const composed = new Composed(new Map(services), readDockerfile(dockerfile));
    composed.folder = await mkdtemp(join(tmpdir(), 'nestmq-composed-'));
    for (const [name] of services) composed.ports.set(name, await freePort());
    return composed;
  }

  /** Starts each service once those that it depends on are healthy. */
  async up(): Promise<void> {
    const started = new Map<string, Promise<void>>();
    const start = (name: string): Promise<void> => {
      let starting = started.get(name);
      if (starting === undefined) {
        starting = (async () => {
          for (const [other, { condition }] of Object.entries(this.service(name).depends_on ?? {})) {
            await start(other);
            if (condition !== 'service_healthy') throw new Error(`${name} waits for ${other} to be ${condition}`);
            await this.becomesHealthy(other);
          }
          this.start(name);
        })();
        started.set(name, starting);
      }
      return starting;
    };
    await Promise.all([...this.services.keys()].map(start));
  }

  start(name: string): void {
    const { command, build } = this.service(name);
    const image = this.images.get(build.target)!;
    const child = this.spawn(name, [...image.entrypoint, ...(command ?? image.command)]);
    this.output.set(name, '');
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => this.output.set(name, this.output.get(name)! + text));
    const ended = new Promise<number | string>((done) =>
      child.on('close', (code, signal) => done(code ?? signal ?? '')),
    );
    this.running.set(name, { child, ended });
  }

  /** As Docker would ask: by the image's health check, or the service's own. */
  async isHealthy(name: string): Promise<boolean> {
    const { healthcheck, build } = this.service(name);
    const test = healthcheck?.test.slice(1) ?? this.images.get(build.target)!.health;
    const child = this.spawn(name, test);
    return (await new Promise((done) => child.on('close', done))) === 0;
  }

  /** As Docker does, it asks again: on a busy machine one question may go unanswered. */
  async becomesHealthy(name: string): Promise<void> {
    while (!(await this.isHealthy(name)));
  }

  /** Resolves once the service has written this. */
  async sees(name: string, pattern: RegExp): Promise<void> {
    let ended = false;
    void this.running.get(name)!.ended.then(() => (ended = true));
    while (!pattern.test(this.output.get(name)!)) {
      if (ended) throw new Error(`${name} ended without ${pattern}:\n${this.output.get(name)!}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  }

  async stop(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    const { child, ended } = this.running.get(name)!;
    child.kill(signal);
    return ended;
  }

  /** What stands for a volume of a service. */
  volume(name: string, source: string): string {
    return join(this.folder, name, source);
  }

  async cleanUp(): Promise<void> {
    await Promise.all([...this.running.keys()].map((name) => this.stop(name, 'SIGKILL')));
    await rm(this.folder, { recursive: true, force: true });
  }

  private service(name: string): Service {
    const service = this.services.get(name);
    if (service === undefined) throw new Error(`there is no service ${name} in this profile`);
    return service;
  }

  private spawn(name: string, [program, ...args]: readonly string[]): ChildProcess {
    const { environment = {}, build, volumes = [] } = this.service(name);
    const here = (text: string): string => this.onLoopback(name, text, volumes);
    const inherited = Object.entries(process.env).filter(([variable]) => !variable.startsWith('NESTMQ_'));
    const given = Object.entries({ ...this.images.get(build.target)!.env, ...environment });
    const env = {
      ...Object.fromEntries(inherited),
      NESTMQ_PORT: `${this.ports.get(name)!}`,
      NESTMQ_NAME_SERVER: `127.0.0.1:${this.ports.get(name)!}`,
      // The default is 1 GiB a file, which several brokers would write at the same time.
      NESTMQ_SEGMENT_BYTES: '8m',
      ...Object.fromEntries(given.map(([variable, value]) => [variable, here(value)])),
    };
    const own = args.map(here);
    const script = program === 'nestmq' ? [MAIN, ...own] : [join('sample/dist', own[0]!), ...own.slice(1)];
    if (program !== 'nestmq' && program !== 'node') throw new Error(`no image has ${program}`);
    return spawn(process.execPath, script, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  private onLoopback(name: string, text: string, volumes: readonly string[]): string {
    let here = text.replace(/^0\.0\.0\.0$/, '127.0.0.1');
    for (const [other, port] of this.ports) here = here.replace(`${other}:9876`, `127.0.0.1:${port}`);
    for (const volume of volumes) {
      const [source, target] = volume.split(':');
      here = here.replace(target!, this.volume(name, source!));
    }
    return here;
  }
}
