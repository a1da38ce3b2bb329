package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** TCP connections of this host's own programs, as proc(5) lists them in /proc/net/tcp and tcp6. */
final class OwnConnections {
  private static final Path FOLDER = Path.of("/proc/thread-self/net");
  private static final int REMOTE = 2;
  private static final int STATE = 3;
  private static final String TIME_WAIT = "06";
  private static final String LISTEN = "0A";

  private OwnConnections() {}

  /** An IPv4 address in the list of IPv6 sockets, many of which speak both (RFC 4291 2.5.5.2). */
  private static final String MAPPED = "0000000000000000FFFF0000";

  /** How many there are with {@code address} at their other end, in this thread's namespace. */
  static long to(IpAddress address) throws IOException {
    return count(read("tcp"), address) + count(read("tcp6"), address);
  }

  private static List<String> read(String name) throws IOException {
    try {
      return Files.readAllLines(FOLDER.resolve(name));
    } catch (NoSuchFileException e) {
      return List.of(); // this kernel has no IPv6
    }
  }

  static long count(List<String> lines, IpAddress address) {
    String plain = hex(address) + ":";
    String mapped = MAPPED + plain;
    return lines.stream()
        .skip(1)
        .map(line -> line.strip().split("\\s+"))
        .filter(words -> words.length > STATE)
        .filter(words -> words[REMOTE].startsWith(plain) || words[REMOTE].startsWith(mapped))
        .filter(words -> !words[STATE].equals(TIME_WAIT) && !words[STATE].equals(LISTEN))
        .count();
  }

  /** Words of 32 bits, each printed as this (little-endian) host's number. */
  private static String hex(IpAddress address) {
    if (address.isV4()) {
      return word((int) address.low());
    }
    return word((int) (address.high() >>> 32))
        + word((int) address.high())
        + word((int) (address.low() >>> 32))
        + word((int) address.low());
  }

  private static String word(int bits) {
    return "%08X".formatted(Integer.reverseBytes(bits));
  }
}
