package dev.holdfast.redirector.hold;

import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** What was staged by one data connection, in the order of the ids, which is that of sending. */
final class StagedLane {
  private static final int FIRST_SIZE = 64;

  // ids rise from index 0 to count; a packet that was taken away leaves a null
  private long[] ids = new long[FIRST_SIZE];
  private int[] flows = new int[FIRST_SIZE];
  private @Nullable ByteBuf[] copies = new ByteBuf[FIRST_SIZE];
  private int count;
  private int packets;
  private long lastId;

  /** The id must be above {@link #lastId}. */
  void add(long id, int flow, ByteBuf copy) {
    if (count == ids.length) {
      makeRoom();
    }
    ids[count] = id;
    flows[count] = flow;
    copies[count] = copy;
    count++;
    packets++;
    lastId = id;
  }

  private void makeRoom() {
    if (packets > count / 2) {
      ids = Arrays.copyOf(ids, count * 2);
      flows = Arrays.copyOf(flows, count * 2);
      copies = Arrays.copyOf(copies, count * 2);
      return;
    }
    int to = 0;
    for (int i = 0; i < count; i++) {
      ByteBuf copy = copies[i];
      copies[i] = null;
      if (copy != null) {
        ids[to] = ids[i];
        flows[to] = flows[i];
        copies[to] = copy;
        to++;
      }
    }
    count = to;
  }

  /** The index of the packet with that id; negative where it is not here. */
  int indexOf(long id) {
    int at = Arrays.binarySearch(ids, 0, count, id);
    return at < 0 || copies[at] == null ? -1 : at;
  }

  /** How many indexes there are, from 0; not every one still has a packet. */
  int end() {
    return count;
  }

  boolean isThere(int index) {
    return copies[index] != null;
  }

  long id(int index) {
    return ids[index];
  }

  int flow(int index) {
    return flows[index];
  }

  /** Hands the packet over, whose place is empty then; null where it is already. */
  @Nullable ByteBuf take(int index) {
    ByteBuf copy = copies[index];
    if (copy != null) {
      copies[index] = null;
      packets--;
    }
    return copy;
  }

  /** The id of the last packet that was added; every earlier one is here or was taken away. */
  long lastId() {
    return lastId;
  }
}
