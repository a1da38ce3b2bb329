package dev.holdfast.redirector.demo.load;

/** What a connection does; a quarter of all are of each kind. */
public enum Kind {
  /** The client sends all the time; the guest says nothing until after the move. */
  BULK_UP(7001),
  /** The guest sends all the time; the client says nothing until after the move. */
  BULK_DOWN(7002),
  /** The client asks every 20 ms, and the guest answers. */
  REQUESTS(7003),
  /** Nobody says anything until after the move. */
  IDLE(7004);

  private final int port;

  Kind(int port) {
    this.port = port;
  }

  /** The kind of the connection with this number. */
  public static Kind of(int index) {
    return values()[index % values().length];
  }

  /** The guest's port of this service. */
  public int port() {
    return port;
  }

  /** Whether it moves bytes all the time. */
  public boolean isBusy() {
    return this != IDLE;
  }

  public boolean isBulk() {
    return this == BULK_UP || this == BULK_DOWN;
  }
}
