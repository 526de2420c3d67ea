// Which peers a run takes.

/**
 * @param wanted `main`, `all`, `none`, or ids separated by commas; `main,nats` adds to the main ones
 * @returns the peers, and what of them the machine lacks, with how to get it
 */
export async function choosePeers(wanted, known) {
  const ids = new Set();
  for (const name of wanted.split(',').map((part) => part.trim())) {
    if (name === 'none') continue;
    const found = known.filter(({ id, main }) => name === 'all' || (name === 'main' ? main : id === name));
    if (found.length === 0)
      throw new Error(`--peers: there is no ${name}. Known: ${known.map(({ id }) => id).join(', ')}, main, all, none`);
    for (const { id } of found) ids.add(id);
  }
  const peers = [];
  const missing = [];
  for (const { id, load } of known.filter((one) => ids.has(one.id))) {
    try {
      const peer = await load();
      const lacking = peer.missing();
      if (lacking === undefined) peers.push(peer);
      else missing.push(`${peer.name}: ${lacking}`);
    } catch (error) {
      // Its client is a development dependency, which an installation without those does not have.
      missing.push(`${id}: ${error.message}`);
    }
  }
  return { peers, missing };
}
