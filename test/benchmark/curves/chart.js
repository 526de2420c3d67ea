// A curve as an SVG: both axes logarithmic, each figure a line relative to its first point.
import { short } from './readings.js';
import { reading } from './rule.js';

const WIDTH = 760;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 270;
const TOP = 46;
const BOTTOM = 54;
const COLOURS = ['#0b6e99', '#d9730d', '#0f7b6c', '#ad1a72', '#6940a5', '#e03e3e', '#64473a', '#dfab01'];

export function chartOf(curve, { points, verdict }) {
  const names = Object.keys(curve.figures);
  const sizes = points.map(({ size }) => size);
  const lines = names.map((name) => points.map(({ values }) => Math.max(reading(values[name]), 1e-3)));
  const relative = lines.map((line) => line.map((value) => value / line[0]));
  const x = axis(Math.min(...sizes), Math.max(...sizes), LEFT, WIDTH - RIGHT);
  const y = axis(Math.min(0.5, ...relative.flat()), Math.max(4, ...relative.flat()), HEIGHT - BOTTOM, TOP);
  const parts = [text(LEFT, 24, curve.title, 'font-size="15" font-weight="bold"')];
  for (const factor of [0.1, 0.25, 0.5, 1, 2, 4, 10, 100, 1000]) {
    if (y.from > factor || y.to < factor) continue;
    const at = y.place(factor).toFixed(1);
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}" stroke="${factor === 1 ? '#777' : '#ddd'}"/>`,
    );
    parts.push(text(LEFT - 8, Number(at) + 4, `x ${factor}`, 'text-anchor="end"'));
  }
  for (const size of sizes) parts.push(text(x.place(size), HEIGHT - BOTTOM + 20, short(size), 'text-anchor="middle"'));
  parts.push(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, curve.axis, 'text-anchor="middle"'));
  for (const [index, name] of names.entries()) {
    const colour = COLOURS[index % COLOURS.length];
    const corners = relative[index].map(
      (value, point) => `${x.place(sizes[point]).toFixed(1)},${y.place(value).toFixed(1)}`,
    );
    parts.push(`<polyline points="${corners.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const corner of corners)
      parts.push(`<circle cx="${corner.split(',')[0]}" cy="${corner.split(',')[1]}" r="3" fill="${colour}"/>`);
    const { title, unit } = curve.figures[name];
    const broken = verdict.figures.some(({ figure, holds }) => figure === name && !holds);
    const at = TOP + 8 + index * 34;
    parts.push(
      text(WIDTH - RIGHT + 16, at, `${title}${broken ? ' (broken)' : ''}`, `fill="${colour}" font-weight="bold"`),
    );
    parts.push(text(WIDTH - RIGHT + 16, at + 14, `${lines[index].map(short).join(', ')} ${unit}`, 'fill="#555"'));
  }
  const frame = `xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"`;
  return `<svg ${frame} font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>${parts.join('')}</svg>\n`;
}

function axis(from, to, start, end) {
  const low = Math.log(from);
  const span = Math.max(Math.log(to) - low, 1e-9);
  return { from, to, place: (value) => start + ((Math.log(value) - low) / span) * (end - start) };
}

function text(x, y, content, more) {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${safe}</text>`;
}
