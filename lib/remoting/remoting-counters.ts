/** What happened on the channels of one server or connector; read by health and metrics. */
export class RemotingCounters {
  accepted = 0;
  /** Turned away because of the connection limit. */
  refused = 0;
  /** Connections that found no agreement on TLS. */
  failedHandshakes = 0;
  /** Connections closed because of bytes that are no frame. */
  invalidFrames = 0;
  /** Answers to nothing that waits: forged, doubled or too late. */
  unknownAnswers = 0;
  /** Oneway requests that could not be understood, and oneway sends that did not fit. */
  droppedOneways = 0;
  /** Connections closed because the other end did not read. */
  stalled = 0;
  /** Connections closed because nothing travelled on them. */
  idle = 0;
}
