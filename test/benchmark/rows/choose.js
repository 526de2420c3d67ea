/** What a list of names and tags chooses of the rows; all without a list. */
export function chooseRows(only, rows) {
  if (only === undefined) return rows;
  const known = new Set(rows.flatMap(({ name, tags }) => [...tags, name]));
  const unknown = only.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new Error(`--only: there is no row ${unknown.join(', ')}. Known: ${[...known].join(', ')}`);
  return rows.filter(({ name, tags }) => only.includes(name) || tags.some((tag) => only.includes(tag)));
}
