// What most rows have in common.
import { OurServer } from '../subject/server.js';

export const BYTES = 1024;
export const IN_FLIGHT = 1000;
export const plain = { inFlight: IN_FLIGHT, bytes: BYTES };

/** The rows that the peers are measured against, and those beside them: at least 10 s of steady state each. */
export const LONG = { runs: 5, seconds: 4, warmUpSeconds: 2 };
export const SHORT = { runs: 5, seconds: 2, warmUpSeconds: 2 };
export const QUICK = { runs: 3, seconds: 1, warmUpSeconds: 1 };

/** Rows next to each other that name the same one share a server, and what has been sent is there to be received. */
export const embedded = { open: (directory) => OurServer.open(directory) };
export const standalone = { open: (directory) => OurServer.open(directory, { place: 'standalone' }) };
