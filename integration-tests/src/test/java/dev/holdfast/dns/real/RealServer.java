package dev.holdfast.dns.real;

import dev.holdfast.lab.Namespace;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** One real name server: a process in a network namespace and a folder of its own. */
public final class RealServer implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Namespace place;
  private final InetSocketAddress address;
  private final List<ServedZone> zones;
  private final Path log;
  private final List<String> command = new ArrayList<>();
  private Process process;

  /** Writes its configuration and starts it; {@link #awaitZones} says when it is ready. */
  RealServer(
      Software software, Namespace place, Path folder, String address, List<ServedZone> zones)
      throws IOException, InterruptedException {
    this.place = place;
    this.address = new InetSocketAddress(InetAddress.getByName(address), 53);
    this.zones = zones;
    this.log = folder.resolve("log");
    Files.createDirectories(folder);
    command.addAll(List.of("nsenter", "--net=/run/netns/" + place.name()));
    command.addAll(software.prepare(folder, address, zones));
    this.process = launch();
  }

  public InetSocketAddress address() {
    return address;
  }

  /** Its network namespace. */
  public Namespace place() {
    return place;
  }

  private Process launch() throws IOException {
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
        .start();
  }

  /** Returns when all its zones are there, asked for from {@code client}. */
  void awaitZones(Namespace client) throws Exception {
    long end = System.nanoTime() + PATIENCE.toNanos();
    for (ServedZone zone : zones) {
      while (!isServed(client, zone)) {
        if (!process.isAlive() || System.nanoTime() > end) {
          throw new AssertionError(command + " is not ready:\n" + Files.readString(log));
        }
        Thread.sleep(20);
      }
    }
  }

  private boolean isServed(Namespace client, ServedZone zone) throws Exception {
    try {
      Message answer =
          Questions.ask(client, address, zone.name() + ".", Type.SOA, Duration.ofMillis(300));
      return answer.getSection(Section.ANSWER).stream().anyMatch(SOARecord.class::isInstance);
    } catch (IOException e) {
      return false;
    }
  }

  /** Tells {@code secondary} that a zone has changed, as a primary does (RFC 1996). */
  public void announce(RealServer secondary, String zone) throws Exception {
    var notify = Message.newQuery(Record.newRecord(Name.fromString(zone), Type.SOA, 1));
    notify.getHeader().setOpcode(org.xbill.DNS.Opcode.NOTIFY);
    notify.getHeader().setFlag(org.xbill.DNS.Flags.AA);
    notify.getHeader().unsetFlag(org.xbill.DNS.Flags.RD);
    var unused = Questions.send(place, secondary.address, notify, Duration.ofSeconds(5));
  }

  /** From now on it takes what is sent to it and says nothing, until {@link #goOn}. */
  public void freeze() throws IOException, InterruptedException {
    signal("STOP");
  }

  public void goOn() throws IOException, InterruptedException {
    signal("CONT");
  }

  private void signal(String name) throws IOException, InterruptedException {
    int status =
        new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
            .inheritIO()
            .start()
            .waitFor();
    if (status != 0) {
      throw new IOException("kill -" + name + " of " + command + " ended with " + status);
    }
  }

  /** Ends the process and waits for it. */
  public void stop() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(10, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }

  /** Starts it again with what it had. */
  public void startAgain(Namespace client) throws Exception {
    process = launch();
    awaitZones(client);
  }

  @Override
  public void close() throws IOException, InterruptedException {
    if (process.isAlive()) {
      goOn();
    }
    stop();
    place.close();
  }
}
