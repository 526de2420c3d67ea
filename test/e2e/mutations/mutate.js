/**
 * @typedef {object} Mutation
 * @property {string} id
 * @property {string} says What is wrong with the engine then.
 * @property {string} file Source file, from the root of the project.
 * @property {string} find Text of the compiled file, which is the source without its types.
 * @property {string} replace
 */

/**
 * Replaces the one place that a mutation names. Throws when the place is not there, or there more than once: a mutation that
 * changes nothing would prove nothing.
 * @param {string} text
 * @param {Mutation} mutation
 */
export function mutate(text, { id, file, find, replace }) {
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`mutation ${id}: ${places} places in ${file} instead of one: ${find}`);
  return text.replace(find, () => replace);
}
