package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What two daemons and their hosts' kernels hold, between two moves: at first and at last. */
final class SoakFigures {
  /** What a figure may grow by, from garbage that nobody has collected and the like. */
  private static final long MORE_DESCRIPTORS = 4;

  private static final long MORE_THREADS = 6;
  private static final long MORE_HEAP_KIB = 4 << 10;
  private static final long MORE_RSS_KIB = 24 << 10;

  private static final Pattern USED = Pattern.compile("used (\\d+)K");

  private final List<Namespace> machines;
  private final List<DemoHost> hosts;
  private final List<KernelSnapshot> kernels = new ArrayList<>();
  private @Nullable List<Figures> first;
  private @Nullable List<Figures> last;

  /** Of one host; memory in KiB. */
  private record Figures(
      String host, long descriptors, long threads, long heap, long rss, long kernelLines) {

    String line() {
      return String.format(
          Locale.ROOT,
          "%s: %d descriptors, %d threads, heap %.1f MiB, RSS %.1f MiB, %d lines of kernel state",
          host,
          descriptors,
          threads,
          heap / 1024.0,
          rss / 1024.0,
          kernelLines);
    }
  }

  /** The kernels as they are now are what they must be between any two moves. */
  SoakFigures(Lab lab, DemoHost a, DemoHost b) throws Exception {
    machines = List.of(lab.oldHost(), lab.newHost());
    hosts = List.of(a, b);
    for (Namespace machine : machines) {
      kernels.add(KernelSnapshot.of(machine));
    }
  }

  void first() throws Exception {
    first = take("first");
  }

  void last(int rounds) throws Exception {
    System.out.println("soak: " + rounds + " moves, no connection lost");
    last = take("last");
  }

  private List<Figures> take(String when) throws Exception {
    List<Figures> figures = new ArrayList<>();
    for (int i = 0; i < hosts.size(); i++) {
      DemoHost host = hosts.get(i);
      KernelSnapshot now = KernelSnapshot.of(machines.get(i));
      assertThat(kernels.get(i).differences(now, line -> false))
          .as("kernel of %s between two moves", host.plan().name())
          .isEmpty();
      figures.add(figures(host, now.lines().size()));
    }
    figures.forEach(each -> System.out.println("soak: " + when + ": " + each.line()));
    return figures;
  }

  private static Figures figures(DemoHost host, long kernelLines) throws IOException {
    Path process = Path.of("/proc", String.valueOf(host.pid()));
    String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    String pid = String.valueOf(host.pid());
    Tool.run(List.of(jcmd, pid, "GC.run"));
    Matcher used = USED.matcher(Tool.run(List.of(jcmd, pid, "GC.heap_info")));
    long heap = 0;
    while (used.find()) {
      heap += Long.parseLong(used.group(1));
    }
    long rss =
        Files.readAllLines(process.resolve("status")).stream()
            .filter(line -> line.startsWith("VmRSS:"))
            .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
            .sum();
    return new Figures(
        host.plan().name(),
        entries(process.resolve("fd")),
        entries(process.resolve("task")),
        heap,
        rss,
        kernelLines);
  }

  private static long entries(Path folder) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.count();
    }
  }

  void assertFlat() {
    List<Figures> before = Objects.requireNonNull(first);
    List<Figures> after = Objects.requireNonNull(last);
    for (int i = 0; i < before.size(); i++) {
      Figures was = before.get(i);
      Figures is = after.get(i);
      String both = was.line() + "%n" + is.line();
      assertThat(is.descriptors())
          .as(both)
          .isLessThanOrEqualTo(was.descriptors() + MORE_DESCRIPTORS);
      assertThat(is.threads()).as(both).isLessThanOrEqualTo(was.threads() + MORE_THREADS);
      assertThat(is.heap()).as(both).isLessThanOrEqualTo(was.heap() + MORE_HEAP_KIB);
      assertThat(is.rss()).as(both).isLessThanOrEqualTo(was.rss() + MORE_RSS_KIB);
      assertThat(is.kernelLines()).as(both).isEqualTo(was.kernelLines());
    }
  }
}
