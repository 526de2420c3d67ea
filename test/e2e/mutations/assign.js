/**
 * Chooses which behaviours have to notice which change, so that a run over all changes shows each behaviour about once.
 * A behaviour goes to the change that turns the fewest red, which is the one it says most about; a change to which none
 * went keeps the first that it turns red.
 * @param {Map<string, string[]>} red What each change turns red.
 * @param {string[]} behaviours
 * @returns {Record<string, string[]>} Per change, in the order of `red`, the behaviours in the order of the contract.
 */
export function assign(red, behaviours) {
  const noticed = Object.fromEntries([...red.keys()].map((id) => [id, []]));
  for (const name of behaviours) {
    const [narrowest] = [...red].filter(([, names]) => names.includes(name)).sort((a, b) => a[1].length - b[1].length);
    if (narrowest !== undefined) noticed[narrowest[0]].push(name);
  }
  for (const [id, names] of red) {
    if (noticed[id].length > 0) continue;
    noticed[id].push(...behaviours.filter((name) => names.includes(name)).slice(0, 1));
  }
  return noticed;
}
