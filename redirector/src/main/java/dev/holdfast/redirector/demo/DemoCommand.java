package dev.holdfast.redirector.demo;

import dev.holdfast.redirector.cli.Main;
import dev.holdfast.redirector.config.DurationText;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.redirector.steer.Preflight;
import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code holdfast demo}: the whole story on this machine. */
@Command(
    name = "demo",
    description = {
      "Moves a guest with open TCP connections between two hosts, all of it on this machine.",
      "Makes network namespaces for a client, a router with a name server, an old and a new host,"
          + " and a guest; runs two real daemons; and takes everything down again.",
      "Without root it does so in a user namespace, where this machine allows that.",
      "It ends with 0 only if every connection survived and nothing was left behind."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  holdfast demo",
      "  holdfast demo --without                        they stall, as they do without Holdfast",
      "  holdfast demo --encapsulation ipip --delay 20ms --pause 5s --json"
    })
public final class DemoCommand implements Callable<Integer> {
  private static final int FAILED = 1;

  @Option(
      names = "--encapsulation",
      paramLabel = "tls|ipip|auto",
      defaultValue = "tls",
      description = {
        "What carries the packets between the hosts. Default: ${DEFAULT-VALUE}",
        "auto: ipip where probes prove it, else tls"
      })
  private String encapsulation = "tls";

  @Option(
      names = "--capture",
      paramLabel = "tun|pcap",
      defaultValue = "tun",
      description = {
        "How the hosts take the guest's packets. Default: ${DEFAULT-VALUE}",
        "Two, as in tun,pcap, are for the old and for the new host."
      })
  private String capture = "tun";

  @Option(
      names = "--pause",
      paramLabel = "TIME",
      defaultValue = "2s",
      converter = Time.class,
      description = "How long the guest is without a network. Default: ${DEFAULT-VALUE}")
  private Duration pause = Duration.ofSeconds(2);

  @Option(
      names = "--connections",
      paramLabel = "N",
      defaultValue = "32",
      description = "How many, a quarter of each kind. Default: ${DEFAULT-VALUE}")
  private int connections = 32;

  @Option(names = "--ipv6", description = "Old, new and client addresses are IPv6.")
  private boolean ipv6;

  @Option(
      names = "--underlay",
      paramLabel = "ipv4|ipv6",
      description = "What the hosts speak with each other. Default: what the guest speaks.")
  private @Nullable String underlay;

  @Option(
      names = "--hold",
      paramLabel = "queue|drop",
      defaultValue = "queue",
      description = "What happens to packets during the pause. Default: ${DEFAULT-VALUE}")
  private String hold = "queue";

  @Option(
      names = "--delay",
      paramLabel = "TIME",
      defaultValue = "0ms",
      converter = Time.class,
      description = "One way, between the sites. Default: ${DEFAULT-VALUE}")
  private Duration delay = Duration.ZERO;

  @Option(
      names = "--without",
      description = "Leaves Holdfast out: the old connections must be seen to stall.")
  private boolean without;

  @Option(
      names = "--keep",
      paramLabel = "DIR",
      description = "Keeps configuration files, logs and captures in this folder.")
  private @Nullable Path keep;

  // linux/capability.h
  private static final int CAP_NET_ADMIN = 12;
  private static final int CAP_NET_RAW = 13;
  private static final int CAP_SYS_ADMIN = 21;

  @Spec private CommandSpec spec;

  /** Durations as the configuration has them. */
  static final class Time implements ITypeConverter<Duration> {
    @Override
    public Duration convert(String text) {
      try {
        return DurationText.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(String.valueOf(e.getMessage()));
      }
    }
  }

  @Override
  public Integer call() throws Exception {
    ScenarioOptions options = options();
    boolean json = Main.wantsJson(spec);
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    if (!Files.exists(Path.of("/dev/net/tun"))) {
      throw refused("The demo needs /dev/net/tun: load the kernel module with 'modprobe tun'.");
    }
    if (!mayMakeNamespaces()) {
      String missing = Rootless.missing();
      if (!missing.isEmpty()) {
        throw refused(
            "Run the demo with sudo (it needs CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW): without"
                + " them, "
                + missing);
      }
      return Rootless.run(spec.root().commandLine().getParseResult().originalArgs());
    }
    PrintWriter ticks = isTerminal() ? err : new PrintWriter(Writer.nullWriter());
    Story story = Story.to(json ? err : out, ticks);
    if (Rootless.isWithin()) {
      story.tell(
          "without root, in a user namespace: the slow path, as nothing may have a higher priority");
    }
    try {
      ScenarioResult result = Scenario.run(options, story);
      out.println(json ? DemoReport.json(result) : DemoText.of(result));
      out.flush();
      return result.isGood() ? 0 : FAILED;
    } catch (Cleanup.Closed e) {
      return FAILED; // the process is being told to end, and has said so
    } catch (RequestRefused e) {
      throw new IOException("A daemon of the demo refused: " + e.getMessage(), e);
    }
  }

  /** Progress that overwrites itself is for people who look on. */
  @SuppressWarnings("SystemConsoleNull") // its contract allows null still
  private static boolean isTerminal() {
    Console console = System.console();
    return console != null && console.isTerminal();
  }

  private ScenarioOptions options() {
    check(
        List.of("tls", "ipip", "auto").contains(encapsulation),
        "--encapsulation must be tls, ipip or auto.");
    check(capture.matches("(tun|pcap)(,(tun|pcap))?"), "--capture must be tun or pcap.");
    check(List.of("queue", "drop").contains(hold), "--hold must be queue or drop.");
    check(
        underlay == null || List.of("ipv4", "ipv6").contains(underlay),
        "--underlay must be ipv4 or ipv6.");
    check(connections >= 4 && connections <= 4096, "--connections must be within 4..4096.");
    check(pause.compareTo(Duration.ofMinutes(10)) <= 0, "--pause must be at most 10m.");
    check(keep == null || isNew(keep), "--keep: " + keep + " must be a new or an empty folder.");
    check(delay.compareTo(Duration.ofSeconds(1)) <= 0, "--delay must be at most 1s.");
    return ScenarioOptions.defaults()
        .with(draft -> {
          draft.encapsulation = encapsulation;
          draft.plaintext = encapsulation.equals("auto");
          draft.capture = capture;
          draft.pause = pause;
          draft.connections = connections;
          draft.ipv6 = ipv6;
          draft.underlay = underlay;
          draft.hold = hold;
          draft.delay = delay;
          draft.without = without;
          draft.keep = keep;
        });
  }

  private static boolean isNew(Path folder) {
    String[] names = folder.toFile().list();
    return names == null ? !Files.exists(folder) : names.length == 0;
  }

  private void check(boolean good, String sentence) {
    if (!good) {
      throw new ParameterException(spec.commandLine(), sentence);
    }
  }

  private static RequestRefused refused(String sentence) {
    return new RequestRefused(RequestRefused.Kind.REFUSED, sentence);
  }

  /** Root may lack what it takes, in a container; others may have it. */
  private static boolean mayMakeNamespaces() throws IOException {
    long needed = 1L << CAP_NET_ADMIN | 1L << CAP_NET_RAW | 1L << CAP_SYS_ADMIN;
    return (Preflight.effectiveCapabilities() & needed) == needed;
  }
}
