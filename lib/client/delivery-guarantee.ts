/** How often a message is delivered when something fails: once or more, or once or not at all. */
export type DeliveryGuarantee = 'at-least-once' | 'at-most-once';
