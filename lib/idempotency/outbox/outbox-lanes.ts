/** Never changed: rows of one key in two lanes would overtake each other. */
export const OUTBOX_LANES = 64;

/** Until when a row that cannot be sent holds its key: somebody has to decide. The largest whole number that is exact. */
export const HELD_FOR_EVER = Number.MAX_SAFE_INTEGER;
