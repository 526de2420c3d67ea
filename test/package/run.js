// The packed tarball in an empty project with only the required peers: `npm run test:package`.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SUB_PATHS } from '../../scripts/structure/house.js';
import { entryOf } from '../../scripts/structure/rules.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const project = mkdtempSync(join(tmpdir(), 'packed-'));
let passed = 0;
let failed = 0;

async function check(what, action) {
  try {
    const detail = await action();
    passed++;
    console.log(`ok      ${what}${typeof detail === 'string' ? `: ${detail}` : ''}`);
  } catch (error) {
    failed++;
    console.log(
      `FAILED  ${what}\n${error.stdout ?? ''}${error.stderr ?? ''}${error.stdout === undefined ? error.stack : ''}`,
    );
  }
}
const run = (command, args, cwd = project) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

function failsNaming(args, packages) {
  let output;
  try {
    run('node', args);
  } catch (error) {
    output = String(error.stderr);
  }
  const [, missing] = /Cannot find (?:package|module) '([^']+)'/.exec(output ?? '') ?? [];
  if (!packages.includes(missing))
    throw new Error(`it should have missed one of ${packages}, but: ${output ?? 'it loaded'}`);
  return missing;
}

/** Works from npm's cache where that has everything; otherwise asks the registry that npm is set up with. */
function install(args) {
  const common = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', ...args];
  try {
    run('npm', [...common, '--offline']);
  } catch {
    run('npm', common);
  }
}

try {
  let tarball = '';
  await check('npm pack holds dist and nothing else', () => {
    const [pack] = Object.values(
      JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], root)),
    );
    tarball = join(project, pack.filename);
    const expected = new Set(['package.json', 'README.md', 'LICENSE']);
    const strange = pack.files
      .map(({ path }) => path)
      .filter((path) => !path.startsWith('dist/') && !expected.delete(path));
    if (strange.length > 0 || expected.size > 0) throw new Error(`strange: ${strange}; missing: ${[...expected]}`);
    return `${pack.files.length} files, ${Math.round(pack.size / 1024)} KiB`;
  });

  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
  await check('it installs beside the required peers alone', () => {
    const optional = manifest.peerDependenciesMeta ?? {};
    const peers = Object.keys(manifest.peerDependencies).filter((name) => !optional[name]?.optional);
    install([tarball, ...peers.map((name) => `${name}@${manifest.devDependencies[name]}`)]);
    return peers.join(', ');
  });

  const names = `Object.keys(loaded).length + " names"`;
  /** The two ways to load a path of the package; each prints how many names it has. */
  const ways = (name) => {
    const attribute = name.endsWith('.json') ? ', { with: { type: "json" } }' : '';
    const load = `const loaded = await import('${name}'${attribute}); console.log(${names})`;
    return [
      [`import('${name}')`, ['--input-type=module', '-e', load]],
      [
        `require('${name}')`,
        ['--input-type=commonjs', '-e', `const loaded = require('${name}'); console.log(${names})`],
      ],
    ];
  };
  const peersOf = (path) => SUB_PATHS[entryOf(manifest.exports[path])]?.packages ?? [];

  for (const path of Object.keys(manifest.exports)) {
    const peers = peersOf(path);
    for (const [what, args] of ways(manifest.name + path.slice(1))) {
      if (peers.length === 0) await check(what, () => run('node', args).trim());
      else await check(`${what} names the package that is missing`, () => failsNaming(args, peers));
    }
  }

  await check('the optional peers install', () => {
    const optional = [...new Set(Object.keys(manifest.exports).flatMap(peersOf))];
    install(optional.map((name) => `${name}@${manifest.devDependencies[name]}`));
    return optional.join(', ');
  });
  for (const path of Object.keys(manifest.exports).filter((candidate) => peersOf(candidate).length > 0)) {
    for (const [what, args] of ways(manifest.name + path.slice(1))) await check(what, () => run('node', args).trim());
  }

  const version = `nestmq ${manifest.version}`;
  await check('npx nestmq --version', () => {
    const said = run('npx', ['nestmq', '--version']).trim();
    if (said !== version) throw new Error(`it said: ${said}`);
    return said;
  });
  await check('npx nestmq broker starts, answers, and stops at Ctrl-C', async () => {
    // A group of its own, so that the signal reaches npx and the broker, as from a terminal.
    const child = spawn('npx', ['nestmq', 'broker', '--port', '0', '--segment-bytes', '8m'], {
      cwd: project,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    const closed = once(child, 'close');
    try {
      const listening = () => /listening on ([\d.:]+)/.exec(output)?.[1];
      while (listening() === undefined)
        await Promise.race([once(child.stdout, 'data'), closed.then(() => Promise.reject(new Error(output)))]);
      const { topics } = JSON.parse(run('npx', ['nestmq', 'topic', 'list', '--name-server', listening(), '--json']));
      process.kill(-child.pid, 'SIGINT');
      await closed;
      if (topics.length > 0 || !/SIGINT: stopping[^]*stopped\n/.test(output)) throw new Error(output);
      return listening();
    } finally {
      if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
    }
  });
  await check('the broker’s image installs it without the peers', () => {
    const [, ...words] = /^RUN npm (install --global .*)$/m.exec(
      readFileSync(join(root, 'docker/Dockerfile'), 'utf8').replaceAll('/tmp/nestmq-*.tgz', tarball),
    );
    const prefix = join(project, 'global');
    mkdirSync(join(prefix, 'lib'), { recursive: true });
    install([...words[0].split(' ').slice(1), '--prefix', prefix]);
    const said = run(join(prefix, 'bin/nestmq'), ['--version']).trim();
    const peers = existsSync(join(prefix, 'lib/node_modules/nestmq/node_modules/@nestjs'));
    if (said !== version || peers) throw new Error(`it said ${said}; ${peers ? 'with' : 'without'} Nest`);
    return said;
  });

  cpSync(fileURLToPath(new URL('./project', import.meta.url)), project, { recursive: true });
  await check('tsc passes with skipLibCheck: false', () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    run('node', [tsc, '-p', '.', '--typeRoots', join(root, 'node_modules/@types')]);
  });
  await check('a listener receives a message', () => {
    const output = run('node', ['out/main.js']).trim();
    if (output !== 'order 7, attempt 1') throw new Error(`it printed: ${output}`);
    return output;
  });
  await check('a listener receives a message from a broker in a thread', () => {
    const output = run('node', ['out/main.js', 'worker']).trim();
    if (output !== 'order 7, attempt 1') throw new Error(`it printed: ${output}`);
    return output;
  });
  await check('an application of CommonJS has its broker in a thread', () => {
    const output = run('node', ['worker.cjs']).trim();
    if (output !== 'SEND_OK') throw new Error(`it printed: ${output}`);
    return output;
  });
  await check('a microservice answers a request', () => {
    const output = run('node', ['out/microservice.js']).trim();
    if (output !== 'a quote for lanterns') throw new Error(`it printed: ${output}`);
    return output;
  });
} finally {
  rmSync(project, { recursive: true, force: true });
}
console.log(`package: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
