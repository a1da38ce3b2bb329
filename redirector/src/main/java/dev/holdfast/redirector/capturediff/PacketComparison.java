package dev.holdfast.redirector.capturediff;

import dev.holdfast.redirector.capturefile.CapturedPacket;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Hashes of packets to find equal ones, and the fields in which two packets differ. */
final class PacketComparison {
  private static final int BEFORE = 8;
  private static final int AFTER = 8;
  private static final String ABSENT = "absent";

  /** A field as it was given. */
  private record Given(String name, long number, byte[] bytes, boolean isPayload) {
    String text() {
      return bytes.length == 0 && !isPayload
          ? FieldText.number(name, number)
          : FieldText.bytes(bytes, 0, bytes.length);
    }

    boolean isAs(Given other) {
      return number == other.number && Arrays.equals(bytes, other.bytes);
    }
  }

  private static final byte[] NONE = {};
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  private final IgnoredFields ignored;
  private final PacketFields fields = new PacketFields();
  private final CapturedPacket packet = new CapturedPacket();
  private final Hash hash = new Hash();

  PacketComparison(IgnoredFields ignored) {
    this.ignored = ignored;
  }

  // ---- hashes ----

  /** Sums up fields that count. */
  private final class Hash implements PacketFields.Sink {
    long value;

    private void mix(long part) {
      long mixed = (value ^ part) * 0xff51_afd7_ed55_8ccdL;
      value = (mixed ^ mixed >>> 32) * 0xc4ce_b9fe_1a85_ec53L + 1;
    }

    @Override
    public void number(String name, long number) {
      if (!ignored.has(name)) {
        mix(name.hashCode());
        mix(number);
      }
    }

    @Override
    public void bytes(String name, byte[] array, int from, int to) {
      if (!ignored.has(name)) {
        mix(name.hashCode());
        mixBytes(array, from, to);
      }
    }

    void mixBytes(byte[] array, int from, int to) {
      mix(to - from);
      int at = from;
      for (; at + 8 <= to; at += 8) {
        mix((long) LONG.get(array, at));
      }
      long part = 0;
      for (; at < to; at++) {
        part = part << 8 | array[at] & 0xff;
      }
      mix(part);
    }

    @Override
    public void payload(String name, byte[] array, int from, int to) {
      bytes(name, array, from, to);
    }
  }

  /** Of all fields that count; packets with the same are taken to be equal. */
  long same(CapturedPacket laid, int linkType, int frame) {
    hash.value = 1;
    fields.visit(laid, linkType, frame, hash);
    return hash.value;
  }

  /**
   * Of what makes a packet the one that it is: TCP's place in the stream, else its content.
   *
   * <p>A segment of data is known by its place, though its content may be damaged.
   */
  long like(CapturedPacket laid) {
    hash.value = 2;
    int at = laid.transport();
    hash.mix(laid.end() - at);
    if (laid.isFragment()) {
      hash.mix(laid.fragmentOffset());
    } else if (laid.protocol() == CapturedPacket.TCP && laid.hasTransport()) {
      hash.mix(laid.s32(at + 4));
      hash.mix(laid.u8(at + 13) & 7); // FIN, SYN, RST
      if (laid.payload() == laid.end()) {
        hash.mix(laid.s32(at + 8)); // an acknowledgment alone is known by what it acknowledges
      }
      return hash.value;
    }
    int from = Math.min(laid.payload(), laid.limit());
    hash.mixBytes(laid.array(), from, laid.limit());
    return hash.value;
  }

  // ---- differences ----

  private List<Given> given(SeenPacket seen) {
    List<Given> all = new ArrayList<>();
    seen.lay(packet);
    fields.visit(
        packet,
        seen.linkType(),
        0,
        new PacketFields.Sink() {
          @Override
          public void number(String name, long value) {
            keep(new Given(name, value, NONE, false));
          }

          @Override
          public void bytes(String name, byte[] array, int from, int to) {
            keep(new Given(name, 0, Arrays.copyOfRange(array, from, to), false));
          }

          @Override
          public void payload(String name, byte[] array, int from, int to) {
            keep(new Given(name, 0, Arrays.copyOfRange(array, from, to), true));
          }

          private void keep(Given field) {
            if (!ignored.has(field.name)) {
              all.add(field);
            }
          }
        });
    return all;
  }

  /** The fields that count and differ; none where one is only cut off earlier than the other. */
  List<Difference.Field> differences(SeenPacket a, SeenPacket b) {
    List<Difference.Field> differences = new ArrayList<>();
    List<Given> left = new ArrayList<>(given(b));
    for (Given field : given(a)) {
      Given other = takeFirst(left, field.name);
      if (other == null) {
        differences.add(new Difference.Field(field.name, field.text(), ABSENT, -1));
      } else if (field.isPayload) {
        payload(field, other, differences);
      } else if (!field.isAs(other)) {
        differences.add(new Difference.Field(field.name, field.text(), other.text(), -1));
      }
    }
    for (Given field : left) {
      differences.add(new Difference.Field(field.name, ABSENT, field.text(), -1));
    }
    return differences;
  }

  private static @Nullable Given takeFirst(List<Given> fields, String name) {
    for (int i = 0; i < fields.size(); i++) {
      if (fields.get(i).name.equals(name)) {
        return fields.remove(i);
      }
    }
    return null;
  }

  /** Bytes that both have; how many there are is told by the fields for lengths. */
  private static void payload(Given a, Given b, List<Difference.Field> differences) {
    int at = Arrays.mismatch(a.bytes, b.bytes);
    if (at >= 0 && at < Math.min(a.bytes.length, b.bytes.length)) {
      differences.add(new Difference.Field(a.name, context(a.bytes, at), context(b.bytes, at), at));
    }
  }

  /** The bytes around one, with it in brackets. */
  static String context(byte[] bytes, int at) {
    int from = Math.max(0, at - BEFORE);
    int to = Math.min(bytes.length, at + AFTER);
    var text = new StringBuilder();
    for (int i = from; i < to; i++) {
      String hex = "%02x".formatted(bytes[i]);
      text.append(i == from ? "" : " ").append(i == at ? "[" + hex + "]" : hex);
    }
    return text.toString();
  }
}
