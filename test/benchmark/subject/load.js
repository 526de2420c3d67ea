// What keeps a template busy: loops that go on until they are stopped.
import { dueAfter } from '../rhythm.js';

const FIELD = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** A body of so many bytes, or an object whose JSON has about as many. */
export function payloadOf(kind, bytes) {
  if (kind === 'buffer') return Buffer.alloc(bytes, 'x');
  const order = { id: 4711, customer: 'Ada Lovelace', paid: true, total: 99.95, lines: [] };
  for (let n = 0; JSON.stringify(order).length < bytes - 60; n++)
    order.lines.push({ sku: `${FIELD.slice(n % 20, (n % 20) + 8)}-${n}`, quantity: n, price: n * 1.5 });
  const missing = bytes - JSON.stringify(order).length - '"note":"",'.length;
  return missing > 0 ? { ...order, note: 'x'.repeat(missing) } : order;
}

/** So many sends open at any time, each in a chain of its own. */
export function sendInFlight(template, topic, body, inFlight) {
  let running = true;
  let acknowledged = 0;
  const lane = async () => {
    while (running) {
      await template.syncSend(topic, body);
      acknowledged += 1;
    }
  };
  const lanes = Promise.all(Array.from({ length: inFlight }, lane));
  return {
    acknowledged: () => acknowledged,
    stop: () => {
      running = false;
      return lanes;
    },
  };
}

export function sendBatches(template, topic, bodies, batchesInFlight) {
  let running = true;
  let acknowledged = 0;
  const lane = async () => {
    while (running) {
      await template.batch(topic, bodies);
      acknowledged += bodies.length;
    }
  };
  const lanes = Promise.all(Array.from({ length: batchesInFlight }, lane));
  return {
    acknowledged: () => acknowledged,
    stop: () => {
      running = false;
      return lanes;
    },
  };
}

/**
 * An open loop: what is due is sent, whatever has become of what was sent before. The first eight bytes say when.
 * @param rhythm `{ ratePerSecond, warmUpPerSecond?, warmUpSeconds? }`
 */
export function sendPaced(template, topic, bytes, rhythm) {
  const open = new Set();
  let acknowledged = 0;
  let sent = 0;
  let failure;
  const began = performance.now();
  const step = () => {
    const due = dueAfter((performance.now() - began) / 1000, rhythm);
    for (; sent < due; sent++) {
      const body = Buffer.alloc(bytes, 'x');
      body.writeDoubleLE(performance.now(), 0);
      const sending = template.syncSend(topic, body).then(
        () => {
          acknowledged += 1;
          open.delete(sending);
        },
        (error) => (failure = error),
      );
      open.add(sending);
    }
  };
  const timer = setInterval(step, 1);
  return {
    acknowledged: () => acknowledged,
    sent: () => sent,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
      if (failure !== undefined) throw failure;
    },
  };
}
