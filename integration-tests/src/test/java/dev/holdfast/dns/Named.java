package dev.holdfast.dns;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;

/** A BIND 9 name server of the test's own, on a loopback address and a high port. */
final class Named implements AutoCloseable {
  private static final Path PROGRAM = Path.of("/usr/sbin/named");
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Path folder;
  private final InetSocketAddress address;
  private Process process;

  private Named(Path folder, InetSocketAddress address, Process process) {
    this.folder = folder;
    this.address = address;
    this.process = process;
  }

  /**
   * Starts one.
   *
   * @param folder its own, for configuration, zone files and journals
   * @param zones the {@code key} and {@code zone} clauses; zone files are relative to the folder
   * @param ready a name that it must answer with authority before this returns
   */
  static Named start(Path folder, InetSocketAddress address, String zones, String ready)
      throws Exception {
    assertThat(PROGRAM)
        .as("BIND 9 is needed for this test: apt-get install bind9 (./verify does it)")
        .isExecutable();
    boolean isV6 = address.getAddress() instanceof Inet6Address;
    Files.createDirectories(folder);
    Files.writeString(
        folder.resolve("named.conf"),
        """
        options {
          directory "%s"; pid-file none; session-keyfile none;
          listen-on port %d { %s; }; listen-on-v6 port %2$d { %s; };
          recursion no; dnssec-validation no; notify no; allow-transfer { none; };
          empty-zones-enable no;
        };
        controls { };
        """
                .formatted(
                    folder,
                    address.getPort(),
                    isV6 ? "none" : address.getAddress().getHostAddress(),
                    isV6 ? address.getAddress().getHostAddress() : "none")
            + zones);
    Named named = new Named(folder, address, launch(folder));
    named.await(ready);
    return named;
  }

  /** A port that is free now for UDP and TCP at both addresses. */
  static int freePort(String... addresses) throws IOException {
    for (int i = 0; i < 100; i++) {
      try (ServerSocket first = new ServerSocket(0, 1, InetAddress.getByName(addresses[0]))) {
        int port = first.getLocalPort();
        for (String each : addresses) {
          new DatagramSocket(port, InetAddress.getByName(each)).close();
          if (!each.equals(addresses[0])) {
            new ServerSocket(port, 1, InetAddress.getByName(each)).close();
          }
        }
        return port;
      } catch (java.net.BindException e) {
        continue;
      }
    }
    throw new IOException("no port is free at " + String.join(", ", addresses));
  }

  /** A file in a folder that the server's user may write to. */
  static void write(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  /** Ends the process and waits for it. */
  void stop() {
    process.destroy();
    try {
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }

  /** Starts it again with what it had. */
  void startAgain(String ready) throws Exception {
    process = launch(folder);
    await(ready);
  }

  InetSocketAddress address() {
    return address;
  }

  @Override
  public void close() {
    stop();
  }

  private static Process launch(Path folder) throws Exception {
    // named gives up root for its own user, which has to reach the folder and write journals there
    Path top = Path.of(System.getProperty("java.io.tmpdir"));
    for (Path each = folder;
        each != null && each.startsWith(top) && !each.equals(top);
        each = each.getParent()) {
      Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    Process chown =
        new ProcessBuilder("chown", "-R", "bind", folder.toString()).inheritIO().start();
    assertThat(chown.waitFor()).as("chown to user bind").isZero();
    return new ProcessBuilder(
            PROGRAM.toString(),
            "-g",
            "-u",
            "bind",
            "-n",
            "1",
            "-c",
            folder.resolve("named.conf").toString())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()))
        .start();
  }

  private void await(String ready) throws Exception {
    Instant end = Instant.now().plus(PATIENCE);
    while (!answers(ready)) {
      if (!process.isAlive() || Instant.now().isAfter(end)) {
        String log = Files.readString(folder.resolve("log"));
        stop();
        throw new AssertionError("named is not ready:\n" + log);
      }
      Thread.sleep(50);
    }
  }

  private boolean answers(String name) {
    SimpleResolver resolver = new SimpleResolver(address);
    resolver.setTimeout(Duration.ofSeconds(1));
    try {
      Message answer =
          resolver.send(
              Message.newQuery(Record.newRecord(Name.fromString(name), Type.SOA, DClass.IN)));
      return answer.getRcode() == Rcode.NOERROR && !answer.getSection(Section.ANSWER).isEmpty();
    } catch (IOException e) {
      return false;
    } catch (RuntimeException e) {
      throw new UncheckedIOException(new IOException(e));
    }
  }
}
