// Java programs from Maven Central: fetched once into the local repository, found there without a network afterwards.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findProgram } from './own-process.js';

/** What of the machine is not there, or undefined. */
export function missingArtifacts(folder, what) {
  const lacking = [];
  if (findProgram('java') === undefined)
    lacking.push('java (a JDK from 17 on; Debian: apt-get install default-jdk-headless)');
  if (findProgram('mvn') === undefined) lacking.push('mvn (Debian: apt-get install maven)');
  if (lacking.length > 0) return lacking.join(', ');
  try {
    classPath(folder);
    return undefined;
  } catch (error) {
    return `${what} from Maven Central, which needs its network once (mvn -f ${join(folder, 'pom.xml')}): ${error.message}`;
  }
}

/** The class path of the pom.xml in the folder; remembered below `target/` for as long as all of it is there. */
export function classPath(folder) {
  const [pom, file] = [join(folder, 'pom.xml'), join(folder, 'target', 'class-path.txt')];
  const kept = () => {
    if (!existsSync(file) || statSync(file).mtimeMs < statSync(pom).mtimeMs) return undefined;
    const found = readFileSync(file, 'utf8').trim();
    return found.split(delimiter).every((jar) => existsSync(jar)) ? found : undefined;
  };
  const found = kept();
  if (found !== undefined) return found;
  mkdirSync(join(folder, 'target'), { recursive: true });
  // Maven leaves a file alone that says the same.
  rmSync(file, { force: true });
  const goal = [
    '-q',
    '-B',
    '-Dstyle.color=never',
    '-f',
    pom,
    'dependency:build-classpath',
    `-Dmdep.outputFile=${file}`,
  ];
  const maven = spawnSync('mvn', goal, { encoding: 'utf8', timeout: 300_000 });
  if (maven.status !== 0) throw new Error(`${maven.stdout}${maven.stderr}${maven.error ?? ''}`.trim().slice(0, 1_000));
  const fetched = kept();
  if (fetched === undefined) throw new Error(`Maven said nothing of where it put the artifacts of ${pom}`);
  return fetched;
}

export const javaVersion = () =>
  /version "([^"]+)"/.exec(spawnSync('java', ['-version'], { encoding: 'utf8' }).stderr)?.[1] ??
  'of an unknown version';
