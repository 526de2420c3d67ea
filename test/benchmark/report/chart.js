// Horizontal bars with their ranges as an SVG that is readable on a light and on a dark page.

const WIDTH = 940;
export const LABELS = 370;
const VALUES = 190;
const TOP = 58;
const ROW = 30;
const BAR = 14;
const BOTTOM = 16;
const STYLE = `text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-size:16px;font-weight:600}.note{fill:#6e7781}
.ours{fill:#1f7a8c}.theirs{fill:#9aa5b1}.range{stroke:#24292f;stroke-width:1.5}.axis{stroke:#8c959f;stroke-width:1}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9198a1}.ours{fill:#4fb3c8}.theirs{fill:#6e7681}.range{stroke:#e6edf3}}`;

const safe = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const at = (value) => value.toFixed(1);

/**
 * @param bars `{ label, ours, median, min, max }` each, in the order in which they are drawn; their unit is in `note`
 * @param format turns a value into the text beside its bar
 */
export function barChart({ title, note, bars, format }) {
  for (const { label, median, min, max } of bars) {
    if (!(Number.isFinite(max) && min >= 0 && min <= median && median <= max))
      throw new TypeError(`${label}: ${median} [${min}-${max}] cannot be drawn`);
  }
  const height = TOP + Math.max(1, bars.length) * ROW + BOTTOM;
  const most = Math.max(...bars.map(({ max }) => max), Number.MIN_VALUE);
  const x = (value) => LABELS + (value / most) * (WIDTH - LABELS - VALUES);
  const parts = [
    `<title>${safe(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="12" y="24">${safe(title)}</text>`,
    `<text class="note" x="12" y="44">${safe(note)}</text>`,
  ];
  for (const [index, { label, ours, median, min, max }] of bars.entries()) {
    const middle = TOP + index * ROW + ROW / 2;
    parts.push(
      `<text x="${LABELS - 10}" y="${at(middle + 4)}" text-anchor="end">${safe(label)}</text>`,
      `<rect class="${ours ? 'ours' : 'theirs'}" x="${LABELS}" y="${at(middle - BAR / 2)}" width="${at(x(median) - LABELS)}" height="${BAR}" rx="2"/>`,
      `<path class="range" fill="none" d="M${at(x(min))} ${at(middle)}H${at(x(max))}M${at(x(min))} ${at(middle - 4)}v8M${at(x(max))} ${at(middle - 4)}v8"/>`,
      `<text x="${at(x(max) + 8)}" y="${at(middle + 4)}">${safe(format(median))} <tspan class="note">${safe(`${format(min)}-${format(max)}`)}</tspan></text>`,
    );
  }
  if (bars.length === 0) parts.push(`<text class="note" x="12" y="${TOP + 20}">not measured yet: npm run bench</text>`);
  else parts.push(`<path class="axis" d="M${LABELS} ${TOP - 2}v${bars.length * ROW + 4}"/>`);
  const frame = `xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img"`;
  return `<svg ${frame}>${parts.join('')}</svg>\n`;
}
