// Every row of the table that is ours alone, in the order in which they are measured.
import { QUICK } from './common.js';
import { loopRows } from './loop.js';
import { otherReceiveRows, receiveRows, receiveTcpRow } from './receive.js';
import { otherSendRows, sendRows } from './send.js';

const [sendTcpRow, sendEmbeddedRow] = sendRows;

export const ROWS = [
  sendEmbeddedRow,
  ...receiveRows,
  sendTcpRow,
  receiveTcpRow,
  ...otherReceiveRows,
  ...otherSendRows,
  ...loopRows,
].map((row) => ({ quick: QUICK, ...row }));
