// What most rows have in common.
import { OurServer } from '../subject/server.js';

export const BYTES = 1024;
export const IN_FLIGHT = 1000;
export const plain = { inFlight: IN_FLIGHT, bytes: BYTES };

/** A row is one load without a pause: a warm-up, then windows back to back, 10 s of steady state at the least. */
export const LONG = { windows: 5, seconds: 3, warmUpSeconds: 2 };
export const SHORT = { windows: 5, seconds: 2, warmUpSeconds: 2 };
export const QUICK = { windows: 3, seconds: 0.7, warmUpSeconds: 0.6 };

/** Rows next to each other that name the same one share a server, and what has been sent is there to be received. */
export const embedded = { open: (directory) => OurServer.open(directory) };
export const standalone = { open: (directory) => OurServer.open(directory, { place: 'standalone' }) };
