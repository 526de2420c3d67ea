// Runs curves, judges them, and writes down what came of it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartOf } from './chart.js';
import { short } from './readings.js';
import { room } from './room.js';
import { verdict } from './rule.js';
import { Stand } from './stand.js';

/**
 * `settings`: `{ curves, scale, directory, results, facts, say }`. Answers `{ broken, left }`: the names of the curves that
 * broke the rule, and of those that found no room or failed.
 */
export async function runCurves({ curves, scale, directory, results, facts, pace, say }) {
  const broken = [];
  const left = [];
  for (const curve of curves) {
    const sizes = curve.sizes[scale];
    const space = room(curve, sizes, directory);
    say(`\n${curve.name}: ${curve.title}, ${sizes.map(short).join(', ')} ${curve.axis}`);
    say(`  ${space.text}; takes about ${Math.ceil(curve.duration(sizes) / 60)} min`);
    if (!space.fits) {
      say(`  left out: there is no room for it. Name another folder with --directory, or a smaller scale.`);
      left.push(curve.name);
      continue;
    }
    const began = performance.now();
    let points;
    try {
      points = await pointsOf(curve, sizes, directory, pace, say);
    } catch (error) {
      say(`  failed: ${error.stack ?? error}`);
      left.push(curve.name);
      continue;
    }
    const judged = verdict(curve.figures, points);
    for (const line of verdictLines(curve, judged)) say(line);
    if (!judged.holds) broken.push(curve.name);
    if (results !== undefined) {
      const seconds = Math.round((performance.now() - began) / 1000);
      write(results, curve, {
        curve: curve.name,
        title: curve.title,
        axis: curve.axis,
        scale,
        seconds,
        facts,
        points,
        verdict: judged,
      });
    }
  }
  return { broken, left };
}

async function pointsOf(curve, sizes, directory, pace, say) {
  const stands = [];
  const bench = {
    ...pace,
    say,
    async stand(settings, flags = pace.flags) {
      const stand = await Stand.open(directory, settings, flags);
      stands.push(stand);
      return stand;
    },
  };
  const points = [];
  try {
    for await (const point of curve.points(sizes, bench)) {
      points.push(point);
      const values = Object.entries(point.values).map(([name, value]) => `${name} ${shown(value)}`);
      say(`  ${short(point.size)}: ${values.join(', ')}`);
    }
  } finally {
    for (const stand of stands) await stand.close();
  }
  return points;
}

function shown(value) {
  if (typeof value !== 'object') return short(value);
  return `${short(value.median)} (${short(value.min)}-${short(value.max)})`;
}

/** Each figure with what doubling the size does to the time, and whether that is allowed. */
export function verdictLines(curve, judged) {
  const lines = judged.figures.map(({ figure, kind, limit, holds, points, pairs }) => {
    const { title, unit } = curve.figures[figure];
    const mark = holds ? 'holds ' : 'BROKEN';
    const costs = points.map(({ cost }) => short(cost)).join(' > ');
    if (pairs === undefined) return `  ${mark} ${title}: ${costs} ${unit}, at ${kind} ${short(limit)}`;
    const steps = pairs
      .map(
        ({ from, to, doubling, allowed }) =>
          `${short(from)}>${short(to)} x${doubling.toFixed(2)} (at most ${allowed.toFixed(2)})`,
      )
      .join(', ');
    return `  ${mark} ${title}: ${costs} ${unit}; doubling costs ${steps}`;
  });
  lines.push(
    judged.grown
      ? `  ${judged.holds ? 'The rule holds' : 'The rule is BROKEN'}: doubling the work ${judged.holds ? 'does not more than double' : 'more than doubles'} the time.`
      : '  One size shows no growth: only limits were judged.',
  );
  return lines;
}

function write(results, curve, record) {
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${curve.name}.json`), `${JSON.stringify(record, undefined, 2)}\n`);
  writeFileSync(join(results, `${curve.name}.svg`), chartOf(curve, record));
}
