/** Version of how processes share a store; raised when an older process could not take part. */
export const SHARING_VERSION = 1;

/** How the remark of an answer begins that tells who wants to join to ask again. */
export const NOT_YET = 'BROKER_BUSY: ';
