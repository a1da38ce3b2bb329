package dev.holdfast.redirector.flow;

/** Which way a packet goes, seen from the guest. */
public enum Direction {
  TO_GUEST,
  FROM_GUEST;

  public Direction reverse() {
    return this == TO_GUEST ? FROM_GUEST : TO_GUEST;
  }
}
