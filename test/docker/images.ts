import { readFileSync } from 'node:fs';

/** What an image of the Dockerfile starts. */
export interface Image {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly health: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: string | undefined;
  readonly volumes: readonly string[];
}

/** The stages of a Dockerfile by name. Forms that are not used here are refused, so that nothing goes untested. */
export function readDockerfile(path: string): Map<string, Image> {
  const images = new Map<string, Image>();
  const lines = readFileSync(path, 'utf8')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  let name = '';
  for (const line of lines) {
    const [, instruction = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    if (instruction === 'FROM') {
      name = / AS (\S+)$/.exec(rest)?.[1] ?? '';
      images.set(name, { entrypoint: [], command: [], health: [], env: {}, user: undefined, volumes: [] });
      continue;
    }
    const image = images.get(name);
    if (image === undefined) throw new Error(`${path} begins with no FROM: ${line}`);
    images.set(name, { ...image, ...read(instruction, rest, image) });
  }
  return images;
}

function read(instruction: string, rest: string, image: Image): Partial<Image> {
  switch (instruction) {
    case 'ENTRYPOINT':
      return { entrypoint: JSON.parse(rest) as string[] };
    case 'CMD':
      return { command: JSON.parse(rest) as string[] };
    case 'HEALTHCHECK':
      return { health: JSON.parse(/ CMD (\[.*\])$/.exec(rest)![1]!) as string[] };
    case 'ENV': {
      const [, key, value] = /^(\w+)=(\S+)$/.exec(rest)!;
      return { env: { ...image.env, [key!]: value! } };
    }
    case 'USER':
      return { user: rest };
    case 'VOLUME':
      return { volumes: [...image.volumes, rest] };
    case 'WORKDIR':
    case 'COPY':
    case 'RUN':
    case 'EXPOSE':
      return {};
    default:
      throw new Error(`nothing here knows ${instruction} ${rest}`);
  }
}
