package io.sluice.proxy.handover;

/**
 * The kinds of frames, in the order in which they are sent. Their numbers are the form's, so none
 * is ever given to another one. "Old" is the daemon that hands over, "new" the one that takes over.
 */
public enum Frame {
  /** New: which forms it reads. */
  HELLO(1),
  /** Old: the form that it speaks, and the generation in force. */
  WELCOME(2),
  /** Old: the document in force, its file and its runtime layer. */
  DOCUMENT(3),
  /** New: it can read the document; nothing has moved until here. */
  READABLE(4),
  /** Old: sockets that take traffic in. Several, the last one says so. */
  SOCKETS(5),
  /** New: it could serve. */
  PREPARED(6),
  /** Old: UDP flows. It takes nothing in while they move. */
  FLOWS(7),
  /** Old: it takes nothing in any more. */
  SERVE(8),
  /** New: it takes in what comes. */
  SERVING(9),
  /** Old: TCP connections. */
  SESSIONS(10),
  /** New: has what a frame brought, but for those that it names; it doesn't touch them yet. */
  TAKEN(11),
  /** Old: has closed what the new one has taken, which goes on there. */
  YOURS(17),
  /** Old: what it has counted. */
  COUNTERS(12),
  /** Old: that was all. */
  END(13),
  /** New: it has all. */
  DONE(14),
  /** New: goes on working; the old one waits on. */
  WORKING(15),
  /** Either: why it goes no further. */
  REFUSED(16);

  private final int number;

  Frame(int number) {
    this.number = number;
  }

  int number() {
    return number;
  }

  static Frame of(int number) {
    for (Frame frame : values()) {
      if (frame.number == number) {
        return frame;
      }
    }
    throw new Unpacker.MalformedException("a frame of kind " + number);
  }
}
