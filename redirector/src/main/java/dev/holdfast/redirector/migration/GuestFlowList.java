package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The guest's own list of its connections, taken by a command of the operator's that prints what
 * {@code ss -Htn} does (ssh, guest agent, {@code ip netns exec}). Such a list is complete: it has
 * the idle connections that no capture sees.
 */
final class GuestFlowList {
  private static final int LIMIT_BYTES = 16 << 20;
  private static final int LIMIT_SECONDS = 10;

  private GuestFlowList() {}

  /**
   * Runs the command and keeps the TCP connections whose local address is one of {@code olds}.
   *
   * @throws IOException when it cannot be run, ends with an error, or takes longer than 10 s
   */
  static List<FlowKey> run(String command, Collection<IpAddress> olds) throws IOException {
    // To a file, not a pipe: who reads a pipe waits for every child that has it open.
    Path out = Files.createTempFile("holdfast-flows-", ".txt");
    try {
      Process process =
          new ProcessBuilder("/bin/sh", "-c", command)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
              .redirectOutput(out.toFile())
              .start();
      try {
        if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
          throw new IOException(
              "the flow list command took longer than " + LIMIT_SECONDS + " s: " + command);
        }
        if (process.exitValue() != 0) {
          throw new IOException(
              "the flow list command ended with status " + process.exitValue() + ": " + command);
        }
      } finally {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
      }
      try (InputStream in = Files.newInputStream(out)) {
        return parse(new String(in.readNBytes(LIMIT_BYTES), StandardCharsets.UTF_8), olds);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while the flow list command ran", e);
    } finally {
      Files.deleteIfExists(out);
    }
  }

  /**
   * Reads lines of {@code ss -Htn}: state, two queue lengths, local address:port, peer
   * address:port.
   */
  static List<FlowKey> parse(String text, Collection<IpAddress> olds) {
    List<FlowKey> keys = new ArrayList<>();
    for (String line : text.lines().toList()) {
      String[] words = line.trim().split("\\s+");
      if (words.length < 5 || words[0].startsWith("LISTEN") || words[0].startsWith("TIME-WAIT")) {
        continue;
      }
      int localColon = words[3].lastIndexOf(':');
      int peerColon = words[4].lastIndexOf(':');
      if (localColon < 0 || peerColon < 0) {
        continue;
      }
      try {
        IpAddress local = address(words[3].substring(0, localColon));
        if (!olds.contains(local)) {
          continue;
        }
        keys.add(
            new FlowKey(
                PacketView.TCP,
                local,
                Integer.parseInt(words[3].substring(localColon + 1)),
                address(words[4].substring(0, peerColon)),
                Integer.parseInt(words[4].substring(peerColon + 1))));
      } catch (IllegalArgumentException e) {
        continue; // a line that is no connection, such as a heading
      }
    }
    return keys;
  }

  private static IpAddress address(String text) {
    String bare = text;
    if (bare.startsWith("[") && bare.endsWith("]")) {
      bare = bare.substring(1, bare.length() - 1);
    }
    int zone = bare.indexOf('%');
    return IpAddress.parse(zone < 0 ? bare : bare.substring(0, zone));
  }
}
